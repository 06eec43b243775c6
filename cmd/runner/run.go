/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/lua/modules"
	"github.com/topas-dev/topas/internal/runner"
)

type runOptions struct {
	namespace, app, script, roots, timeout string
	run, uid, secrets, secretsDir          string
	newman, kubeconfig, params             string
}

func newRunCommand(r *report) *cobra.Command {
	o := &runOptions{}
	settings := []setting{
		{flag: "namespace", variable: contract.EnvNamespace, usage: "the namespace of the App", value: &o.namespace},
		{flag: "app", variable: contract.EnvApp, usage: "the App under test", value: &o.app},
		{flag: "script", variable: contract.EnvScript, usage: "the path of the script in the first root", value: &o.script},
		{flag: "roots", variable: contract.EnvRoots, usage: "the folders of the script's files, separated by \":\"", value: &o.roots},
		{flag: "run", variable: contract.EnvRun, usage: "the TestRun whose status shows the test cases; empty means none", value: &o.run, optional: true},
		{flag: "run-uid", variable: contract.EnvRunUID, usage: "the UID of the TestRun", value: &o.uid, optional: true},
		{flag: "secrets", variable: contract.EnvSecrets, usage: "the names of the Secrets of the test, separated by \",\"", value: &o.secrets, optional: true},
		{flag: "timeout", variable: contract.EnvTimeout, usage: "how long the script may run, such as 90s", value: &o.timeout},
	}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the script and leave its verdict",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := complete(settings); err != nil {
				return err
			}
			timeout, err := time.ParseDuration(o.timeout)
			if err != nil || timeout <= 0 {
				return fmt.Errorf("%s is %q, must be a duration such as 90s or 10m", contract.EnvTimeout, o.timeout)
			}
			params, err := readParams(o.params)
			if err != nil {
				return err
			}
			r.write(runner.Run(cmd.Context(), runner.Options{
				Params:   params,
				Secrets:  o.given(),
				Roots:    filepath.SplitList(o.roots),
				Script:   o.script,
				Timeout:  timeout,
				Connect:  o.connect,
				Output:   cmd.OutOrStdout(),
				Reporter: o.reporter(),
				Errors:   cmd.ErrOrStderr(),
			}))
			return nil
		},
	}
	addFlags(cmd, settings)
	cmd.Flags().StringVar(&o.newman, "newman", contract.NewmanDir, "the folder whose node_modules holds Newman")
	cmd.Flags().StringVar(&o.params, "params", contract.ParamsFile, "the file with the parameters of the script, a JSON object of strings; it may be missing")
	cmd.Flags().StringVar(&o.secretsDir, "secrets-dir", contract.SecretsDir, "the folder with a folder for every Secret of the test")
	cmd.Flags().StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file; without it, that of KUBECONFIG, or the Pod's own service account")
	return cmd
}

// readParams returns nil if there is no such file: a run without parameters has none.
func readParams(file string) (map[string]string, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the parameters: %w", err)
	}
	params, err := contract.DecodeParams(data)
	if err != nil {
		return nil, fmt.Errorf("reading the parameters of %s: %w", file, err)
	}
	return params, nil
}

func (o *runOptions) given() runner.Secrets {
	given := runner.Secrets{Dir: o.secretsDir, Namespace: o.namespace}
	if o.secrets != "" {
		given.Names = strings.Split(o.secrets, ",")
	}
	return given
}

// reporter returns nil where there is no TestRun to report to.
func (o *runOptions) reporter() runner.Reporter {
	if o.run == "" || o.uid == "" {
		return nil
	}
	return &runner.Status{Cluster: o.cluster, Namespace: o.namespace, Name: o.run, UID: types.UID(o.uid)}
}

func (o *runOptions) connect(ctx context.Context) (modules.Drivers, func(), error) {
	cluster, err := o.cluster()
	if err != nil {
		return modules.Drivers{}, nil, err
	}
	return runner.Connect(ctx, runner.Environment{
		Cluster:     cluster,
		Namespace:   o.namespace,
		App:         o.app,
		Credentials: contract.CredentialsDir,
		Newman:      o.newman,
	})
}

func (o *runOptions) cluster() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	cluster, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("finding the cluster: %w", err)
	}
	return cluster, nil
}

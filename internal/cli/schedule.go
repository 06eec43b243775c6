/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/cli/bundle"
	"github.com/topas-dev/topas/internal/contract"
)

const (
	fieldOwner = "kctrl"
	// maxRunName is the longest name of a TestRun: its Pod's name is longer.
	maxRunName = 58
	// suffixLength is what the API server appends to generateName.
	suffixLength = 5

	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// scheduleOptions are the flags of kctrl test schedule and kctrl test run.
type scheduleOptions struct {
	outcome

	script      string
	gitURL      string
	gitPath     string
	gitRevision string
	gitSecret   string
	include     []string
	name        string
	dryRun      string
	// What of the spec is given as it is, and what has to be read first.
	spec      v1alpha1.TestRunSpec
	param     []string
	label     []string
	labels    map[string]string
	priority  string
	retries   string
	isolation string
	ttl       string
}

const sourceHelp = `

The script is either a file of this machine or a file in a git repository. Files that a script
needs, such as Lua modules and Postman collections, go along with --include; the script finds them
by their path relative to its own folder, or to the current directory when they lie elsewhere.`

func newSchedule(f *Factory, runF func(context.Context, *scheduleOptions) error) *cobra.Command {
	o := &scheduleOptions{outcome: newOutcome(f)}
	cmd := &cobra.Command{
		Use:   "schedule (--script FILE | --git URL --git-path PATH) --app APP",
		Short: "Schedule a test",
		Long: `Schedule a test: make a TestRun that runs a script against an App.` + sourceHelp + `

With --wait or --follow, the exit code is the verdict: 0 passed, 1 failed, 2 error, 4 canceled.`,
		Example: f.example(`  # Run a script of this machine, with a folder of collections
  kctrl test schedule --app my-app --script upgrade_test.lua --include tests

  # Run a script of a git repository, at a tag
  kctrl test schedule --app my-app --git https://git.example.com/shop.git --git-path tests/smoke.lua --git-revision v1.2.0

  # Run a script from standard input, and follow it
  run=$(echo 'print("hello")' | kctrl test schedule --app my-app --script - -o name)
  kctrl test logs -f ${run#*/}`),
		Args: noArgs,
		RunE: o.runE(runF),
	}
	o.outcome.addFlags(cmd)
	o.addFlags(cmd)
	return cmd
}

func (o *scheduleOptions) runE(runF func(context.Context, *scheduleOptions) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := o.complete(cmd); err != nil {
			return err
		}
		if runF != nil {
			return runF(cmd.Context(), o)
		}
		return o.run(cmd.Context())
	}
}

func (o *scheduleOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.script, "script", "", "Lua `FILE` to run; - reads it from standard input.")
	flags.StringVar(&o.gitURL, "git", "", "`URL` of the git repository that holds the script: https://, http:// or ssh://.")
	flags.StringVar(&o.gitPath, "git-path", "", "`PATH` of the script inside the git repository.")
	flags.StringVar(&o.gitRevision, "git-revision", "", "`REVISION`: a branch, a tag or a commit. (default the repository's default branch)")
	flags.StringVar(&o.gitSecret, "git-secret", "", "`NAME` of the Secret with the login for the git repository, such as username and password, or ssh-privatekey and known_hosts.")
	flags.StringVar(&o.spec.AppName, "app", "", "`APP` to test, in the same namespace.")
	flags.StringArrayVar(&o.include, "include", nil, "File or folder (`PATH`) that goes along with the script; can be given more than once.")
	flags.StringArrayVar(&o.param, "param", nil, "Parameter of the script (`NAME=VALUE`), which reads it with os.getenv; can be given more than once.")
	flags.StringArrayVar(&o.spec.Secrets, "secret", nil, "`NAME` of a Secret whose keys the script reads with test.secret; can be given more than once.")
	flags.StringVar(&o.name, "name", "", "`NAME` of the run. (default the name of the script with a random ending)")
	flags.StringArrayVar(&o.label, "label", nil, "Label of the run (`NAME=VALUE`); can be given more than once.")
	flags.StringVar(&o.spec.Timeout, "timeout", "", "How long the script may run, as a `DURATION` from 1s to 24h, such as 90s or 10m. (default 10m)")
	flags.StringVar(&o.priority, "priority", "", "`NUMBER` from -1000 to 1000: when runs wait for a slot, one of a higher priority goes first. (default 0)")
	flags.StringVar(&o.isolation, "isolation", "", "With whom the run shares the App (`MODE`): shared; exclusive, the others wait; ephemeral, it has a copy of its own. (default shared)")
	flags.StringVar(&o.retries, "retries", "", "`NUMBER` of times, from 0 to 10, that the run is tried again after an error that the cluster caused. (default 0)")
	flags.StringVar(&o.ttl, "ttl", "", "`DURATION` after its end when the run is deleted, such as 24h. (default what the manager is set to)")
	flags.StringVar(&o.dryRun, "dry-run", dryRunNone, "One of: none, client, server (`MODE`). Does not schedule: client shows what would be sent, server lets the cluster check it too.")
	completeFlag(cmd, "app", o.factory.completeApps)
	completeFlag(cmd, "isolation", cobra.FixedCompletions([]string{"shared", "exclusive", "ephemeral"}, cobra.ShellCompDirectiveNoFileComp))
	completeFlag(cmd, "dry-run", cobra.FixedCompletions([]string{dryRunNone, dryRunClient, dryRunServer}, cobra.ShellCompDirectiveNoFileComp))
}

// complete refuses a wrong command line before anything is read or sent.
func (o *scheduleOptions) complete(cmd *cobra.Command) error {
	for _, check := range []func(*cobra.Command) error{
		o.checkSource, o.checkApp, o.checkTimeout, o.completeNumbers, o.completeIsolation, o.completeTTL,
		o.checkSecrets, o.completeParams, o.completeLabels, o.completeDryRun, o.outcome.complete,
	} {
		if err := check(cmd); err != nil {
			return err
		}
	}
	return nil
}

func (o *scheduleOptions) completeDryRun(cmd *cobra.Command) error {
	switch o.dryRun {
	case dryRunNone:
		return nil
	case dryRunClient, dryRunServer:
		o.print.NamePrintFlags.Operation = fmt.Sprintf("created (%s dry run)", o.dryRun)
	default:
		return usage(cmd, "--dry-run is %q, must be %s, %s or %s", o.dryRun, dryRunNone, dryRunClient, dryRunServer)
	}
	if cmd.Flags().Changed("wait") || cmd.Flags().Changed("follow") {
		return usage(cmd, "--wait and --follow can't be given together with --dry-run: there is nothing to wait for")
	}
	o.follow = false
	return nil
}

func (o *scheduleOptions) run(ctx context.Context) error {
	b, err := bundle.Load(bundle.Options{Script: o.script, Include: o.include, In: o.factory.In})
	if err != nil {
		return err
	}
	if o.script == bundle.Stdin && b.Script == "" {
		return fmt.Errorf("standard input is empty: a script was expected")
	}
	run := o.testRun(b)
	if o.dryRun == dryRunClient {
		if err := o.completeHere(run); err != nil {
			return err
		}
		return o.printTo(o.factory.Out, run)
	}
	c, err := o.factory.Clients()
	if err != nil {
		return err
	}
	run.Namespace = c.Namespace
	opts := []client.CreateOption{client.FieldOwner(fieldOwner)}
	if o.dryRun == dryRunServer {
		opts = append(opts, client.DryRunAll)
	}
	if err := c.Create(ctx, run, opts...); err != nil {
		return err
	}
	if o.dryRun == dryRunServer {
		return o.printTo(o.factory.Out, run)
	}
	return o.of(ctx, c, run)
}

func (o *scheduleOptions) testRun(b bundle.Bundle) *v1alpha1.TestRun {
	run := &v1alpha1.TestRun{
		ObjectMeta: metav1.ObjectMeta{Name: o.name, Labels: map[string]string{v1alpha1.LabelApp: o.spec.AppName}},
		Spec:       o.spec,
	}
	maps.Copy(run.Labels, o.labels)
	run.Spec.Script, run.Spec.Files = b.Script, b.Files
	source := b.ScriptName
	if o.gitURL != "" {
		source = o.gitPath
		run.Spec.Git = &v1alpha1.GitSource{URL: o.gitURL, Path: o.gitPath, Revision: o.gitRevision}
		if o.gitSecret != "" {
			run.Spec.Git.SecretRef = &v1alpha1.SecretReference{Name: o.gitSecret}
		}
	}
	if b.ScriptName != "" {
		run.Annotations = map[string]string{v1alpha1.AnnotationScriptName: b.ScriptName}
	}
	if o.name == "" {
		run.GenerateName = generateName(source)
	}
	return run
}

// completeHere does without a cluster what the cluster would do.
func (o *scheduleOptions) completeHere(run *v1alpha1.TestRun) error {
	var err error
	if run.Namespace, err = o.factory.namespace(); err != nil {
		return err
	}
	if run.Name == "" {
		run.Name, run.GenerateName = run.GenerateName+rand.String(suffixLength), ""
	}
	return nil
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// generateName makes the beginning of a run's name from the path of its script.
func generateName(path string) string {
	name := path[strings.LastIndex(path, "/")+1:]
	name = strings.TrimSuffix(strings.ToLower(name), ".lua")
	name = strings.Trim(notInNames.ReplaceAllString(name, "-"), "-")
	name = strings.TrimRight(name[:min(len(name), maxRunName-suffixLength-1)], "-")
	if name == "" {
		name = strings.TrimSuffix(contract.DefaultScriptName, ".lua")
	}
	return name + "-"
}

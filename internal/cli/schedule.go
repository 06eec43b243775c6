/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"
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

	minTimeout = time.Second
	maxTimeout = 24 * time.Hour
)

// scheduleOptions are the flags of kctrl test schedule.
type scheduleOptions struct {
	factory *Factory
	print   *genericclioptions.PrintFlags
	printer printers.ResourcePrinter

	script      string
	gitURL      string
	gitPath     string
	gitRevision string
	gitSecret   string
	app         string
	include     []string
	param       []string
	params      map[string]string
	name        string
	timeout     string
	dryRun      string
}

func newSchedule(f *Factory, runF func(context.Context, *scheduleOptions) error) *cobra.Command {
	o := &scheduleOptions{factory: f, print: genericclioptions.NewPrintFlags("created").WithTypeSetter(f.Scheme)}
	cmd := &cobra.Command{
		Use:   "schedule (--script FILE | --git URL --git-path PATH) --app APP",
		Short: "Schedule a test",
		Long: `Schedule a test: make a TestRun that runs a script against an App.

The script is either a file of this machine or a file in a git repository. Files that a script
needs, such as Lua modules and Postman collections, go along with --include; the script finds them
by their path relative to its own folder, or to the current directory when they lie elsewhere.`,
		Example: f.example(`  # Run a script of this machine, with a folder of collections
  kctrl test schedule --app my-app --script upgrade_test.lua --include tests

  # Run a script of a git repository, at a tag
  kctrl test schedule --app my-app --git https://git.example.com/shop.git --git-path tests/smoke.lua --git-revision v1.2.0

  # Run a script from standard input, and follow it
  run=$(echo 'print("hello")' | kctrl test schedule --app my-app --script - -o name)
  kctrl test logs -f ${run#*/}`),
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.complete(cmd); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return o.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.script, "script", "", "Lua `FILE` to run; - reads it from standard input.")
	flags.StringVar(&o.gitURL, "git", "", "`URL` of the git repository that holds the script: https://, http:// or ssh://.")
	flags.StringVar(&o.gitPath, "git-path", "", "`PATH` of the script inside the git repository.")
	flags.StringVar(&o.gitRevision, "git-revision", "", "`REVISION`: a branch, a tag or a commit. (default the repository's default branch)")
	flags.StringVar(&o.gitSecret, "git-secret", "", "`NAME` of the Secret with the login for the git repository, such as username and password, or ssh-privatekey and known_hosts.")
	flags.StringVar(&o.app, "app", "", "`APP` to test, in the same namespace.")
	flags.StringArrayVar(&o.include, "include", nil, "File or folder (`PATH`) that goes along with the script; can be given more than once.")
	flags.StringArrayVar(&o.param, "param", nil, "Parameter of the script (`NAME=VALUE`), which reads it with os.getenv; can be given more than once.")
	flags.StringVar(&o.name, "name", "", "`NAME` of the run. (default the name of the script with a random ending)")
	flags.StringVar(&o.timeout, "timeout", "", "How long the script may run, as a `DURATION` from 1s to 24h, such as 90s or 10m. (default 10m)")
	flags.StringVar(&o.dryRun, "dry-run", dryRunNone, "One of: none, client, server (`MODE`). Does not schedule: client shows what would be sent, server lets the cluster check it too.")
	o.print.AddFlags(cmd)
	completeFlag(cmd, "app", f.completeApps)
	completeFlag(cmd, "dry-run", cobra.FixedCompletions([]string{dryRunNone, dryRunClient, dryRunServer}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// complete refuses a wrong command line before anything is read or sent.
func (o *scheduleOptions) complete(cmd *cobra.Command) error {
	if err := o.checkSource(cmd); err != nil {
		return err
	}
	if o.app == "" {
		return usage(cmd, "--app is missing: name the App to test")
	}
	if wrong := validation.IsDNS1035Label(o.app); len(wrong) > 0 {
		return usage(cmd, "--app is %q, must be the name of an App: %s", o.app, wrong[0])
	}
	if err := o.checkTimeout(cmd); err != nil {
		return err
	}
	if err := o.completeParams(cmd); err != nil {
		return err
	}
	success := "created"
	switch o.dryRun {
	case dryRunNone:
	case dryRunClient, dryRunServer:
		success = fmt.Sprintf("created (%s dry run)", o.dryRun)
	default:
		return usage(cmd, "--dry-run is %q, must be %s, %s or %s", o.dryRun, dryRunNone, dryRunClient, dryRunServer)
	}
	o.print.NamePrintFlags.Operation = success
	var err error
	if o.printer, err = o.print.ToPrinter(); err != nil {
		return unknownOutput(cmd, err)
	}
	return nil
}

func (o *scheduleOptions) checkSource(cmd *cobra.Command) error {
	switch {
	case o.script == "" && o.gitURL == "" && o.gitPath == "" && o.gitRevision == "" && o.gitSecret == "":
		return usage(cmd, "give the test either by --script, or by --git and --git-path")
	case o.script != "" && (o.gitURL != "" || o.gitPath != "" || o.gitRevision != "" || o.gitSecret != ""):
		return usage(cmd, "--script and --git can't be given together: a test has one source")
	case o.script != "":
		return nil
	case o.gitURL == "":
		return usage(cmd, "--git is missing: give the URL of the repository")
	case o.gitPath == "":
		return usage(cmd, "--git-path is missing: give the path of the script inside the repository")
	}
	return nil
}

func (o *scheduleOptions) checkTimeout(cmd *cobra.Command) error {
	if o.timeout == "" {
		return nil
	}
	d, err := time.ParseDuration(o.timeout)
	if err != nil || d < minTimeout || d > maxTimeout {
		return usage(cmd, "--timeout is %q, must be a duration from 1s to 24h, such as 90s or 10m", o.timeout)
	}
	return nil
}

func (o *scheduleOptions) completeParams(cmd *cobra.Command) error {
	for _, given := range o.param {
		name, value, ok := strings.Cut(given, "=")
		if !ok || name == "" {
			return usage(cmd, "--param is %q, must be NAME=VALUE", given)
		}
		if _, twice := o.params[name]; twice {
			return usage(cmd, "--param %s is given twice", name)
		}
		if o.params == nil {
			o.params = map[string]string{}
		}
		o.params[name] = value
	}
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
	if err := o.create(ctx, run); err != nil {
		return err
	}
	if err := o.printer.PrintObj(run, o.factory.Out); err != nil {
		return fmt.Errorf("printing the testrun: %w", err)
	}
	if *o.print.OutputFormat == "" && o.dryRun == dryRunNone {
		o.factory.say("Follow it with: %s\n", o.factory.followCommand(run.Name))
	}
	return nil
}

func (o *scheduleOptions) testRun(b bundle.Bundle) *v1alpha1.TestRun {
	run := &v1alpha1.TestRun{
		ObjectMeta: metav1.ObjectMeta{Name: o.name, Labels: map[string]string{v1alpha1.LabelApp: o.app}},
		Spec:       v1alpha1.TestRunSpec{AppName: o.app, Script: b.Script, Files: b.Files, Params: o.params, Timeout: o.timeout},
	}
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

func (o *scheduleOptions) create(ctx context.Context, run *v1alpha1.TestRun) error {
	if o.dryRun == dryRunClient {
		namespace, err := o.factory.namespace()
		if err != nil {
			return err
		}
		run.Namespace = namespace
		if run.Name == "" {
			run.Name, run.GenerateName = run.GenerateName+rand.String(suffixLength), ""
		}
		return nil
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
	return c.Create(ctx, run, opts...)
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

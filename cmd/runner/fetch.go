/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/driver/git"
)

// fetchTimeout leaves the rest of the minutes that the Pod has for its start to the image pull.
const fetchTimeout = 5 * time.Minute

// fetchWaits get over the restart of a git server.
var fetchWaits = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}

func newFetchCommand(r *report) *cobra.Command {
	o := git.Options{Waits: fetchWaits}
	var secret, credentials string
	settings := []setting{
		{flag: "url", variable: contract.EnvGitURL, usage: "the URL of the git repository", value: &o.URL},
		{flag: "path", variable: contract.EnvGitPath, usage: "the path of the script inside the repository", value: &o.Path},
		{
			flag: "revision", variable: contract.EnvGitRevision, value: &o.Revision, optional: true,
			usage: "branch, tag or commit; empty means the default branch",
		},
		{
			flag: "secret", variable: contract.EnvGitSecret, value: &secret, optional: true,
			usage: "the name of the Secret whose keys are in the folder --credentials; empty means that there is none",
		},
	}
	cmd := &cobra.Command{
		Use:   "fetch",
		Short: "Clone the git source of the script",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := complete(settings); err != nil {
				return err
			}
			o.Retrying = func(fault error, wait time.Duration) {
				_, _ = fmt.Fprintf(cmd.OutOrStdout(), "%v; trying again in %s\n", fault, wait)
			}
			result := fetch(cmd.Context(), o, secret, credentials)
			r.write(result)
			if result.Verdict != contract.Passed {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "ERROR %s\n", result.Message)
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "Fetched commit %s of %s\n", result.GitCommit, o.URL)
			return err
		},
	}
	addFlags(cmd, settings)
	cmd.Flags().StringVar(&credentials, "credentials", contract.GitCredentialsDir, "folder with a file for every key of the Secret")
	cmd.Flags().StringVar(&o.Dir, "dir", contract.SourceDir, "folder that the repository is cloned into")
	return cmd
}

func fetch(ctx context.Context, o git.Options, secret, credentials string) contract.Result {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	commit, err := fetchWith(ctx, o, secret, credentials)
	_, auth := errors.AsType[*git.AuthError](err)
	_, path := errors.AsType[*git.PathError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return failure(contract.ReasonTerminated, err)
	case auth:
		return failure(contract.ReasonGitAuthFailed, err)
	case path:
		return failure(contract.ReasonScriptNotFound, err)
	case errors.Is(err, context.DeadlineExceeded):
		return failure(contract.ReasonGitCloneFailed, fmt.Errorf("not done within %s: %w", fetchTimeout, err))
	case err != nil:
		return failure(contract.ReasonGitCloneFailed, err)
	}
	return contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed, GitCommit: commit}
}

func fetchWith(ctx context.Context, o git.Options, secret, credentials string) (string, error) {
	if secret != "" {
		var err error
		if o.Credentials, err = git.LoadCredentials(secret, credentials); err != nil {
			return "", err
		}
	}
	return git.Fetch(ctx, o)
}

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/driver/git"
)

func newFetchCommand(r *report) *cobra.Command {
	var o git.Options
	settings := []setting{
		{flag: "url", variable: contract.EnvGitURL, usage: "the URL of the git repository", value: &o.URL},
		{flag: "path", variable: contract.EnvGitPath, usage: "the path of the script inside the repository", value: &o.Path},
		{
			flag: "revision", variable: contract.EnvGitRevision, value: &o.Revision, optional: true,
			usage: "branch, tag or commit; empty means the default branch",
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
			result := fetch(cmd.Context(), o)
			r.write(result)
			if result.Verdict != contract.Passed {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "ERROR %s\n", result.Message)
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "Fetched commit %s of %s\n", result.GitCommit, redacted(o.URL))
			return err
		},
	}
	addFlags(cmd, settings)
	cmd.Flags().StringVar(&o.Dir, "dir", contract.SourceDir, "folder that the repository is cloned into")
	return cmd
}

func fetch(ctx context.Context, o git.Options) contract.Result {
	commit, err := git.Fetch(ctx, o)
	switch {
	case errors.Is(err, context.Canceled):
		return failure(contract.ReasonTerminated, err)
	case err != nil:
		return failure(contract.ReasonGitFailed, err)
	}
	return contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed, GitCommit: commit}
}

// redacted is for a URL that git.Fetch took, and that can be parsed therefore.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the repository"
	}
	return u.Redacted()
}

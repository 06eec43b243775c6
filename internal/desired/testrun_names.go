/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"fmt"
	"time"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// TestRunTimeoutDefault is the timeout of a TestRun that names none.
const TestRunTimeoutDefault = 10 * time.Minute

// testRunBackstop is how much longer than the script the Pod of a run may live. The Pod's time begins before its images
// are pulled and its source is cloned, for which the manager's default start deadline allows 5 minutes; the script itself
// is stopped by the runner.
const testRunBackstop = 6 * time.Minute

// TestRunPodName is the name of the Pod that carries an attempt of a run out. It is the same however often it is asked for,
// so a second one can't be made.
func TestRunPodName(run string, attempt int) string { return fmt.Sprintf("%s-%d", run, attempt) }

// TestRunConfigMapName is the name of the ConfigMap of a run, which all of its attempts use.
func TestRunConfigMapName(run string) string { return run + "-1" }

// RunnerName is the name of the ServiceAccount and RoleBinding with which the tests of an App reach the App.
func RunnerName(app string) string { return app + "-runner" }

// TestRunLabels are the labels of what a run consists of.
func TestRunLabels(run, app string) map[string]string {
	return map[string]string{
		LabelName:      run,
		LabelInstance:  run,
		LabelComponent: ComponentTestRun,
		LabelManagedBy: ManagedBy,
		LabelTestRun:   run,
		LabelApp:       app,
	}
}

// TestRunScriptName is the path of an inline script below contract.BundleDir.
func TestRunScriptName(run *v1alpha1.TestRun) string {
	if name := run.Annotations[v1alpha1.AnnotationScriptName]; name != "" {
		return name
	}
	return contract.DefaultScriptName
}

// TestRunTimeout is how long the script may run.
func TestRunTimeout(run *v1alpha1.TestRun) (time.Duration, error) {
	if run.Spec.Timeout == "" {
		return TestRunTimeoutDefault, nil
	}
	timeout, err := time.ParseDuration(run.Spec.Timeout)
	if err != nil {
		return 0, fmt.Errorf("reading spec.timeout: %w", err)
	}
	return timeout, nil
}

// TestRunPodDeadline is how long the Pod of a run may live before the cluster ends it, in whole seconds.
func TestRunPodDeadline(timeout time.Duration) time.Duration {
	return (timeout + time.Second - 1).Truncate(time.Second) + testRunBackstop
}

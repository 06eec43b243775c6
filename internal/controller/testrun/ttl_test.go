/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

func ttl(seconds int32) func(*v1alpha1.TestRun) {
	return func(run *v1alpha1.TestRun) { run.Spec.TTLSecondsAfterFinished = &seconds }
}

// runPasses makes a run and lets it pass.
func (c *cluster) runPasses(name string, change ...func(*v1alpha1.TestRun)) {
	c.t.Helper()
	c.run(name, change...)
	c.must(c.report(c.t.Context(), c.awaitPod(name), resultOf(c.t, contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed})))
}

func (c *cluster) awaitGone(name string) {
	c.t.Helper()
	c.eventually(name+" is gone", func() (bool, any) {
		run := &v1alpha1.TestRun{}
		err := c.Client.Get(c.t.Context(), c.key(name), run)
		return apierrors.IsNotFound(err), run.Status
	})
}

func (c *cluster) checkKept(names ...string) {
	c.t.Helper()
	for _, name := range names {
		c.must(c.Client.Get(c.t.Context(), c.key(name), &v1alpha1.TestRun{}))
	}
}

func TestRunsThatExpire(t *testing.T) {
	const hour = 3600
	c := newCluster(t)
	clock := &clock{}
	withDefault := settings{limit: 20, startDeadline: time.Minute, clock: clock, defaultTTL: 48 * time.Hour}
	_, stop := c.manage(withDefault)

	c.runPasses("at-once", ttl(0))
	c.awaitGone("at-once")
	// No watch brings it back to mind: the time itself does.
	c.runPasses("soon", ttl(1))
	c.awaitGone("soon")

	c.runPasses("by-default")
	c.runPasses("by-its-own", ttl(7*24*hour))
	c.runPasses("shortened", ttl(7*24*hour))
	c.runPasses("lengthened", ttl(hour))
	for _, name := range []string{"by-default", "by-its-own", "shortened", "lengthened"} {
		c.await(name, v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
	}
	// No Pod brings this one to mind when a manager starts.
	c.run("without-a-pod", func(run *v1alpha1.TestRun) { run.Spec.Cancel = true })
	c.await("without-a-pod", v1alpha1.TestRunError, v1alpha1.ReasonCanceled)
	c.must(c.patchSpec("lengthened", `"ttlSecondsAfterFinished":604800`))
	c.must(c.patchSpec("shortened", `"ttlSecondsAfterFinished":1`))
	c.awaitGone("shortened")
	c.checkKept("by-default", "by-its-own", "lengthened", "without-a-pod")

	stop()
	clock.ahead.Store(int64(49 * time.Hour))
	_, stop = c.manage(withDefault)
	c.awaitGone("by-default")
	c.awaitGone("without-a-pod")
	c.checkKept("by-its-own", "lengthened")

	stop()
	clock.ahead.Store(int64(8 * 24 * time.Hour))
	c.manage(withDefault)
	c.awaitGone("by-its-own")
	c.awaitGone("lengthened")
}

func TestRunIsKeptUntilItsTimeIsOver(t *testing.T) {
	for _, tc := range []struct {
		reason string
		// meanwhile is what the manager has not seen yet when it decides to delete the run.
		meanwhile func(*cluster)
	}{
		{"it was given more time", func(c *cluster) { c.must(c.patchSpec("kept", `"ttlSecondsAfterFinished":1000`)) }},
		{"another one has its name", func(c *cluster) {
			run := c.draft("kept")
			c.must(c.Client.Delete(c.t.Context(), run))
			c.must(c.Client.Create(c.t.Context(), run))
		}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			c := newCluster(t)
			clock := &clock{}
			_, stop := c.manage(settings{limit: 5, startDeadline: time.Minute, clock: clock})
			c.runPasses("kept", ttl(100))
			c.runPasses("without-a-time-to-live")
			c.await("without-a-time-to-live", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
			outdated := c.await("kept", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
			stop()

			tc.meanwhile(c)
			clock.ahead.Store(int64(200 * time.Second))
			r := c.incarnation(&mortal{})
			r.Now = clock.now
			result, err := r.conclude(t.Context(), outdated)
			if want := (ctrl.Result{RequeueAfter: conflictDelay}); err != nil || result != want {
				t.Errorf("result is %+v, %v, want %+v", result, err, want)
			}
			c.checkKept("kept", "without-a-time-to-live")
		})
	}
}

func TestSpecOfATestRunThatMayChange(t *testing.T) {
	c := newCluster(t)
	c.run("changes")
	for _, tc := range []struct {
		reason, fields string
		// want is in the error; without it the change is accepted.
		want string
	}{
		{"a time to live", `"ttlSecondsAfterFinished":60`, ""},
		{"another one", `"ttlSecondsAfterFinished":0`, ""},
		{"none any more", `"ttlSecondsAfterFinished":null`, ""},
		{"a time before the end", `"ttlSecondsAfterFinished":-1`, "should be greater than or equal to 0"},
		{"it is not canceled", `"cancel":false`, ""},
		{"it is canceled", `"cancel":true`, ""},
		{"it is canceled twice", `"cancel":true`, ""},
		{"the cancellation is taken back", `"cancel":false`, "a TestRun that was canceled stays so: make a new TestRun"},
		{"the cancellation is left out", `"cancel":null`, "a TestRun that was canceled stays so: make a new TestRun"},
		{"a time to live after the cancellation", `"ttlSecondsAfterFinished":60`, ""},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			err := c.patchSpec("changes", tc.fields)
			if tc.want == "" {
				c.must(err)
			} else if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want it to hold %q", err, tc.want)
			}
		})
	}
}

//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

// A script reads the Secrets that it is given, and their values are seen nowhere, also when it prints them.
func TestSecrets(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	emptyApp(t, ns)
	const token, line = "t0ken-that-nobody-sees", "second line of the key"
	create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "payment-api"},
		StringData: map[string]string{"token": token, "key": "first line of the key\n" + line + "\n"},
	})
	create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "other"}, StringData: map[string]string{"token": "not given"},
	})

	t.Run("printed", func(t *testing.T) {
		run := testRun(ns, "printed", `
local test = require("test")
local token = test.secret("payment-api/token")
assert(#token == 22, "the token has " .. #token .. " characters")
print("token: " .. token, test.secret("payment-api/key"))
test.case("refused", function() error("refused " .. token) end)
error("the API refuses " .. token)
`)
		run.Spec.Secrets = []string{"payment-api"}
		create(t, run)
		untilFinished(t, run)
		if run.Status.State != topasv1alpha1.TestRunFailed || !strings.Contains(run.Status.Message, "refused ***") {
			t.Errorf("it ended as %s", describeRun(run))
		}
		log := podLog(t, ns, run.Status.PodName)
		if !strings.Contains(log, "token: ***") || !strings.Contains(log, "the API refuses ***") {
			t.Errorf("the log is\n%s", log)
		}
		status, err := yaml.Marshal(run.Status)
		if err != nil {
			t.Fatal(err)
		}
		shown, _, _ := kctrl(t, "test", "status", "-n", ns, run.Name)
		for where, text := range map[string]string{"log": log, "status": string(status), "kctrl test status": shown} {
			for _, value := range []string{token, line} {
				if strings.Contains(text, value) {
					t.Errorf("the %s holds %q:\n%s", where, value, text)
				}
			}
		}
	})

	t.Run("not given", func(t *testing.T) {
		run := testRun(ns, "not-given", "print(require('test').secret('other/token'))\n")
		run.Spec.Secrets = []string{"payment-api"}
		create(t, run)
		checkEnd(t, run, topasv1alpha1.TestRunFailed, topasv1alpha1.ReasonScriptError, `secret "other" is not given to this test`)
	})

	t.Run("missing", func(t *testing.T) {
		run := testRun(ns, "missing", "print('never')\n")
		run.Spec.Secrets = []string{"payment-api", "payment-key"}
		create(t, run)
		checkEnd(t, run, topasv1alpha1.TestRunError, topasv1alpha1.ReasonSecretNotFound, `Secret "payment-key" does not exist`, ns)
		if log := podLog(t, ns, run.Status.PodName); strings.Contains(log, "never") {
			t.Errorf("the script has started:\n%s", log)
		}
	})
}

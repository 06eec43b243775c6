/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

func inlineRun() *v1alpha1.TestRun {
	return &v1alpha1.TestRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tests", Name: "upgrade-x7k2", UID: "uid-run",
			Annotations: map[string]string{v1alpha1.AnnotationScriptName: "upgrade_test.lua"}},
		Spec: v1alpha1.TestRunSpec{
			AppName: "mock-app", Script: "print(1)", Timeout: "90s",
			Files: map[string]string{"tests/api-tests.json": "{}", "helpers.lua": "return {}"},
		},
	}
}

func gitRun() *v1alpha1.TestRun {
	run := inlineRun()
	run.Annotations, run.Spec.Script, run.Spec.Timeout = nil, "", ""
	run.Spec.Git = &v1alpha1.GitSource{URL: "https://git.example/tests.git", Path: "a/$(TOPAS_APP).lua", Revision: "v1"}
	return run
}

func secretGitRun() *v1alpha1.TestRun {
	run := gitRun()
	run.Spec.Git.SecretRef = &v1alpha1.SecretReference{Name: "git-login"}
	return run
}

// placedRun has a template for its Pod with every field.
func placedRun() *v1alpha1.TestRun {
	run := gitRun()
	run.Spec.Params = map[string]string{"USERS": "10", "BASE_URL": "http://frontend/?a=1&b=\"2\""}
	run.Spec.PodTemplate = &v1alpha1.PodTemplate{
		Labels:             map[string]string{"team": "qa"},
		Annotations:        map[string]string{"example.com/why": "nightly"},
		NodeSelector:       map[string]string{"pool": "tests"},
		Tolerations:        []corev1.Toleration{{Key: "tests", Operator: corev1.TolerationOpExists}},
		Affinity:           &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{TopologyKey: "zone"}}}},
		Resources:          &v1alpha1.Resources{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2Gi")}},
		Env:                []corev1.EnvVar{{Name: "HTTPS_PROXY", Value: "http://proxy:3128"}},
		ServiceAccountName: "tester",
		ImagePullSecrets:   []v1alpha1.SecretReference{{Name: "registry"}},
	}
	return run
}

// secondAttempt is that of a run which has Secrets, and a copy of the App.
func secondAttempt() *v1alpha1.TestRun {
	run := inlineRun()
	run.Spec.Secrets = []string{"payments", "mail.login"}
	run.Spec.Isolation = v1alpha1.IsolationEphemeral
	run.Status.AppName = "upgrade-e1234"
	run.Status.Attempts = make([]v1alpha1.TestRunAttempt, 1)
	return run
}

// appUnderTest has the credentials of a database in its spec, so that its runs need no Secret.
func appUnderTest() *v1alpha1.App {
	return &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tests", Name: "mock-app", UID: "uid-app"},
		Spec: v1alpha1.AppSpec{Databases: []v1alpha1.DatabaseSpec{{
			Name: "db", Image: "postgres:15", Credentials: map[string]string{"user": "admin", "password": "s3cret", "dbname": "shop"},
		}}},
	}
}

// appWithSecrets has two more databases, whose credentials are in Secrets.
func appWithSecrets() *v1alpha1.App {
	app := appUnderTest()
	app.Spec.Databases = append(app.Spec.Databases,
		v1alpha1.DatabaseSpec{Name: "orders", Image: "postgres:15", CredentialsSecretRef: &v1alpha1.SecretReference{Name: "orders.login"}},
		v1alpha1.DatabaseSpec{Name: "token", Image: "postgres:15", CredentialsSecretRef: &v1alpha1.SecretReference{Name: "token-login"}},
	)
	return app
}

// TestTestRunObjects compares whole objects with the files in testdata/testrun, because each line of them is a decision.
// UPDATE_GOLDEN=1 writes them anew.
func TestTestRunObjects(t *testing.T) {
	inlineBundle, err := TestRunConfigMap(inlineRun())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		golden string
		object func() (any, error)
	}{
		{"inline-configmap.yaml", func() (any, error) { return inlineBundle, nil }},
		{"inline-pod.yaml", func() (any, error) { return TestRunPod(inlineRun(), appUnderTest(), "topas/runner:v1") }},
		{"git-configmap.yaml", func() (any, error) { return TestRunConfigMap(gitRun()) }},
		{"git-pod.yaml", func() (any, error) { return TestRunPod(gitRun(), appWithSecrets(), "topas/runner:v1") }},
		{"git-secret-pod.yaml", func() (any, error) { return TestRunPod(secretGitRun(), appUnderTest(), "topas/runner:v1") }},
		{"placed-configmap.yaml", func() (any, error) { return TestRunConfigMap(placedRun()) }},
		{"placed-pod.yaml", func() (any, error) { return TestRunPod(placedRun(), appUnderTest(), "topas/runner:v1") }},
		{"second-attempt-pod.yaml", func() (any, error) {
			return TestRunPod(secondAttempt(), AppCopy(secondAttempt(), appUnderTest()), "topas/runner:v1")
		}},
		{"serviceaccount.yaml", func() (any, error) { return RunnerServiceAccount(appUnderTest()), nil }},
		{"rolebinding.yaml", func() (any, error) { return RunnerRoleBinding(appUnderTest()), nil }},
	} {
		t.Run(tc.golden, func(t *testing.T) {
			object, err := tc.object()
			if err != nil {
				t.Fatal(err)
			}
			got, err := yaml.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "testrun", tc.golden)
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// TestEveryFileHasItsKey holds ConfigMap and Pod together: a key that the Pod names and the ConfigMap lacks keeps the Pod from
// starting.
func TestEveryFileHasItsKey(t *testing.T) {
	run := inlineRun()
	bundle, err := TestRunConfigMap(run)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, item := range bundleItems(run) {
		content, ok := bundle.Data[item.Key]
		if !ok {
			t.Errorf("the ConfigMap has no key %s", item.Key)
		}
		got[item.Path] = content
	}
	want := map[string]string{"upgrade_test.lua": "print(1)", "tests/api-tests.json": "{}", "helpers.lua": "return {}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files in the Pod (-want +got):\n%s", diff)
	}
}

func TestOnlyTheRunnerHasCredentials(t *testing.T) {
	pod, err := TestRunPod(gitRun(), appWithSecrets(), "topas/runner:v1")
	if err != nil {
		t.Fatal(err)
	}
	mounts := func(c corev1.Container, volume string) bool {
		return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == volume })
	}
	for _, volume := range []string{volumeToken, volumeCredentials} {
		runner, fetch := mounts(pod.Spec.Containers[0], volume), mounts(pod.Spec.InitContainers[0], volume)
		if !runner || fetch {
			t.Errorf("%s in the runner: %v, in the fetch container: %v", volume, runner, fetch)
		}
	}
}

func TestOnlyTheFetchContainerHasTheGitCredentials(t *testing.T) {
	pod, err := TestRunPod(secretGitRun(), appWithSecrets(), "topas/runner:v1")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{contract.FetchContainer}
	var got []string
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, m := range c.VolumeMounts {
			if m.Name == volumeGitCredentials && m.ReadOnly {
				got = append(got, c.Name)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("containers that mount the git credentials, for reading only (-want +got):\n%s", diff)
	}
}

func TestBundlesThatCannotBe(t *testing.T) {
	for _, tc := range []struct {
		reason      string
		change      func(*v1alpha1.TestRun)
		wantReason  string
		wantMessage string
	}{
		{"just small enough", func(r *v1alpha1.TestRun) {
			r.Spec.Files = map[string]string{"a": strings.Repeat("x", MaxBundleBytes-8)}
		}, "", ""},
		{"one byte too many", func(r *v1alpha1.TestRun) {
			r.Spec.Files = map[string]string{"a": strings.Repeat("x", MaxBundleBytes-7)}
		},
			v1alpha1.ReasonBundleTooLarge, "have 1032193 bytes together, at most 1032192 are allowed"},
		{"a file has the name of the script", func(r *v1alpha1.TestRun) { r.Spec.Files["upgrade_test.lua"] = "" },
			v1alpha1.ReasonBundleInvalid, `spec.files has an entry "upgrade_test.lua"`},
		{"a git test has no inline script to collide with", func(r *v1alpha1.TestRun) { *r = *gitRun(); r.Spec.Files["script.lua"] = "" }, "", ""},
		{"a file is also a folder", func(r *v1alpha1.TestRun) { r.Spec.Files["tests"] = "" },
			v1alpha1.ReasonBundleInvalid, `"tests" is a file of the test and also the folder of its file "tests/api-tests.json"`},
		{"the script is also a folder", func(r *v1alpha1.TestRun) { r.Spec.Files["upgrade_test.lua/a/b"] = "" },
			v1alpha1.ReasonBundleInvalid, `"upgrade_test.lua" is a file of the test and also the folder`},
		{"the script's name leaves the folder", func(r *v1alpha1.TestRun) { r.Annotations[v1alpha1.AnnotationScriptName] = "../x.lua" },
			v1alpha1.ReasonBundleInvalid, `annotation topas.dev/script-name is "../x.lua", must be a relative path`},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			run := inlineRun()
			tc.change(run)
			_, err := TestRunConfigMap(run)
			if tc.wantReason == "" {
				if err != nil {
					t.Errorf("error: %v", err)
				}
				return
			}
			var bundle *BundleError
			if !errors.As(err, &bundle) || bundle.Reason != tc.wantReason || !strings.Contains(bundle.Message, tc.wantMessage) {
				t.Errorf("error is %#v, want %s with %q", err, tc.wantReason, tc.wantMessage)
			}
		})
	}
}

func TestPodDeadlineIsInWholeSeconds(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{
		time.Second: 361 * time.Second, 1500 * time.Millisecond: 362 * time.Second, 10 * time.Minute: 16 * time.Minute,
	} {
		if got := TestRunPodDeadline(timeout); got != want {
			t.Errorf("TestRunPodDeadline(%s) = %s, want %s", timeout, got, want)
		}
	}
}

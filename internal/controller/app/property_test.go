/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/desired"
	"github.com/topas-dev/topas/test/servers/kube"
)

const (
	handEdits = 100
	// seedVariable repeats a run of the property test.
	seedVariable = "TOPAS_SEED"
)

// TestRandomHandEditsAreReverted makes 100 random edits to the children of an App, one by one or many at once. All of them
// are reverted, what others may add stays, and then nothing more is written.
func TestRandomHandEditsAreReverted(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv(seedVariable); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("%s is %q, must be a number", seedVariable, given)
		}
	}
	t.Logf("%s=%d repeats these edits", seedVariable, seed)
	w := newWorld(t)
	v := &vandal{world: w, random: rand.New(rand.NewPCG(seed, seed)), want: map[child]client.Object{}, pure: map[child]client.Object{}}
	v.start()
	v.addToOthers()
	for n := range handEdits {
		what := v.edit()
		if v.random.IntN(3) > 0 {
			continue // many at once
		}
		v.reverted(fmt.Sprintf("edit %d: %s", n, what))
	}
	v.reverted("the last edit")
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
	w.quiet()
}

// child names an object of the App.
type child struct{ kind, name string }

// vandal edits children at random.
type vandal struct {
	*world
	random *rand.Rand
	// children are in an order, so that the same seed makes the same edits.
	children []child
	// want is how each child must be in the end; pure is how it was before others added to it.
	want, pure map[child]client.Object
}

// start brings up an App with a child of every kind.
func (v *vandal) start() {
	v.Helper()
	// Some edits are not allowed in a restricted namespace, where their Pods could not even be played.
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: v.namespace}}
	v.must(v.Patch(v.Context(), namespace, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":null}}`))))
	_, stop, err := kube.Start(v.T).StartControllers(v.Context(), v.namespace)
	v.must(err)
	v.Cleanup(stop)
	web, two := webService(), int32(2)
	web.Replicas, web.EnvVars = &two, map[string]string{"MODE": "a", "ZONE": "b"}
	web.Readiness = &v1alpha1.Readiness{HTTPPath: "/healthz", PeriodSeconds: 2, TimeoutSeconds: 1}
	// The number of its replicas is left to others.
	api := v1alpha1.ServiceSpec{Name: "api", Image: "my-org/api", Version: "v1", Port: 9090, Args: []string{"serve"}}
	kept := usersDatabase()
	kept.Name, kept.Storage = "kept", &v1alpha1.Storage{Size: "1Gi"}
	v.create(v1alpha1.AppSpec{
		Services:  []v1alpha1.ServiceSpec{web, api},
		Databases: []v1alpha1.DatabaseSpec{usersDatabase(), kept},
	})
	v.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)

	for _, name := range []string{"shop-web", "shop-api", "shop-db", "shop-kept"} {
		v.know("Deployment", name)
		v.know("Service", name)
	}
	v.know("Secret", "shop-db")
	v.know("Secret", "shop-kept")
	v.know("PersistentVolumeClaim", "shop-kept")
	var jobs batchv1.JobList
	v.must(v.List(v.Context(), &jobs, client.InNamespace(v.namespace)))
	for _, job := range jobs.Items {
		v.know("Job", job.Name)
		v.know("ConfigMap", job.Name)
	}
}

func (v *vandal) know(kind, name string) {
	v.Helper()
	c := child{kind, name}
	v.children = append(v.children, c)
	object := newChild(kind)
	v.must(v.get(name, object))
	v.pure[c] = essence(object)
	v.want[c] = v.pure[c]
}

// addToOthers makes changes that stay: TOPAS has no say in them.
func (v *vandal) addToOthers() {
	v.Helper()
	for _, addition := range []struct {
		child
		patch string
	}{
		{child{"Deployment", "shop-web"}, `{"metadata":{"annotations":{"team":"qa"},"labels":{"cost":"7"}},"spec":{"minReadySeconds":1,"template":{
			"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"today"}},"spec":{"nodeSelector":{"disk":"ssd"},
			"volumes":[{"name":"certs","emptyDir":{}}],"containers":[
				{"name":"proxy","image":"mesh/proxy:1","env":[{"name":"MODE","value":"mesh"}],"ports":[{"containerPort":15000}]},
				{"name":"service","volumeMounts":[{"name":"certs","mountPath":"/certs"}]}]}}}}`},
		{child{"Deployment", "shop-api"}, `{"spec":{"replicas":5}}`},
		{child{"Service", "shop-web"}, `{"metadata":{"annotations":{"prometheus.io/scrape":"true"}}}`},
		{child{"Secret", "shop-db"}, `{"metadata":{"labels":{"team":"qa"},"finalizers":["example.com/keep"]}}`},
	} {
		object := newChild(addition.kind)
		object.SetNamespace(v.namespace)
		object.SetName(addition.name)
		v.must(v.Patch(v.Context(), object, client.RawPatch(types.StrategicMergePatchType, []byte(addition.patch)), client.FieldOwner("mesh")))
		v.want[addition.child] = essence(object)
		if cmp.Equal(v.want[addition.child], v.pure[addition.child]) {
			v.Fatalf("the addition to %v changed nothing", addition.child)
		}
	}
	v.settled()
	v.reverted("additions that stay")
}

// edit makes a random edit and says which.
func (v *vandal) edit() string {
	v.Helper()
	target := v.children[v.random.IntN(len(v.children))]
	if v.random.IntN(8) == 0 && target.kind != "PersistentVolumeClaim" && target != (child{"Secret", "shop-db"}) {
		v.remove(target)
		return fmt.Sprintf("delete %v", target)
	}
	possible := slices.Concat(edits[target.kind], anyEdits)
	chosen := possible[v.random.IntN(len(possible))]
	manager := []string{"kubectl-edit", "kubectl-patch", "helm"}[v.random.IntN(3)]
	v.eventually(fmt.Sprintf("%s of %v", chosen.what, target), func() error {
		object := newChild(target.kind)
		if err := v.get(target.name, object); err != nil {
			return err
		}
		chosen.edit(object, v.random)
		return v.Update(v.Context(), object, client.FieldOwner(manager))
	})
	return fmt.Sprintf("%s of %v by %s", chosen.what, target, manager)
}

// remove deletes a child, which comes back without what others had added.
func (v *vandal) remove(target child) {
	v.Helper()
	v.want[target] = v.pure[target]
	object := newChild(target.kind)
	v.exists(target.name, object)
	v.must(v.Delete(v.Context(), object, client.PropagationPolicy(metav1.DeletePropagationBackground)))
}

// reverted waits until every child is as it must be.
func (v *vandal) reverted(after string) {
	v.Helper()
	v.eventually("wait until all is reverted after "+after, func() error {
		for _, c := range v.children {
			object := newChild(c.kind)
			if err := v.get(c.name, object); err != nil {
				return fmt.Errorf("%v: %w", c, err)
			}
			if diff := cmp.Diff(v.want[c], essence(object)); diff != "" {
				return fmt.Errorf("%v (-want +got):\n%s", c, diff)
			}
		}
		return nil
	})
}

func newChild(kind string) client.Object {
	switch kind {
	case "Deployment":
		return &appsv1.Deployment{}
	case "Service":
		return &corev1.Service{}
	case "Secret":
		return &corev1.Secret{}
	case "ConfigMap":
		return &corev1.ConfigMap{}
	case "PersistentVolumeClaim":
		return &corev1.PersistentVolumeClaim{}
	default:
		return &batchv1.Job{}
	}
}

// essence is the object without what the API server gives to each new one.
func essence(o client.Object) client.Object {
	c := bare(o)
	c.SetUID("")
	c.SetCreationTimestamp(metav1.Time{})
	switch object := c.(type) {
	case *corev1.Service:
		object.Spec.ClusterIP, object.Spec.ClusterIPs = "", nil
	case *batchv1.Job:
		object.Status, object.Spec.Selector = batchv1.JobStatus{}, nil
		for _, labels := range []map[string]string{object.Labels, object.Spec.Template.Labels} {
			// A Job without labels gets those of its Pods by the API server.
			for _, own := range []string{batchv1.ControllerUidLabel, "controller-uid", batchv1.JobNameLabel, "job-name"} {
				delete(labels, own)
			}
		}
	}
	return c
}

// handEdit is what a person might do.
type handEdit struct {
	what string
	edit func(client.Object, *rand.Rand)
}

var anyEdits = []handEdit{
	{"another label", func(o client.Object, r *rand.Rand) {
		l := maps.Clone(o.GetLabels())
		if l == nil {
			l = map[string]string{}
		}
		l[[]string{desired.LabelName, desired.LabelInstance, desired.LabelComponent, desired.LabelManagedBy, desired.LabelApp}[r.IntN(5)]] = "other"
		o.SetLabels(l)
	}},
	{"no labels", func(o client.Object, _ *rand.Rand) {
		for key := range o.GetLabels() {
			if key != "cost" && key != "team" {
				delete(o.GetLabels(), key)
			}
		}
	}},
	{"no owner", func(o client.Object, _ *rand.Rand) { o.SetOwnerReferences(nil) }},
}

func number(r *rand.Rand) int32 { return 2000 + r.Int32N(1000) }

func ours(edit func(*corev1.Container, *rand.Rand)) func(client.Object, *rand.Rand) {
	return func(o client.Object, r *rand.Rand) {
		containers := o.(*appsv1.Deployment).Spec.Template.Spec.Containers
		for i := range containers {
			if containers[i].Name != "proxy" {
				edit(&containers[i], r)
			}
		}
	}
}

var edits = map[string][]handEdit{
	"Deployment": {
		{"image", ours(func(c *corev1.Container, r *rand.Rand) { c.Image = fmt.Sprint("evil:", r.IntN(9)) })},
		{"a variable added", ours(func(c *corev1.Container, r *rand.Rand) {
			c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprint("V", number(r)), Value: "x"})
		})},
		{"variables taken away", ours(func(c *corev1.Container, _ *rand.Rand) { c.Env = nil })},
		{"a variable changed", ours(func(c *corev1.Container, r *rand.Rand) {
			if len(c.Env) > 0 {
				i := r.IntN(len(c.Env))
				c.Env[i] = corev1.EnvVar{Name: c.Env[i].Name, Value: fmt.Sprint(number(r))}
			}
		})},
		{"a variable from elsewhere", ours(func(c *corev1.Container, r *rand.Rand) {
			if len(c.Env) > 0 {
				i := r.IntN(len(c.Env))
				c.Env[i] = corev1.EnvVar{Name: c.Env[i].Name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}
			}
		})},
		{"port", ours(func(c *corev1.Container, r *rand.Rand) {
			if len(c.Ports) > 0 {
				c.Ports[0].ContainerPort = number(r)
			}
		})},
		{"a port added", ours(func(c *corev1.Container, r *rand.Rand) {
			c.Ports = append(c.Ports, corev1.ContainerPort{ContainerPort: number(r)})
		})},
		{"no ports", ours(func(c *corev1.Container, _ *rand.Rand) { c.Ports = nil })},
		{"another readiness probe", ours(func(c *corev1.Container, r *rand.Rand) {
			c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: number(r)}}}
		})},
		{"no readiness probe", ours(func(c *corev1.Container, _ *rand.Rand) { c.ReadinessProbe = nil })},
		{"a liveness probe", ours(func(c *corev1.Container, r *rand.Rand) {
			c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(number(r))}}}
		})},
		{"command", ours(func(c *corev1.Container, r *rand.Rand) { c.Command = []string{"sleep", fmt.Sprint(number(r))} })},
		{"arguments", ours(func(c *corev1.Container, r *rand.Rand) { c.Args = []string{fmt.Sprint(number(r))} })},
		{"limits", ours(func(c *corev1.Container, r *rand.Rand) {
			c.Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: *resource.NewQuantity(int64(number(r)), resource.DecimalSI)}
		})},
		{"no requests", ours(func(c *corev1.Container, _ *rand.Rand) { c.Resources.Requests = nil })},
		{"user", ours(func(c *corev1.Container, r *rand.Rand) {
			id := int64(number(r))
			c.SecurityContext = &corev1.SecurityContext{RunAsUser: &id}
		})},
		{"a variable from a Secret", ours(func(c *corev1.Container, _ *rand.Rand) {
			c.EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "x"}}}}
		})},
		{"paused", func(o client.Object, _ *rand.Rand) { o.(*appsv1.Deployment).Spec.Paused = true }},
		{"a label of the Pods", func(o client.Object, _ *rand.Rand) {
			o.(*appsv1.Deployment).Spec.Template.Labels[desired.LabelManagedBy] = "other"
		}},
		{"Pods as root", func(o client.Object, _ *rand.Rand) {
			o.(*appsv1.Deployment).Spec.Template.Spec.SecurityContext = &corev1.PodSecurityContext{}
		}},
		{"scaled, where the spec has a say", func(o client.Object, r *rand.Rand) {
			n := r.Int32N(9)
			switch d := o.(*appsv1.Deployment); d.Name {
			case "shop-web":
				d.Spec.Replicas = &n
			case "shop-db", "shop-kept":
				d.Spec.Replicas = new(int32) // more of them would be as many databases
			}
		}},
	},
	"Service": {
		{"port", func(o client.Object, r *rand.Rand) { o.(*corev1.Service).Spec.Ports[0].Port = number(r) }},
		{"target port", func(o client.Object, r *rand.Rand) {
			o.(*corev1.Service).Spec.Ports[0].TargetPort = intstr.FromInt32(number(r))
		}},
		{"name of the port", func(o client.Object, _ *rand.Rand) { o.(*corev1.Service).Spec.Ports[0].Name = "other" }},
		{"a port added", func(o client.Object, r *rand.Rand) {
			s := o.(*corev1.Service)
			n := number(r)
			s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: fmt.Sprint("p", n), Port: n})
		}},
		{"selector", func(o client.Object, _ *rand.Rand) { o.(*corev1.Service).Spec.Selector = map[string]string{"app": "x"} }},
		{"type", func(o client.Object, _ *rand.Rand) { o.(*corev1.Service).Spec.Type = corev1.ServiceTypeNodePort }},
		{"affinity", func(o client.Object, _ *rand.Rand) {
			o.(*corev1.Service).Spec.SessionAffinity = corev1.ServiceAffinityClientIP
		}},
	},
	"Secret": {
		{"password", func(o client.Object, r *rand.Rand) {
			o.(*corev1.Secret).Data = map[string][]byte{"password": []byte(fmt.Sprint(number(r)))}
		}},
		{"a key added", func(o client.Object, r *rand.Rand) { o.(*corev1.Secret).Data[fmt.Sprint("k", number(r))] = nil }},
	},
	"ConfigMap": {
		{"SQL", func(o client.Object, _ *rand.Rand) { o.(*corev1.ConfigMap).Data["init.sql"] = "DROP TABLE users" }},
		{"no SQL", func(o client.Object, _ *rand.Rand) { o.(*corev1.ConfigMap).Data = nil }},
	},
}

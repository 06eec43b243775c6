/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"errors"
	"fmt"
	"testing"

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
)

var errNotYet = errors.New("not yet")

// TestHandEditsAreReverted edits children as kubectl would and waits until they are what they were.
func TestHandEditsAreReverted(t *testing.T) {
	w := newWorld(t)
	w.create(v1alpha1.AppSpec{
		Services: []v1alpha1.ServiceSpec{func() v1alpha1.ServiceSpec {
			s, two := webService(), int32(2)
			s.Replicas, s.EnvVars = &two, map[string]string{"MODE": "a"}
			return s
		}()},
		Databases: []v1alpha1.DatabaseSpec{usersDatabase()},
	})
	w.startDatabase()
	job := w.schemaJob()
	w.completeJob(job)
	w.rollOut("shop-web")
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)

	for _, tc := range []struct {
		reason string
		name   string
		object client.Object
		edit   func(client.Object)
	}{
		{"another image", "shop-web", &appsv1.Deployment{}, func(o client.Object) {
			o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Image = "evil/web:latest"
		}},
		{"another number of replicas", "shop-web", &appsv1.Deployment{}, func(o client.Object) {
			none := int32(0)
			o.(*appsv1.Deployment).Spec.Replicas = &none
		}},
		{"another environment", "shop-web", &appsv1.Deployment{}, func(o client.Object) {
			o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Env[0].Value = "b"
		}},
		{"an environment taken away", "shop-web", &appsv1.Deployment{}, func(o client.Object) {
			o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Env = nil
		}},
		{"the label by which the cache knows it", "shop-web", &appsv1.Deployment{}, func(o client.Object) {
			delete(o.GetLabels(), desired.LabelManagedBy)
		}},
		{"no owner", "shop-web", &appsv1.Deployment{}, func(o client.Object) { o.SetOwnerReferences(nil) }},
		{"another selector", "shop-web", &corev1.Service{}, func(o client.Object) {
			o.(*corev1.Service).Spec.Selector = map[string]string{"app": "other"}
		}},
		{"another target", "shop-web", &corev1.Service{}, func(o client.Object) {
			o.(*corev1.Service).Spec.Ports[0].TargetPort = intstr.FromInt32(9)
		}},
		{"another port of the Service", "shop-web", &corev1.Service{}, func(o client.Object) {
			o.(*corev1.Service).Spec.Ports[0].Port = 9
		}},
		{"a second port of the Service", "shop-web", &corev1.Service{}, func(o client.Object) {
			ports := &o.(*corev1.Service).Spec.Ports
			*ports = append(*ports, corev1.ServicePort{Name: "debug", Port: 6060})
		}},
		{"open to the outside", "shop-web", &corev1.Service{}, func(o client.Object) {
			o.(*corev1.Service).Spec.Type = corev1.ServiceTypeNodePort
		}},
		{"another port of the container", "shop-web", &appsv1.Deployment{}, inContainer(func(c *corev1.Container) {
			c.Ports[0].ContainerPort = 9
		})},
		{"another kind of readiness probe", "shop-web", &appsv1.Deployment{}, inContainer(func(c *corev1.Container) {
			c.ReadinessProbe.ProbeHandler = corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}
		})},
		{"no readiness probe", "shop-web", &appsv1.Deployment{}, inContainer(func(c *corev1.Container) { c.ReadinessProbe = nil })},
		{"a liveness probe", "shop-web", &appsv1.Deployment{}, inContainer(func(c *corev1.Container) {
			c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(1)}}}
		})},
		{"a further variable", "shop-web", &appsv1.Deployment{}, inContainer(func(c *corev1.Container) {
			c.Env = append(c.Env, corev1.EnvVar{Name: "DEBUG", Value: "1"})
		})},
		{"a variable from elsewhere", "shop-web", &appsv1.Deployment{}, inContainer(func(c *corev1.Container) {
			c.Env[0] = corev1.EnvVar{Name: "MODE", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}
		})},
		{"another command", "shop-web", &appsv1.Deployment{}, inContainer(func(c *corev1.Container) { c.Command = []string{"sleep"} })},
		{"limits", "shop-web", &appsv1.Deployment{}, inContainer(func(c *corev1.Container) {
			c.Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}
		})},
		{"as another user", "shop-web", &appsv1.Deployment{}, inContainer(func(c *corev1.Container) {
			root := int64(0)
			c.SecurityContext.RunAsUser = &root
		})},
		{"paused", "shop-web", &appsv1.Deployment{}, func(o client.Object) { o.(*appsv1.Deployment).Spec.Paused = true }},
		{"two databases side by side", "shop-db", &appsv1.Deployment{}, func(o client.Object) {
			o.(*appsv1.Deployment).Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType}
		}},
		{"data elsewhere", "shop-db", &appsv1.Deployment{}, func(o client.Object) {
			o.(*appsv1.Deployment).Spec.Template.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "other"}}
		}},
		{"a label of the Job", job.Name, &batchv1.Job{}, func(o client.Object) { o.GetLabels()[desired.LabelApp] = "other" }},
		{"a further credential", "shop-db", &corev1.Secret{}, func(o client.Object) {
			o.(*corev1.Secret).Data["admin"] = []byte("x")
		}},
		{"another password", "shop-db", &corev1.Secret{}, func(o client.Object) {
			o.(*corev1.Secret).Data["password"] = []byte("guessed")
		}},
		{"other SQL", job.Name, &corev1.ConfigMap{}, func(o client.Object) {
			o.(*corev1.ConfigMap).Data["init.sql"] = "DROP TABLE users"
		}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			w := w.in(t)
			w.exists(tc.name, tc.object)
			want := bare(tc.object)
			tc.edit(tc.object)
			// With kubectl's field manager, as `kubectl replace` sends it.
			w.must(w.Update(t.Context(), tc.object, client.FieldOwner("kubectl-replace")))
			w.eventually("wait until the edit is reverted", func() error {
				w.must(w.get(tc.name, tc.object))
				if diff := cmp.Diff(want, bare(tc.object)); diff != "" {
					return fmt.Errorf("%T (-want +got):\n%s", tc.object, diff)
				}
				return nil
			})
			if tc.name == "shop-db" {
				w.rollOut("shop-db")
			}
		})
	}
	w.rollOut("shop-web")
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
	w.quiet()
}

// inContainer edits the one container of a Deployment.
func inContainer(edit func(*corev1.Container)) func(client.Object) {
	return func(o client.Object) { edit(&o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0]) }
}

// in is the same world for a subtest.
func (w *world) in(t *testing.T) *world {
	sub := *w
	sub.T = t
	return &sub
}

// bare is the object without what every write changes.
func bare(o client.Object) client.Object {
	c := o.DeepCopyObject().(client.Object)
	c.SetResourceVersion("")
	c.SetGeneration(0)
	c.SetManagedFields(nil)
	if d, ok := c.(*appsv1.Deployment); ok {
		d.Status = appsv1.DeploymentStatus{}
	}
	return c
}

func TestDeletedChildrenComeBack(t *testing.T) {
	w := newWorld(t)
	w.startShop()
	job := w.schemaJob()
	for _, tc := range []struct {
		name   string
		object client.Object
	}{
		{"shop-web", &appsv1.Deployment{}},
		{"shop-web", &corev1.Service{}},
		{"shop-db", &appsv1.Deployment{}},
		{"shop-db", &corev1.Service{}},
		{"shop-db", &corev1.Secret{}},
		{job.Name, &corev1.ConfigMap{}},
		// psql finds out by itself whether the database has the SQL already.
		{job.Name, &batchv1.Job{}},
	} {
		t.Run(fmt.Sprintf("%T %s", tc.object, tc.name), func(t *testing.T) {
			w := w.in(t)
			w.must(w.get(tc.name, tc.object))
			uid := tc.object.GetUID()
			w.must(w.Delete(t.Context(), tc.object, client.PropagationPolicy(metav1.DeletePropagationBackground)))
			w.eventually("wait until it is back", func() error {
				if err := w.get(tc.name, tc.object); err != nil {
					return err
				}
				if tc.object.GetUID() == uid {
					return errNotYet
				}
				return nil
			})
			if tc.name == "shop-db" {
				w.rollOut("shop-db")
			}
		})
	}
}

func TestFieldsOfOthersStay(t *testing.T) {
	w := newWorld(t)
	w.startShop()
	d := &appsv1.Deployment{}
	w.must(w.get("shop-web", d))
	patch := `{"metadata":{"annotations":{"team":"qa"}},"spec":{"template":{"spec":{"containers":[
		{"name":"proxy","image":"mesh/proxy:1"}]}}}}`
	w.must(w.Patch(t.Context(), d, client.RawPatch(types.StrategicMergePatchType, []byte(patch)), client.FieldOwner("mesh")))
	w.rollOut("shop-web")

	w.change(func(s *v1alpha1.AppSpec) { s.Services[0].Version = "v2.0.0" })
	w.eventually("wait for the new version", func() error {
		w.must(w.get("shop-web", d))
		for _, c := range d.Spec.Template.Spec.Containers {
			if c.Image == "my-org/web:v2.0.0" {
				return nil
			}
		}
		return errNotYet
	})
	if len(d.Spec.Template.Spec.Containers) != 2 || d.Annotations["team"] != "qa" {
		t.Errorf("containers %d, annotations %v: want the sidecar and the annotation to stay",
			len(d.Spec.Template.Spec.Containers), d.Annotations)
	}
	w.rollOut("shop-web")
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
	w.quiet()
}

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/lua/modules"
	"github.com/topas-dev/topas/test/servers/kube"
	"github.com/topas-dev/topas/test/servers/newman"
	"github.com/topas-dev/topas/test/servers/postgres"
)

func TestMain(m *testing.M) {
	os.Exit(kube.Run(m))
}

// echoHost is a loopback address of this test's own, so that the echo service can have the port that the script names.
var echoHost = fmt.Sprintf("127.%d.%d.1", 1+os.Getpid()/250%250, os.Getpid()%250)

// system is a system under test as scripts see it: the App mock-app on a real API server, with a real PostgreSQL and
// the real echo service. The test plays the controller, and the names lead to loopback addresses.
type system struct {
	t           *testing.T
	environment Environment
	kube        client.WithWatch
	database    *postgres.Server
}

func newSystem(t *testing.T) *system {
	t.Helper()
	server := kube.Start(t)
	c, err := client.NewWithWatch(server.Config, client.Options{Scheme: server.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	database := newDatabase(t)
	port := startEcho(t, database)
	forward(t, net.JoinHostPort(echoHost, "50051"), fmt.Sprintf("127.0.0.1:%d", port))

	login := map[string]string{"user": database.User, "password": database.Password, "dbname": database.Database}
	s := &system{t: t, kube: c, database: database, environment: Environment{
		Cluster: server.Config, Namespace: server.NewNamespace(t), App: "mock-app", Newman: newman.Dir(t),
		Credentials: secretVolume(t, map[string]map[string]string{"ledger": login}),
		Host: func(name string) string {
			if name == "echo" {
				return echoHost
			}
			return "127.0.0.1"
		},
	}}
	app := &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Name: "mock-app", Namespace: s.environment.Namespace},
		Spec: v1alpha1.AppSpec{
			Services: []v1alpha1.ServiceSpec{
				{Name: "frontend", Image: "my-org/web", Version: "v1.1.0", Port: port},
				{Name: "echo", Image: "my-org/echo", Version: "v1.0.0", Port: 50051},
			},
			Databases: []v1alpha1.DatabaseSpec{
				{Name: "db", Image: "postgres:15", Port: int32(database.Port), Credentials: login},
				{Name: "ledger", Image: "postgres:15", Port: int32(database.Port), CredentialsSecretRef: &v1alpha1.SecretReference{Name: "ledger-login"}},
				{Name: "stock", Image: "postgres:15", Port: int32(database.Port), CredentialsSecretRef: &v1alpha1.SecretReference{Name: "stock-login"}},
			},
		},
	}
	if err := c.Create(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	s.playController()
	return s
}

// connect is what Options.Connect needs.
func (s *system) connect(ctx context.Context) (modules.Drivers, func(), error) {
	return Connect(ctx, s.environment)
}

// playController reports every change of the App as carried out, until the test ends.
func (s *system) playController() {
	ctx, cancel := context.WithCancel(s.t.Context())
	w, err := s.kube.Watch(ctx, &v1alpha1.AppList{}, client.InNamespace(s.environment.Namespace))
	if err != nil {
		s.t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for event := range w.ResultChan() {
			app, ok := event.Object.(*v1alpha1.App)
			if !ok || app.Status.ObservedGeneration == app.Generation {
				continue
			}
			app.Status = v1alpha1.AppStatus{ObservedGeneration: app.Generation}
			for _, service := range app.Spec.Services {
				replicas := int32(1)
				if service.Replicas != nil {
					replicas = *service.Replicas
				}
				app.Status.Services = append(app.Status.Services, v1alpha1.ServiceStatus{
					Name: service.Name, Image: service.Image + ":" + service.Version,
					DesiredReplicas: replicas, ReadyReplicas: replicas, Ready: true,
				})
			}
			if err := s.kube.Status().Update(ctx, app); err != nil && ctx.Err() == nil {
				s.t.Errorf("write the App's status: %v", err)
			}
		}
	})
	s.t.Cleanup(func() { cancel(); w.Stop(); done.Wait() })
}

// newDatabase makes the database testdb of the user admin with the table users, in which alice is already: the
// script asks for her before it seeds her once more, so that her name is no primary key here.
func newDatabase(t *testing.T) *postgres.Server {
	t.Helper()
	admin := *postgres.Start(t)
	query(t, admin.DSN(), "CREATE ROLE admin LOGIN PASSWORD 'p4ss word'", "CREATE DATABASE testdb OWNER admin")
	admin.User, admin.Password, admin.Database = "admin", "p4ss word", "testdb"
	query(t, admin.DSN(), "CREATE TABLE users (name text, role text)", "INSERT INTO users VALUES ('alice', 'admin')")
	return &admin
}

func query(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// startEcho builds and starts the sample service, and returns its port when it is ready.
func startEcho(t *testing.T, database *postgres.Server) int32 {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "echo")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../test/apps/echo")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the echo service: %v\n%s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()

	cmd := exec.Command(binary)
	cmd.Env = []string{"PORT=" + strconv.Itoa(port), "DATABASE_URL=" + database.DSN(), "DRAIN_DELAY=0s"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ready := fmt.Sprintf("http://127.0.0.1:%d/readyz", port)
	for deadline := time.Now().Add(30 * time.Second); !answers(ready); {
		if time.Now().After(deadline) {
			t.Fatalf("the echo service is not ready after 30s: %s", ready)
		}
	}
	return int32(port)
}

func answers(url string) bool {
	resp, err := http.Get(url)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// forward passes connections on, as a Service of the cluster does.
func forward(t *testing.T, from, to string) {
	t.Helper()
	listener, err := net.Listen("tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
				go func() {
					_, _ = io.Copy(pair[0], pair[1])
					_, _ = in.Close(), out.Close()
				}()
			}
		}
	}()
}

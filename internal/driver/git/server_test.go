/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git_test

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/topas-dev/topas/internal/driver/git"
	"github.com/topas-dev/topas/test/apps/gitserver/access"
)

const (
	user     = "tester"
	password = "s3cret/päss"
	token    = "t0ken.of-the+tester"
)

// server is git's own HTTP backend in front of a folder of repositories. Those below /private/ want a password, those
// below /bearer/ a token.
type server struct {
	url string
	dir string
	// ca is the certificate of a server that speaks TLS.
	ca string
	// through, when it is set, is what requests have to get through.
	through func(http.Handler) http.Handler
}

func newServer(t *testing.T) *server {
	t.Helper()
	return serve(t, httptest.NewServer)
}

func newTLSServer(t *testing.T) *server {
	t.Helper()
	return serve(t, func(h http.Handler) *httptest.Server {
		srv := httptest.NewUnstartedServer(h)
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.StartTLS()
		return srv
	})
}

func serve(t *testing.T, start func(http.Handler) *httptest.Server) *server {
	t.Helper()
	s := &server{dir: t.TempDir()}
	backend := &cgi.Handler{
		Path:   filepath.Join(strings.TrimSpace(run(t, s.dir, "git", "--exec-path")), "git-http-backend"),
		Env:    []string{"GIT_PROJECT_ROOT=" + s.dir, "GIT_HTTP_EXPORT_ALL=1"},
		Stderr: io.Discard,
	}
	srv := start(access.Login{Username: user, Password: password, Token: token}.Ask(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.through != nil {
			s.through(backend).ServeHTTP(w, r)
			return
		}
		backend.ServeHTTP(w, r)
	})))
	t.Cleanup(srv.Close)
	s.url = srv.URL
	if certificate := srv.Certificate(); certificate != nil {
		s.ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
	}
	return s
}

// secret is a Secret the way that the kubelet mounts it: the keys are links into a hidden folder.
func secret(t *testing.T, values map[string]string) git.Credentials {
	t.Helper()
	credentials, err := git.LoadCredentials("git-login", secretDir(t, values))
	if err != nil {
		t.Fatal(err)
	}
	return credentials
}

func secretDir(t *testing.T, values map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "..data"), 0o755); err != nil {
		t.Fatal(err)
	}
	for key, value := range values {
		write(t, dir, map[string]string{"..data/" + key: value})
		symlink(t, dir, "..data/"+key, key)
	}
	return dir
}

// repository is one that is pushed to by hand.
type repository struct {
	t    *testing.T
	dir  string
	bare string
}

// newRepository makes an empty repository on the server, and a clone of it to work in.
func (s *server) newRepository(t *testing.T, name string) *repository {
	t.Helper()
	r := &repository{t: t, dir: t.TempDir(), bare: filepath.Join(s.dir, name)}
	run(t, s.dir, "git", "init", "-q", "--bare", "--initial-branch=main", r.bare)
	run(t, r.dir, "git", "init", "-q", "--initial-branch=main", ".")
	r.git("config", "user.name", "Test")
	r.git("config", "user.email", "test@example.com")
	r.git("remote", "add", "origin", r.bare)
	return r
}

func (r *repository) git(args ...string) string {
	r.t.Helper()
	return strings.TrimSpace(run(r.t, r.dir, "git", args...))
}

// commit writes files, name -> content, commits them and returns the SHA.
func (r *repository) commit(files map[string]string) string {
	r.t.Helper()
	for name, content := range files {
		path := filepath.Join(r.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	r.git("add", "-A")
	r.git("commit", "-q", "-m", "change")
	return r.git("rev-parse", "HEAD")
}

func (r *repository) push() {
	r.t.Helper()
	r.git("push", "-q", "--all")
	r.git("push", "-q", "--tags")
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

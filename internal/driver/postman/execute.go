/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package postman

import (
	"context"
	_ "embed" // run.js
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

//go:embed run.js
var script string

// killDelay is how long after the kill a process may keep its pipes open.
const killDelay = 5 * time.Second

// passedOn are the variables that Node gets from this process. Proxies are not among them: the hosts of the App are
// reached without.
var passedOn = []string{"PATH", "TZ", "LANG", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"}

// execute runs Newman in an empty folder, the only one from which it reads files. It also is its home, so that no
// settings of the user change a test.
func (r *Runner) execute(ctx context.Context, req *request, o Options, out io.Writer) (*Report, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "topas-newman-")
	if err != nil {
		return nil, fmt.Errorf("making a working folder for Newman: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	req.WorkingDir = filepath.Join(dir, "files")
	if err := os.Mkdir(req.WorkingDir, 0o700); err != nil {
		return nil, fmt.Errorf("making a working folder for Newman: %w", err)
	}
	if o.csv() {
		path := filepath.Join(dir, "data.csv")
		if err := os.WriteFile(path, o.Data.Content, 0o600); err != nil {
			return nil, fmt.Errorf("handing the data to Newman: %w", err)
		}
		req.IterationData = path
	}

	// Whatever goes wrong with the conversation, the process must not outlive it.
	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	p, err := start(r.command(runCtx, dir))
	if err != nil {
		return nil, fmt.Errorf("starting Newman: %w", err)
	}
	report, err := p.converse(req, r.config.Hosts, out)
	stop()
	waitErr := p.wait()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("collection %s was stopped: %w", o.Collection.Name, ctx.Err())
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("newman ended without a report on collection %s: %w%s", o.Collection.Name, waitErr, p.lastWords())
	case err != nil:
		return nil, fmt.Errorf("running collection %s: %w", o.Collection.Name, err)
	}
	return report, nil
}

// check says what is wrong with the installation, which Node would say at length.
func (r *Runner) check() error {
	_, err := os.Stat(filepath.Join(r.config.Newman, "node_modules", "newman", "package.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("newman is not installed in %s: it has no node_modules/newman", r.config.Newman)
	}
	if err != nil {
		return fmt.Errorf("looking for Newman: %w", err)
	}
	return nil
}

func (r *Runner) command(ctx context.Context, dir string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.config.Node, "-e", script)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "NODE_PATH=" + filepath.Join(r.config.Newman, "node_modules")}
	for _, name := range passedOn {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = killDelay
	return cmd
}

// process is a running run.js.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	events *os.File
	stderr *tail
}

func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, stderr: &tail{}}
	cmd.Stderr = p.stderr
	var err error
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	events, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.events = events
	cmd.ExtraFiles = []*os.File{write}
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		_ = events.Close()
		return nil, err
	}
	return p, nil
}

func (p *process) wait() error {
	_ = p.stdin.Close()
	err := p.cmd.Wait()
	_ = p.events.Close()
	return err
}

// lastWords are the end of what the process wrote to its standard error.
func (p *process) lastWords() string {
	if text := strings.TrimSpace(string(p.stderr.data)); text != "" {
		return ": " + text
	}
	return ""
}

// tail keeps the last bytes that are written to it.
type tail struct{ data []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 2048
	t.data = append(t.data, p...)
	if len(t.data) > most {
		t.data = append([]byte(nil), t.data[len(t.data)-most:]...)
	}
	return len(p), nil
}

// encode writes one line of JSON.
func encode(w io.Writer, message any) error {
	if err := json.NewEncoder(w).Encode(message); err != nil {
		return fmt.Errorf("writing to Newman: %w", err)
	}
	return nil
}

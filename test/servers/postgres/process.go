/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	host         = "127.0.0.1"
	superuser    = "postgres"
	startTimeout = 30 * time.Second
	startTries   = 3
)

// supervise starts the server ("$@" after the data folder) and stops it when its own standard input ends. The test
// binary holds the other end of that pipe, so that the server goes with it even when it is killed or panics on -timeout.
const supervise = `
exec 3<&0
folder=$1; shift
"$@" 3<&- &
server=$!
{ cat <&3 >/dev/null; kill -INT "$server" 2>/dev/null; } &
wait "$server"
code=$?
rm -rf -- "$folder"
exit "$code"
`

// process is a running server: closing its leash stops it.
type process struct {
	leash  io.Closer
	exited <-chan struct{}
}

func (p *process) stop() {
	_ = p.leash.Close()
	<-p.exited
}

// launch makes a database cluster and starts a server on it.
func launch(ctx context.Context) (*Server, *process, error) {
	binaries, err := findBinaries()
	if err != nil {
		return nil, nil, err
	}
	owner, err := serverUser()
	if err != nil {
		return nil, nil, err
	}

	server := &Server{Host: host, User: superuser, Password: "throw-away", Database: "postgres"}
	for try := 1; ; try++ {
		process, err := launchOnce(ctx, server, binaries, owner)
		if err == nil {
			return server, process, nil
		}
		// The free port that was found may have been taken by somebody else in the meantime.
		if try == startTries || !strings.Contains(err.Error(), "could not bind") {
			return nil, nil, err
		}
	}
}

func launchOnce(ctx context.Context, server *Server, binaries string, owner *syscall.Credential) (*process, error) {
	folder, err := newFolder(owner)
	if err != nil {
		return nil, err
	}
	process, err := startIn(ctx, server, binaries, folder, owner)
	if err != nil {
		_ = os.RemoveAll(folder)
		return nil, err
	}
	return process, nil
}

func startIn(ctx context.Context, server *Server, binaries, folder string, owner *syscall.Credential) (*process, error) {
	data := filepath.Join(folder, "data")
	if err := initialise(ctx, server, binaries, data, owner); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	server.Port = port

	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, fmt.Errorf("create the server's log: %w", err)
	}
	defer func() { _ = log.Close() }()

	cmd := exec.Command("/bin/sh", "-c", supervise, "supervise", folder,
		filepath.Join(binaries, "postgres"), "-D", data,
		"-c", "listen_addresses="+host, "-c", "port="+strconv.Itoa(port), "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=200")
	cmd.Dir = folder
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: ^C in a terminal must reach the server through the leash, after the tests' cleanups.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner, Setpgid: true}
	leash, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the server's leash: %w", err)
	}
	// Opened before the start: the supervisor removes the folder with the log when the server ends.
	output, err := os.Open(log.Name())
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	defer func() { _ = output.Close() }()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("run the server: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		// The exit code says nothing that the log does not say better.
		_ = cmd.Wait()
		close(exited)
	}()

	running := &process{leash: leash, exited: exited}
	if err := waitReady(ctx, server, exited); err != nil {
		running.stop()
		words, _ := io.ReadAll(output)
		return nil, fmt.Errorf("%w; the server's log:\n%s", err, words)
	}
	return running, nil
}

func initialise(ctx context.Context, server *Server, binaries, data string, owner *syscall.Credential) error {
	folder := filepath.Dir(data)
	password := filepath.Join(folder, "password")
	// Readable by all, in a folder that only the server's user may enter.
	if err := os.WriteFile(password, []byte(server.Password+"\n"), 0o644); err != nil {
		return fmt.Errorf("write the password for initdb: %w", err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(binaries, "initdb"), "-D", data, "--username="+server.User,
		"--pwfile="+password, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	cmd.Dir = folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run initdb: %w: %s", err, output)
	}
	return nil
}

func waitReady(ctx context.Context, server *Server, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		lastErr := server.exec(ctx, "SELECT 1")
		if lastErr == nil {
			return nil
		}
		select {
		case <-exited:
			return errors.New("the server ended before it was ready")
		case <-ctx.Done():
			return fmt.Errorf("the server was not ready within %s: %w", startTimeout, lastErr)
		case <-poll.C:
		}
	}
}

// findBinaries returns the folder of the newest PostgreSQL server on this machine: Debian's layout first, then PATH.
func findBinaries() (string, error) {
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	newest, folder := -1, ""
	for _, binary := range folders {
		bin := filepath.Dir(binary)
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
		if err == nil && version > newest {
			newest, folder = version, bin
		}
	}
	if folder != "" {
		return folder, nil
	}
	if binary, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(binary), nil
	}
	return "", errors.New("the server's binaries are in neither /usr/lib/postgresql/<version>/bin nor PATH: " +
		"install PostgreSQL's server, on Debian: apt-get install postgresql")
}

// serverUser says whom the server runs as: nil is the current user. PostgreSQL refuses to run as root, so that
// root needs the postgres user that comes with the package.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user postgres to run it as: %w", err)
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the uid of user postgres: %w", err)
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the gid of user postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// newFolder is not t.TempDir(): that lies in a folder that only the current user may enter.
func newFolder(owner *syscall.Credential) (string, error) {
	folder, err := os.MkdirTemp("", "topas-postgres-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the server: %w", err)
	}
	if owner == nil {
		return folder, nil
	}
	if err := os.Chown(folder, int(owner.Uid), int(owner.Gid)); err != nil {
		return "", fmt.Errorf("give the server's folder to its user: %w", err)
	}
	return folder, nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

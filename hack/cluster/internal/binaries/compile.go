/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package binaries

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"
)

const (
	reportInterval = 20 * time.Second
	interruptGrace = 10 * time.Second
	keptLines      = 40
)

// compile runs `go build` on one program and tells from time to time how far it is.
func (b Builder) compile(ctx context.Context, program, output string) error {
	started := time.Now()
	command := exec.CommandContext(ctx, "go", "build", "-v", "-trimpath", "-ldflags", linkFlags(), "-o", output, "./cmd/"+program)
	command.Dir = b.Source
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly")
	// An interrupted go waits for its compilers; a killed one leaves them behind.
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = interruptGrace
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, writer

	var packages atomic.Int64
	var tail []string
	read := make(chan struct{})
	go func() {
		defer close(read)
		tail = follow(reader, &packages)
	}()
	stop := b.report(program, started, &packages)
	err := command.Run()
	stop()
	_ = writer.Close()
	<-read
	if ctx.Err() != nil {
		return fmt.Errorf("go build ./cmd/%s was interrupted: %w", program, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("go build ./cmd/%s: %w\n%s", program, err, strings.Join(tail, "\n"))
	}
	b.Progress.Step("built %s in %s", program, time.Since(started).Round(time.Second))
	return nil
}

// follow counts the packages that `go build -v` names, one a line as it gets
// to them, and keeps the last lines for the error message.
func follow(output io.Reader, packages *atomic.Int64) []string {
	var tail []string
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "go: ") {
			packages.Add(1)
		}
		tail = append(tail, line)
		if len(tail) > keptLines {
			tail = tail[1:]
		}
	}
	// A line too long for the scanner must not block the compiler.
	_, _ = io.Copy(io.Discard, output)
	return tail
}

func (b Builder) report(program string, started time.Time, packages *atomic.Int64) (stop func()) {
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(reportInterval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				b.Progress.Step("compiling %s: %s, %d packages so far",
					program, time.Since(started).Round(time.Second), packages.Load())
			}
		}
	}()
	return func() { close(done) }
}

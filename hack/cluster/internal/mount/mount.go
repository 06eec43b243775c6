/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package mount takes away what was mounted below a folder.
package mount

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Under lists the mount points at and below a folder, the latest first, which
// is the order to unmount them in.
func Under(folder string) ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("listing mounts: %w", err)
	}
	defer func() { _ = file.Close() }()
	return under(file, folder)
}

func under(mountinfo io.Reader, folder string) ([]string, error) {
	var points []string
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			continue
		}
		point := unescape(fields[4])
		if point == folder || strings.HasPrefix(point, folder+"/") {
			points = append(points, point)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("listing mounts: %w", err)
	}
	slices.Reverse(points)
	return points, nil
}

// The kernel writes blanks, tabs, newlines and backslashes in octal.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// DetachAll unmounts everything at and below a folder and returns how many
// mounts that were. Mounts can hide each other, hence several rounds.
func DetachAll(folder string) (int, error) {
	total := 0
	for {
		points, err := Under(folder)
		if err != nil || len(points) == 0 {
			return total, err
		}
		progress := false
		var failure error
		for _, point := range points {
			if err := unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
				failure = fmt.Errorf("unmounting %s: %w", point, err)
				continue
			}
			progress = true
			total++
		}
		if !progress {
			return total, failure
		}
	}
}

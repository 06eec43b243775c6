/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package image reads and writes container images as docker-archive tars.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
)

const pauseRepository = "localhost/topas/pause"

// unprivileged is the user nobody of most systems.
const unprivileged = "65535:65535"

// PauseReference names the image that Pause makes from a program.
func PauseReference(program []byte) string {
	return pauseRepository + ":" + sum(program)[:12]
}

// WritePause writes a docker-archive that holds nothing but one static program,
// as /pause. The same program gives the same image.
func WritePause(out io.Writer, program []byte) error {
	layer, err := archive(file{"pause", 0o755, program})
	if err != nil {
		return fmt.Errorf("writing the layer of the pause image: %w", err)
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       map[string]any{"Entrypoint": []string{"/pause"}, "User": unprivileged},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + sum(layer)}},
	})
	if err != nil {
		return fmt.Errorf("writing the configuration of the pause image: %w", err)
	}
	configName, layerName := sum(config)+".json", sum(layer)+".tar"
	manifest, err := json.Marshal([]manifestEntry{{
		Config: configName, RepoTags: []string{PauseReference(program)}, Layers: []string{layerName},
	}})
	if err != nil {
		return fmt.Errorf("writing the manifest of the pause image: %w", err)
	}
	whole, err := archive(file{layerName, 0o644, layer}, file{configName, 0o644, config}, file{manifestName, 0o644, manifest})
	if err != nil {
		return fmt.Errorf("writing the pause image: %w", err)
	}
	if _, err := out.Write(whole); err != nil {
		return fmt.Errorf("writing the pause image: %w", err)
	}
	return nil
}

// ReadProgram loads the program for WritePause.
func ReadProgram(path string) ([]byte, error) {
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the program of the pause image: %w", err)
	}
	return program, nil
}

type file struct {
	name    string
	mode    int64
	content []byte
}

func archive(files ...file) ([]byte, error) {
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content)), Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func sum(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}

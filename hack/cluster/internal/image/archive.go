/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package image

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"
)

const manifestName = "manifest.json"

type manifestEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// Image is a name and the id of what it stands for: the digest of the image's
// configuration, "sha256:...", which is the same wherever the image is stored.
type Image struct {
	Name string
	ID   string
}

var hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Contents tells which images a docker-archive holds, without reading the
// layers. An ID stays empty if the archive does not name its configuration by digest.
func Contents(archivePath string) ([]Image, error) {
	archive, err := os.Open(archivePath)
	if err != nil {
		return nil, fmt.Errorf("opening the image archive: %w", err)
	}
	defer func() { _ = archive.Close() }()
	images, err := contents(archive)
	if err != nil {
		return nil, fmt.Errorf("reading the image archive %s: %w", archivePath, err)
	}
	return images, nil
}

func contents(archive io.Reader) ([]Image, error) {
	reader := tar.NewReader(archive)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("no manifest.json in it: only uncompressed docker-archive tars can be loaded")
		}
		if err != nil {
			return nil, err
		}
		if path.Clean(header.Name) == manifestName {
			return parseManifest(reader)
		}
	}
}

func parseManifest(manifest io.Reader) ([]Image, error) {
	var entries []manifestEntry
	if err := json.NewDecoder(manifest).Decode(&entries); err != nil {
		return nil, fmt.Errorf("parsing manifest.json: %w", err)
	}
	var images []Image
	for _, entry := range entries {
		for _, name := range entry.RepoTags {
			images = append(images, Image{Name: name, ID: configID(entry.Config)})
		}
	}
	if len(images) == 0 {
		return nil, errors.New("manifest.json names no image: tag it before saving it")
	}
	return images, nil
}

// The configuration is called DIGEST.json by most tools, blobs/sha256/DIGEST by docker.
func configID(config string) string {
	digest := strings.TrimSuffix(path.Base(config), ".json")
	if !hexDigest.MatchString(digest) {
		return ""
	}
	return "sha256:" + digest
}

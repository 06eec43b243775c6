/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// TLS says how a server is verified and what it is shown. The zero value verifies it by the machine's certificate
// authorities.
type TLS struct {
	// Insecure accepts any certificate.
	Insecure bool
	// CA holds certificates in PEM that are trusted in place of the machine's.
	CA string
	// Cert and Key are the client's own certificate and key in PEM.
	Cert, Key string
	// ServerName is the name that the server's certificate must have; the host by default.
	ServerName string
}

func (t TLS) config() (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: t.Insecure, ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(t.CA)) {
			return nil, errors.New("the TLS option ca holds no certificate in PEM")
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, errors.New("the TLS options cert and key must be given together")
	}
	if t.Cert != "" {
		pair, err := tls.X509KeyPair([]byte(t.Cert), []byte(t.Key))
		if err != nil {
			return nil, fmt.Errorf("the TLS options cert and key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

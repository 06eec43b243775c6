/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package contract

import (
	"encoding/json"
	"fmt"
)

// ParamsName is the file in BundleDir that holds the parameters of the run, as a JSON object of strings. It is not there
// if there are none. No file of a TestRun can have its name, which begins with a dot.
const ParamsName = ".params.json"

// ParamsFile is where the runner finds them.
const ParamsFile = BundleDir + "/" + ParamsName

// EncodeParams writes parameters as DecodeParams reads them.
func EncodeParams(params map[string]string) string {
	data, err := json.Marshal(params)
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return string(data)
}

// DecodeParams reads parameters.
func DecodeParams(data []byte) (map[string]string, error) {
	var params map[string]string
	if err := json.Unmarshal(data, &params); err != nil {
		return nil, fmt.Errorf("decoding the parameters, want a JSON object of strings: %w", err)
	}
	return params, nil
}

// Judges manifests, indexes and configurations by the JSON schemas of image-spec: a peer of the tests.
// One request a line on standard input, one verdict a line on standard output: "valid", or "invalid" and why.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/opencontainers/image-spec/schema"
)

type request struct {
	// MediaType is that of the document; "layout" for the file oci-layout.
	MediaType string `json:"mediaType"`
	Document  []byte `json:"document"`
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-version" {
		fmt.Println("oci-schema 1.1.1")
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		var one request
		err := json.Unmarshal(lines.Bytes(), &one)
		if err == nil {
			err = validate(one)
		}
		if err != nil {
			fmt.Fprintln(out, "invalid", strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Fprintln(out, "valid")
		}
	}
}

func validate(one request) error {
	validator := schema.Validator(one.MediaType)
	if one.MediaType == "layout" {
		validator = schema.ValidatorMediaTypeLayoutHeader
	}
	return validator.Validate(bytes.NewReader(one.Document))
}

// Judges COSE_Sign1 messages with go-cose, and envelopes of the Notary Project with notation-core-go: a peer of the tests.
// One request a line on standard input, one verdict a line on standard output: "verified", or "refused" and why.
package main

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/notaryproject/notation-core-go/signature"
	notation "github.com/notaryproject/notation-core-go/signature/cose"
	"github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/veraison/go-cose"
)

type request struct {
	// Kind is sign1, notation-cose or notation-jws.
	Kind    string `json:"kind"`
	Message []byte `json:"message"`
	// External is the external additional data of a COSE_Sign1 message.
	External []byte `json:"external"`
	// Key is the SubjectPublicKeyInfo (DER) that a COSE_Sign1 message is verified with.
	Key []byte `json:"key"`
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-version" {
		fmt.Println("cose-judge 1.3.0")
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		var one request
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if err := judge(one); err != nil {
			fmt.Fprintf(out, "refused %q\n", err.Error())
		} else {
			fmt.Fprintln(out, "verified")
		}
	}
}

func judge(one request) error {
	switch one.Kind {
	case "sign1":
		return sign1(one)
	case "notation-cose":
		return envelope(notation.MediaTypeEnvelope, one.Message)
	case "notation-jws":
		return envelope(jws.MediaTypeEnvelope, one.Message)
	}
	return errors.New("unknown kind")
}

func sign1(one request) error {
	message := new(cose.Sign1Message)
	if err := message.UnmarshalCBOR(one.Message); err != nil {
		return err
	}
	algorithm, err := message.Headers.Protected.Algorithm()
	if err != nil {
		return err
	}
	key, err := x509.ParsePKIXPublicKey(one.Key)
	if err != nil {
		return err
	}
	verifier, err := cose.NewVerifier(algorithm, key)
	if err != nil {
		return err
	}
	return message.Verify(one.External, verifier)
}

func envelope(mediaType string, message []byte) error {
	parsed, err := signature.ParseEnvelope(mediaType, bytes.Clone(message))
	if err != nil {
		return err
	}
	_, err = parsed.Verify()
	return err
}

// Opens and makes encrypted layers with ocicrypt, as skopeo, buildah and containerd do: a peer of the tests, and the stream processor
// that containerd starts for an encrypted layer (imgcrypt's own program of this name is not published as a module).
//
//	ctd-decoder -decryption-keys-path DIR               layer on stdin, plain layer on stdout, descriptor of the layer on descriptor 3
//	ctd-decoder -encrypt RECIPIENT -descriptor FILE -annotations FILE  plain layer on stdin, encrypted layer on stdout
//
// Where the descriptor has keys already, the recipients are added, and no layer is read or written.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/containers/ocicrypt"
	"github.com/containers/ocicrypt/config"
	"github.com/containers/ocicrypt/config/pkcs11config"
	"github.com/containers/ocicrypt/crypto/pkcs11"
	"github.com/containers/ocicrypt/utils"
	spec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Bytes: the largest descriptor with its keys.
const payloadLimit = 16 << 20

type words []string

func (w *words) String() string         { return strings.Join(*w, ",") }
func (w *words) Set(value string) error { *w = append(*w, value); return nil }

func main() {
	log.SetFlags(0)
	var recipients words
	flag.Var(&recipients, "encrypt", "jwe:FILE, pkcs7:FILE, pkcs11:FILE or provider:NAME[:PARAMETER]; may be repeated")
	keys := flag.String("decryption-keys-path", "", "folder of private keys (PEM, DER, JWK), certificates, and PKCS#11 key files")
	descriptor := flag.String("descriptor", "", "with -encrypt: file with the descriptor of the layer (JSON)")
	annotations := flag.String("annotations", "", "with -encrypt: file that gets the annotations (JSON)")
	version := flag.Bool("version", false, "print the version of ocicrypt")
	flag.Parse()
	if *version {
		fmt.Println("ctd-decoder 1.3.2")
		return
	}
	decryption, err := keysOf(*keys)
	if err == nil && len(recipients) > 0 {
		err = encrypt(recipients, decryption, *descriptor, *annotations)
	} else if err == nil {
		err = decrypt(decryption)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// keysOf sorts the files of a folder by what they are, as skopeo does with --decryption-key.
func keysOf(folder string) (map[string][][]byte, error) {
	keys := map[string][][]byte{}
	if folder == "" {
		return keys, nil
	}
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		key, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		switch isPrivate, err := utils.IsPrivateKey(key, nil); {
		case utils.IsPkcs11PrivateKey(key):
			keys["pkcs11-yamls"] = append(keys["pkcs11-yamls"], key)
		case utils.IsCertificate(key):
			keys["x509s"] = append(keys["x509s"], key)
		case isPrivate:
			keys["privkeys"] = append(keys["privkeys"], key)
			keys["privkeys-passwords"] = append(keys["privkeys-passwords"], nil)
		default:
			return nil, fmt.Errorf("%s: no private key, certificate or PKCS#11 key file: %w", file, err)
		}
	}
	if len(keys["pkcs11-yamls"]) > 0 {
		tokens, err := pkcs11config.GetUserPkcs11Config()
		if err != nil {
			return nil, err
		}
		both, err := config.DecryptWithPkcs11Yaml(tokens, keys["pkcs11-yamls"])
		if err != nil {
			return nil, err
		}
		keys["pkcs11-config"] = both.DecryptConfig.Parameters["pkcs11-config"]
	}
	return keys, nil
}

func decrypt(keys map[string][][]byte) error {
	raw, err := io.ReadAll(io.LimitReader(os.NewFile(3, "descriptor"), payloadLimit))
	if err != nil {
		return fmt.Errorf("descriptor of the layer: %w", err)
	}
	var envelope anypb.Any
	if err := proto.Unmarshal(raw, &envelope); err != nil {
		return fmt.Errorf("descriptor of the layer: %w", err)
	}
	var payload struct {
		DecryptConfig config.DecryptConfig
		Descriptor    spec.Descriptor
	}
	if err := json.Unmarshal(envelope.Value, &payload); err != nil {
		return fmt.Errorf("descriptor of the layer: %w", err)
	}
	given := payload.DecryptConfig
	if given.Parameters == nil {
		given.Parameters = map[string][][]byte{}
	}
	for name, values := range keys {
		given.Parameters[name] = append(given.Parameters[name], values...)
	}
	plain, _, err := ocicrypt.DecryptLayer(&given, os.Stdin, payload.Descriptor, false)
	if err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, plain)
	return err
}

func encrypt(recipients []string, keys map[string][][]byte, descriptor, annotations string) error {
	text, err := os.ReadFile(descriptor)
	if err != nil {
		return err
	}
	var layer spec.Descriptor
	if err := json.Unmarshal(text, &layer); err != nil {
		return err
	}
	parts := []config.CryptoConfig{}
	for _, recipient := range recipients {
		part, err := recipientOf(recipient)
		if err != nil {
			return fmt.Errorf("%s: %w", recipient, err)
		}
		parts = append(parts, part)
	}
	all := config.CombineCryptoConfigs(parts).EncryptConfig
	all.AttachDecryptConfig(&config.DecryptConfig{Parameters: keys})
	secret, finish, err := ocicrypt.EncryptLayer(all, os.Stdin, layer)
	if err != nil {
		return err
	}
	if secret != nil {
		if _, err := io.Copy(os.Stdout, secret); err != nil {
			return err
		}
	}
	notes, err := finish()
	if err != nil {
		return err
	}
	made, err := json.Marshal(notes)
	if err != nil {
		return err
	}
	return os.WriteFile(annotations, made, 0o600)
}

func recipientOf(text string) (config.CryptoConfig, error) {
	scheme, rest, _ := strings.Cut(text, ":")
	if scheme == "provider" {
		return config.EncryptWithKeyProvider([][]byte{[]byte(rest)})
	}
	key, err := os.ReadFile(rest)
	if err != nil {
		return config.CryptoConfig{}, err
	}
	switch scheme {
	case "jwe":
		return config.EncryptWithJwe([][]byte{key})
	case "pkcs7":
		return config.EncryptWithPkcs7([][]byte{key})
	case "pkcs11":
		return config.EncryptWithPkcs11(&pkcs11.Pkcs11Config{}, [][]byte{key}, nil)
	}
	return config.CryptoConfig{}, errors.New("no such recipient")
}

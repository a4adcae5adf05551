package mesh

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/golang-jwt/jwt/v5"
)

// What a secret file may be.
const (
	minSecret  = 32 // bytes of one
	maxSecrets = 8
	maxFile    = 64 << 10 // bytes
)

// keyLabel is what the keys are for: other uses of the secret get other keys.
const keyLabel = "minilab/service-token/v1"

// NewSecret makes one of 32 random bytes.
func NewSecret() string {
	random := make([]byte, minSecret)
	_, _ = rand.Read(random) // never fails
	return base64.StdEncoding.EncodeToString(random)
}

// Create writes a new secret into a new file, which only its owner can read.
func Create(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(NewSecret() + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// keys are those of a secret file's contents.
type keys struct {
	sign   []byte
	verify jwt.VerificationKeySet
	sum    [sha256.Size]byte // of the contents
}

func readKeys(path string) (*keys, error) {
	text, err := readSecrets(path)
	if err != nil {
		return nil, fmt.Errorf("the secret file cannot be used: %w", err)
	}
	k, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("the secret file %s %w", path, err)
	}
	return k, nil
}

func readSecrets(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO is not waited for
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("others than its owner have access to %s (mode %04o): chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// parseKeys says nothing of a secret but its line.
func parseKeys(text []byte) (*keys, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("has more than %d bytes", maxFile)
	}
	k := &keys{sum: sha256.Sum256(text)}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if len(line) < minSecret {
			return nil, fmt.Errorf("has a secret of %d bytes in line %d, and one has at least %d: make one with `minilab secret`", len(line), number, minSecret)
		}
		key, err := hkdf.Key(sha256.New, line, nil, keyLabel, sha256.Size)
		if err != nil {
			return nil, err
		}
		k.verify.Keys = append(k.verify.Keys, key)
	}
	switch n := len(k.verify.Keys); {
	case n == 0:
		return nil, errors.New("has no secret in it: make one with `minilab secret`")
	case n > maxSecrets:
		return nil, fmt.Errorf("has %d secrets, and at most %d are believed", n, maxSecrets)
	}
	k.sign = k.verify.Keys[0].([]byte)
	return k, nil
}

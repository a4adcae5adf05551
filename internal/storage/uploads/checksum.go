package uploads

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strings"
)

// algorithms are those of checksums, in the order in which they are told.
const algorithms = "sha1,sha256,md5"

// checksum is what the bytes of one request are to have.
type checksum struct {
	hash.Hash
	want []byte
}

// parseChecksum reads Upload-Checksum; empty is none.
func parseChecksum(header string) (*checksum, error) {
	if header == "" {
		return nil, nil
	}
	name, digest, _ := strings.Cut(header, " ")
	var h hash.Hash
	switch name {
	case "sha1":
		h = sha1.New()
	case "sha256":
		h = sha256.New()
	case "md5":
		h = md5.New()
	default:
		return nil, ErrAlgorithm
	}
	want, err := base64.StdEncoding.DecodeString(strings.TrimSpace(digest))
	if err != nil || len(want) != h.Size() {
		return nil, ErrAlgorithm
	}
	return &checksum{h, want}, nil
}

func (c *checksum) fits() bool { return bytes.Equal(c.Sum(nil), c.want) }

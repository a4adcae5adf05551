package auth

import (
	"crypto/rand"
	"fmt"
	"hash/crc32"
	"strings"
)

// A key is the text that a caller shows:
//
//	ml_k3v5x7abcd_q4zt…26 characters…0badc0de
//	   ID         secret            checksum
//
// The prefix is for tools that look for secrets in places where they do not
// belong (the regular expression is ml_[a-z2-7]{10}_[a-z2-7]{26}[0-9a-f]{8});
// the checksum, CRC-32 of all before it, tells typing errors without a look-up.
const (
	keyPrefix = "ml_"
	idSize    = 10 // base32: 50 bits
	sumSize   = 8
	// secretSize characters of base32 are 130 bits.
	secretSize = 26
	keySize    = len(keyPrefix) + idSize + 1 + secretSize + sumSize
)

// newSecret makes what a key is made of.
func newSecret() (id, secret string) {
	return strings.ToLower(rand.Text()[:idSize]), strings.ToLower(rand.Text()[:secretSize])
}

// keyText is the key of an ID and a secret.
func keyText(id, secret string) string {
	text := keyPrefix + id + "_" + secret
	return text + checksum(text)
}

func checksum(text string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(text))) }

// IsKey says that a text is meant to be a key, a good one or not.
func IsKey(text string) bool { return strings.HasPrefix(text, keyPrefix) }

// parseKey is the reverse of keyText; what is no key is not ok.
func parseKey(text string) (id, secret string, ok bool) {
	if len(text) != keySize || !IsKey(text) {
		return "", "", false
	}
	body, sum := text[:keySize-sumSize], text[keySize-sumSize:]
	id, secret, ok = strings.Cut(body[len(keyPrefix):], "_")
	return id, secret, ok && isID(id) && isBase32(secret) && sum == checksum(body)
}

// isID says that a name is spelled as the ID of a key.
func isID(text string) bool { return len(text) == idSize && isBase32(text) }

func isBase32(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

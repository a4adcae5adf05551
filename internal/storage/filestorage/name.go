package filestorage

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"minilab/internal/storage"
)

// maxName is the longest file name that shows its key, in bytes. File systems
// allow 255; the rest is room for tools that append something.
const maxName = 200

// draftPrefix begins the names of files that are being written. No key is
// encoded to such a name, because a leading dot never stays a dot.
const draftPrefix = ".tmp-"

// hashPrefix begins the names of keys that are too long to be shown. No key is
// encoded to such a name, because "~" never stays a "~".
const hashPrefix = "~"

// fileName is the name of the file that keeps a key's bytes. Lower-case
// letters, digits, "-", "_" and inner dots stay as they are, so that an ID is
// its own file name; every other byte becomes %xx. Upper case is among them:
// on a file system that ignores case, "A" and "a" would be one file.
func fileName(key string) string {
	var b strings.Builder
	for i := range len(key) {
		if c := key[i]; stays(c) || c == '.' && i > 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	if b.Len() <= maxName {
		return b.String()
	}
	sum := sha256.Sum256([]byte(key))
	return hashPrefix + hex.EncodeToString(sum[:])
}

func stays(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// keyOf is the key that a file name shows. It is not ok for a name that
// fileName gives to no key: a draft, a hash, or a file of somebody else.
func keyOf(name string) (key string, ok bool) {
	key, err := url.PathUnescape(name)
	if err != nil || storage.CheckKey(key) != nil {
		return "", false
	}
	return key, fileName(key) == name
}

func isHash(name string) bool {
	digits, ok := strings.CutPrefix(name, hashPrefix)
	return ok && digits != "" && storage.CheckSHA256(digits) == nil
}

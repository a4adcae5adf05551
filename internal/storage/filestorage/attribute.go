package filestorage

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
)

// attributeName is the extended attribute that keeps what the bytes do not
// say. It is set before the file gets its name, so that one rename publishes
// both.
const attributeName = "user.minilab"

// maxAttribute is more than the longest attribute has: a key of 512 bytes and
// a type of 255, each byte escaped.
const maxAttribute = 8 << 10

// settling is how long a file without an attribute must have been left alone
// before one is written: until then it may still be in the middle of a copy.
const settling = time.Minute

// sniffed is the number of bytes by which a type is recognized.
const sniffed = 512

// attributes are what attributes are read into.
var attributes = sync.Pool{New: func() any { return new([maxAttribute]byte) }}

// attribute is the JSON in the extended attribute.
type attribute struct {
	Size        int64  `json:"size"`
	SHA256      string `json:"sha256"`
	ContentType string `json:"contentType"`
	Key         string `json:"key,omitempty"` // only where the name is a hash
}

func (a attribute) write(f *os.File) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := unix.Fsetxattr(int(f.Fd()), attributeName, text, 0); err != nil {
		return fmt.Errorf("set attribute: %w", err)
	}
	return nil
}

// readAttribute is unix.ENODATA where there is none.
func readAttribute(f *os.File) (attribute, error) {
	text := attributes.Get().(*[maxAttribute]byte)
	defer attributes.Put(text)
	n, err := unix.Fgetxattr(int(f.Fd()), attributeName, text[:])
	if err != nil {
		return attribute{}, fmt.Errorf("get attribute: %w", err)
	}
	var a attribute
	if err := json.Unmarshal(text[:n], &a); err != nil {
		return attribute{}, fmt.Errorf("attribute of %s: %w", f.Name(), err)
	}
	return a, nil
}

// fits says whether a file of that key and size is the one that the attribute
// was written for.
func (a attribute) fits(info storage.Info) error {
	if a.Size != info.Size || a.Key != "" && a.Key != info.Key {
		return fmt.Errorf("the file has %d bytes, its attribute is for %d bytes of %q", info.Size, a.Size, cmp.Or(a.Key, info.Key))
	}
	return nil
}

// adopt makes the attribute of a file that has none, because somebody copied
// it in, from its bytes. A file system that refuses it only costs the time of
// doing so again.
func adopt(f *os.File, key string) (attribute, error) {
	before, err := f.Stat()
	if err != nil {
		return attribute{}, err
	}
	a, err := measure(f, before.Size())
	if err != nil {
		return attribute{}, err
	}
	if isHash(fileName(key)) {
		a.Key = key
	}
	after, err := f.Stat()
	if err != nil {
		return attribute{}, err
	}
	still := after.Size() == before.Size() && after.ModTime().Equal(before.ModTime())
	if still && time.Since(after.ModTime()) > settling {
		_ = a.write(f)
	}
	return a, nil
}

func measure(f *os.File, size int64) (attribute, error) {
	head := make([]byte, sniffed)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return attribute{}, err
	}
	digest := sha256.New()
	read, err := io.Copy(digest, io.NewSectionReader(f, 0, size))
	if err != nil {
		return attribute{}, err
	}
	return attribute{
		Size: read, SHA256: hex.EncodeToString(digest.Sum(nil)), ContentType: http.DetectContentType(head[:n]),
	}, nil
}

package storagehttp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"minilab/internal/fault"
	"minilab/internal/storage"
)

// download is the body of a Get. It yields exactly its part or an error, and
// of a whole image an error, in place of the last bytes, when they are not those of the digest.
type download struct {
	body   io.ReadCloser
	failed func(error) error // says why a read was cut short
	rest   int64
	want   string
	digest hash.Hash // nil for a part
}

func newDownload(ctx context.Context, body io.ReadCloser, obj storage.Object) *download {
	why := func(err error) error { return failed(ctx, err) }
	d := &download{body: body, failed: why, rest: obj.Part.Length, want: obj.SHA256}
	if obj.Part.Length == obj.Size {
		d.digest = sha256.New()
	}
	return d
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	n, err := d.body.Read(p)
	d.rest -= int64(n)
	if d.digest != nil {
		d.digest.Write(p[:n])
	}
	switch {
	case d.rest == 0 && !d.intact():
		// In place of the last bytes: whoever passes them on must not have passed
		// on a whole image when they turn out to be wrong.
		return 0, storage.ErrCorrupt.Detailf("the bytes that came are not those of the SHA-256 %s", d.want)
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF):
		return n, d.failed(err)
	case d.rest != 0:
		return n, fault.ErrUnavailable.Because(io.ErrUnexpectedEOF)
	}
	return n, io.EOF
}

func (d *download) intact() bool {
	return d.digest == nil || hex.EncodeToString(d.digest.Sum(nil)) == d.want
}

// Close implements io.Closer.
func (d *download) Close() error { return d.body.Close() }

package storagehttp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"sync"

	"minilab/internal/fault"
	"minilab/internal/storage"
)

// small is how many bytes are sent from memory instead of being streamed. They
// can be sent again over a new connection when the old one turns out dead.
const small = 64 << 10

// An upload is the body of a Put on its way.
type upload struct {
	body     io.Reader
	size     int64
	streamed bool
	source   *source // nil where nothing is streamed
}

func newUpload(ctx context.Context, r io.Reader, size int64) (*upload, error) {
	r = storage.Exactly(r, size)
	var head []byte
	if size <= small {
		var err error
		if head, err = io.ReadAll(io.LimitReader(r, small+1)); err != nil {
			return nil, err
		}
		if len(head) <= small {
			return &upload{body: bytes.NewReader(head), size: int64(len(head))}, nil
		}
	}
	src := &source{r: r, canceled: func() error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return nil
	}}
	return &upload{body: io.MultiReader(bytes.NewReader(head), src), size: size, streamed: true, source: src}, nil
}

// end makes sure that the caller's reader is not read any more, which the
// transport may do for a while after the answer, and gives the error by which
// it failed.
func (u *upload) end() error {
	if u.source == nil {
		return nil
	}
	return u.source.end()
}

// source is the caller's reader until the end of the Put.
type source struct {
	r        io.Reader
	canceled func() error

	mu   sync.Mutex
	over bool
	err  error
}

var errOver = errors.New("the answer came before the end of the body")

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return 0, errOver
	}
	n, err := s.r.Read(p)
	if canceled := s.canceled(); canceled != nil {
		n, err = 0, canceled // the transport would send the last bytes all the same
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func (s *source) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	return s.err
}

// download is the body of a Get. It yields exactly its part or an error, and
// of a whole image an error when the bytes are not those of the digest.
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
		// With the last bytes, because not everybody reads on to the end.
		return n, storage.ErrCorrupt.Detailf("the bytes that came are not those of the SHA-256 %s", d.want)
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

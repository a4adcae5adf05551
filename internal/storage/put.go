package storage

import (
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"strings"
)

// CheckPut is what every implementation checks before it reads a byte: the
// state, the key and the options, whose empty content type it fills in.
func CheckPut(state State, key string, opts PutOptions) (PutOptions, error) {
	if err := Check(state, key); err != nil {
		return opts, err
	}
	if opts.ContentType == "" {
		opts.ContentType = DefaultContentType
	}
	if err := CheckContentType(opts.ContentType); err != nil {
		return opts, err
	}
	return opts, CheckSHA256(opts.SHA256)
}

// CheckCopy is Check for both keys of a copy.
func CheckCopy(state State, from, to string) error {
	if err := Check(state, from); err != nil {
		return err
	}
	return CheckKey(to)
}

// Check is ErrState or ErrKey unless both name an image that may exist.
func Check(state State, key string) error {
	if _, err := ParseState(string(state)); err != nil {
		return err
	}
	return CheckKey(key)
}

// CheckContentType is ErrContentType unless the type is a media type
// ("image/jpeg") of at most MaxContentType printable ASCII characters.
func CheckContentType(t string) error {
	if len(t) > MaxContentType {
		return ErrContentType.Detailf("a content type has at most %d bytes, got %d", MaxContentType, len(t))
	}
	unprintable := func(r rune) bool { return r < ' ' || r > '~' }
	_, _, err := mime.ParseMediaType(t)
	if err != nil || !strings.Contains(t, "/") || strings.TrimSpace(t) != t || strings.ContainsFunc(t, unprintable) {
		return ErrContentType.Detailf("a content type looks like image/jpeg")
	}
	return nil
}

// CheckSHA256 is ErrDigest for what cannot be the digest of any bytes. Empty
// is fine: nobody has announced one.
func CheckSHA256(digest string) error {
	if digest == "" {
		return nil
	}
	if _, err := hex.DecodeString(digest); err != nil || len(digest) != 64 || strings.ToLower(digest) != digest {
		return ErrDigest.Detailf("a SHA-256 is 64 digits of lower-case hex")
	}
	return nil
}

// Exactly reads r as a stream of size bytes, or is r itself when the size is
// Unknown. A stream that ends early or goes on is ErrCut. The last bytes come
// only when it is certain that nothing follows them, so that whoever passes
// them on never makes a whole image of the beginning of another.
func Exactly(r io.Reader, size int64) io.Reader {
	if size < 0 {
		return r
	}
	return &exactly{r: r, size: size, rest: size}
}

type exactly struct {
	r          io.Reader
	size, rest int64
}

// Read implements io.Reader.
func (e *exactly) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if e.rest == 0 {
		return 0, e.end()
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.rest)])
	e.rest -= int64(n)
	if e.rest > 0 {
		return n, e.early(err)
	}
	if err == nil {
		err = e.end()
	}
	if errors.Is(err, io.EOF) {
		return n, io.EOF
	}
	return 0, err
}

func (e *exactly) early(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrCut.Detailf("%d bytes were announced and %d came", e.size, e.size-e.rest)
	}
	return err
}

// end is io.EOF when nothing follows.
func (e *exactly) end() error {
	var next [1]byte
	if n, err := io.ReadFull(e.r, next[:]); n == 0 {
		return err
	}
	return ErrCut.Detailf("%d bytes were announced and more came", e.size)
}

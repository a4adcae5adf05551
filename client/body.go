package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// body is what a call sends. It is opened for each attempt.
type body struct {
	contentType string
	open        func() (io.ReadCloser, error)
	size        int64 // bytes; -1: unknown
	single      bool  // it can be opened once

	mu     sync.Mutex
	opened bool
	err    error // of reading it
}

// jsonBody is v as a body.
func jsonBody(v any) (*body, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return bytesBody("application/json", text), nil
}

func bytesBody(contentType string, data []byte) *body {
	return &body{contentType: contentType, size: int64(len(data)), open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

// attach makes it the request's body.
func (b *body) attach(req *http.Request) error {
	if b == nil {
		return nil
	}
	r, err := b.reader()
	if err != nil {
		return err
	}
	req.Body, req.ContentLength = r, b.size
	if !b.single {
		req.GetBody = b.reader
	}
	if b.size == 0 {
		r.Close()
		req.Body = http.NoBody
	}
	if b.contentType != "" {
		req.Header.Set("Content-Type", b.contentType)
	}
	return nil
}

func (b *body) reader() (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened = true
	r, err := b.open()
	if err != nil {
		return nil, &bodyError{err}
	}
	return &watched{r, b, b.size}, nil
}

// large says whether it is better sent piece by piece.
func (b *body) large() bool { return b != nil && !b.single && b.size >= uploadFrom }

// rewinds says whether there can be another attempt.
func (b *body) rewinds() bool {
	if b == nil || !b.single {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.opened
}

// fault is the error of reading the body, if that was why the call failed.
func (b *body) fault(err error) error {
	if b == nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	return err
}

// watched remembers what is wrong with the body: the transport says only that
// the call has failed.
type watched struct {
	io.ReadCloser
	body *body
	rest int64 // bytes that are to come; negative: unknown
}

var errShorter = errors.New("it has become shorter meanwhile")

// Read implements io.Reader. Of what grows meanwhile it gives as much as there
// was.
func (w *watched) Read(p []byte) (int, error) {
	if w.body.size >= 0 && int64(len(p)) > w.rest {
		if p = p[:w.rest]; len(p) == 0 {
			return 0, io.EOF
		}
	}
	n, err := w.ReadCloser.Read(p)
	if w.rest -= int64(n); w.rest > 0 && errors.Is(err, io.EOF) {
		err = errShorter
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = &bodyError{err}
		w.body.mu.Lock()
		w.body.err = err
		w.body.mu.Unlock()
	}
	return n, err
}

// bodyError is this side's: another attempt would not help.
type bodyError struct{ err error }

// Error implements error.
func (e *bodyError) Error() string { return fmt.Sprintf("the image cannot be read: %v", e.err) }

// Unwrap is what errors.Is and errors.As look at.
func (e *bodyError) Unwrap() []error { return []error{ErrUnreadable, e.err} }

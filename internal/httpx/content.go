package httpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"minilab/internal/fault"
)

// ErrNonsense is an answer that no service of the lab gives.
var ErrNonsense = fault.New(fault.BadGateway, "bad-answer", "a service answered nonsense")

// ContentOf reads what the headers of an answer of ServeContent say of the
// whole, also where the answer is a part.
func ContentOf(resp *http.Response) (Content, error) {
	digest, ok := ParseDigest(resp.Header.Get("Repr-Digest"))
	modified, err := http.ParseTime(resp.Header.Get("Last-Modified"))
	size := resp.ContentLength
	if resp.StatusCode == http.StatusPartialContent {
		size = totalOf(resp)
	}
	if !ok || digest == "" || err != nil || size < 0 {
		return Content{}, ErrNonsense.Because(fmt.Errorf("headers %v", resp.Header))
	}
	return Content{SHA256: digest, ContentType: resp.Header.Get("Content-Type"), Size: size, Modified: modified.UTC()}, nil
}

// PartOf says which bytes an answer of ServeContent has.
func PartOf(resp *http.Response) (offset, length int64) {
	if resp.StatusCode != http.StatusPartialContent {
		return 0, resp.ContentLength
	}
	text, _ := strings.CutPrefix(resp.Header.Get("Content-Range"), "bytes ")
	first, _, _ := strings.Cut(text, "-")
	return number(first), resp.ContentLength
}

func totalOf(resp *http.Response) int64 {
	_, total, _ := strings.Cut(resp.Header.Get("Content-Range"), "/")
	return number(total)
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// OpenPart makes the call for length bytes from offset (0: to the end) of a
// content that was described before, and gives exactly those bytes or an error.
func (c *Client) OpenPart(ctx context.Context, req Request, content Content, offset, length int64) (io.ReadCloser, error) {
	if length == 0 || length > content.Size-offset {
		length = content.Size - offset
	}
	req.Header = http.Header{"If-Range": {content.etag()}}
	if length < content.Size {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	}
	resp, err := c.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	if o, n := PartOf(resp); o != offset || n != length {
		resp.Body.Close()
		return nil, ErrNonsense.Because(fmt.Errorf("bytes %d+%d instead of %d+%d", o, n, offset, length))
	}
	return &exactBody{ReadCloser: resp.Body, rest: length, failed: func(err error) error { return c.failed(ctx, err) }}, nil
}

// exactBody ends with an error when it ends too early.
type exactBody struct {
	io.ReadCloser
	rest   int64
	failed func(error) error
}

// Read implements io.Reader.
func (b *exactBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.rest -= int64(n)
	switch {
	case err == nil, errors.Is(err, io.EOF) && b.rest == 0:
		return n, err
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return n, b.failed(err)
}

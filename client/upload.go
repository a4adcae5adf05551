package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
)

// Sizes of what is sent piece by piece, in bytes.
const (
	uploadFrom  = 16 << 20 // files of this size and more
	uploadChunk = 4 << 20
)

// tusVersion is that of the protocol, https://tus.io/protocols/resumable-upload.
const tusVersion = "1.0.0"

// errOffset: a lab that has told a byte as received has it for good.
var errOffset = errors.New("the lab has lost a part of the upload")

// Upload sends size bytes of r piece by piece, each with its checksum, and goes
// on where it broke. Its ID is handed in with Uploaded. Submit does that by
// itself for large files.
func (c *Client) Upload(ctx context.Context, r io.Reader, size int64) (id string, err error) {
	if id, err = c.createUpload(ctx, size); err != nil {
		return "", err
	}
	chunk := make([]byte, min(size, uploadChunk))
	for offset := int64(0); offset < size; offset += int64(len(chunk)) {
		chunk = chunk[:min(size-offset, uploadChunk)]
		if _, err := io.ReadFull(r, chunk); err != nil {
			return "", &bodyError{err}
		}
		if err := c.sendChunk(ctx, id, offset, chunk); err != nil {
			return "", err
		}
	}
	return id, nil
}

func (c *Client) createUpload(ctx context.Context, size int64) (id string, err error) {
	q := tusCall(http.MethodPost, "")
	q.header.Set("Upload-Length", strconv.FormatInt(size, 10))
	resp, err := c.do(ctx, q)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	id = path.Base(resp.Header.Get("Location"))
	if id == "." || id == "/" {
		return "", fmt.Errorf("the lab does not say where the upload goes: Location is %q", resp.Header.Get("Location"))
	}
	return id, nil
}

func tusCall(method, id string) call {
	return call{method: method, path: []string{"uploads", id}, header: http.Header{"Tus-Resumable": {tusVersion}}}
}

// sendChunk sends the bytes at offset until the lab has them all.
func (c *Client) sendChunk(ctx context.Context, id string, offset int64, chunk []byte) error {
	end := offset + int64(len(chunk))
	at := offset
	for attempts := c.newAttempts(); ; {
		next, err := c.patch(ctx, id, at, chunk[at-offset:])
		if err == nil && next == end {
			return nil
		}
		if err == nil {
			err = ErrCut
		}
		if !goesOn(err) {
			return err
		}
		if err := attempts.next(ctx, err); err != nil {
			return err
		}
		if at, err = c.uploadOffset(ctx, id); err != nil {
			return err
		}
		switch {
		case at == end:
			return nil
		case at < offset || at > end:
			return errOffset
		}
	}
}

// goesOn says whether an upload can go on after err: also where the lab has
// another offset in mind, or somebody else's hand is still on it.
func goesOn(err error) bool {
	if e := (*Error)(nil); errors.As(err, &e) && (e.Status == http.StatusConflict || e.Status == http.StatusLocked || e.Code == "checksum-mismatch") {
		return true
	}
	return call{}.again(err)
}

// patch sends bytes once and gives the offset after them.
func (c *Client) patch(ctx context.Context, id string, at int64, data []byte) (int64, error) {
	sum := sha256.Sum256(data)
	q := tusCall(http.MethodPatch, id)
	q.header.Set("Upload-Offset", strconv.FormatInt(at, 10))
	q.header.Set("Upload-Checksum", "sha256 "+base64.StdEncoding.EncodeToString(sum[:]))
	q.body = &body{contentType: "application/offset+octet-stream", size: int64(len(data)), open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
	resp, err := c.try(ctx, q)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return offsetOf(resp)
}

// uploadOffset asks how many bytes the lab has.
func (c *Client) uploadOffset(ctx context.Context, id string) (int64, error) {
	resp, err := c.do(ctx, tusCall(http.MethodHead, id))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return offsetOf(resp)
}

func offsetOf(resp *http.Response) (int64, error) {
	n, err := strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("the lab's Upload-Offset is %q", resp.Header.Get("Upload-Offset"))
	}
	return n, nil
}

// uploaded is a large image after it was sent piece by piece. A lab that takes
// no uploads gets it in one.
func (c *Client) uploaded(ctx context.Context, image Image, b *body) (Image, error) {
	r, err := b.open()
	if err != nil {
		return image, &bodyError{err}
	}
	defer r.Close()
	id, err := c.Upload(ctx, r, b.size)
	if code := CodeOf(err); code == "no-route" || code == "http-404" {
		return image, nil
	}
	return Uploaded(id), err
}

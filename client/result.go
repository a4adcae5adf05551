package client

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Result writes what a finished task has made into w: the output of that name,
// or the first one for an empty name. Where the answer breaks off it is fetched
// on from there. The bytes are checked against the digest that came with them;
// after an error w has a part of them, or, with ErrDigest, wrong ones.
func (c *Client) Result(ctx context.Context, id, output string, w io.Writer) (Content, error) {
	path := []string{"tasks", id, "result"}
	if output != "" {
		path = append(path, output)
	}
	return c.fetch(ctx, id, path, w)
}

// Original writes the image that was handed in into w, as Result does.
func (c *Client) Original(ctx context.Context, id string, w io.Writer) (Content, error) {
	return c.fetch(ctx, id, []string{"tasks", id, "original"}, w)
}

func (c *Client) fetch(ctx context.Context, id string, path []string, w io.Writer) (Content, error) {
	if id == "" {
		return Content{}, errNoID
	}
	f := &fetch{client: c, path: path, w: w, sum: sha256.New()}
	for attempts := c.newAttempts(); ; {
		before := f.done
		err := f.part(ctx)
		if err == nil {
			err = f.check()
			return f.content, err
		}
		if f.done > before {
			attempts.renew()
		}
		if !f.again(err) {
			return f.content, err
		}
		if err := attempts.next(ctx, err); err != nil {
			return f.content, err
		}
	}
}

// fetch is one image on its way.
type fetch struct {
	client   *Client
	path     []string
	w        io.Writer
	writeErr error

	content Content // as the first answer says
	etag    string
	sum     hash.Hash
	done    int64 // bytes that w has
}

// again says whether what is missing can be asked for after err.
func (f *fetch) again(err error) bool {
	return f.writeErr == nil && (f.done == 0 || f.etag != "") && !errors.Is(err, ErrChanged) && call{}.again(err)
}

// part fetches what is missing, or as much as comes.
func (f *fetch) part(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	q := call{method: http.MethodGet, path: f.path, header: http.Header{"Accept-Encoding": {"identity"}}}
	if f.done > 0 {
		q.header.Set("Range", fmt.Sprintf("bytes=%d-", f.done))
		q.header.Set("If-Range", f.etag)
	}
	resp, err := f.client.try(ctx, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := f.begin(resp); err != nil {
		return err
	}
	body := newLively(resp.Body, cancel)
	defer body.stall.Stop()
	_, err = io.Copy(f, body)
	switch {
	case f.writeErr != nil:
		return f.writeErr
	case err != nil && errors.Is(context.Cause(ctx), errStalled):
		return errStalled
	case err == nil && f.content.Size >= 0 && f.done != f.content.Size:
		return ErrCut
	}
	return err
}

// begin looks at the head of an answer: of the whole at first, then of what is
// missing of the very same.
func (f *fetch) begin(resp *http.Response) error {
	if f.done == 0 {
		f.etag = resp.Header.Get("ETag")
		f.content = Content{ContentType: resp.Header.Get("Content-Type"), Size: resp.ContentLength, SHA256: digestOf(resp)}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("the lab answers %s to what asks for the whole", resp.Status)
		}
		return nil
	}
	if resp.StatusCode != http.StatusPartialContent {
		return ErrChanged // Range and If-Range asked for the rest
	}
	if first := firstByte(resp); first != f.done {
		return fmt.Errorf("%w: it goes on at byte %d instead of %d", ErrChanged, first, f.done)
	}
	return nil
}

func firstByte(resp *http.Response) int64 {
	text, _ := strings.CutPrefix(resp.Header.Get("Content-Range"), "bytes ")
	text, _, _ = strings.Cut(text, "-")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// Write implements io.Writer.
func (f *fetch) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	f.done += int64(n)
	f.sum.Write(p[:n])
	f.writeErr = err
	return n, err
}

func (f *fetch) check() error {
	sum := hex.EncodeToString(f.sum.Sum(nil))
	if f.content.SHA256 != "" && f.content.SHA256 != sum {
		return ErrDigest
	}
	f.content.SHA256, f.content.Size = sum, f.done
	return nil
}

// digestOf is the SHA-256 of Repr-Digest (RFC 9530) in hex, or "".
func digestOf(resp *http.Response) string {
	for part := range strings.SplitSeq(strings.Join(resp.Header.Values("Repr-Digest"), ","), ",") {
		text, ok := strings.CutPrefix(strings.TrimSpace(part), "sha-256=:")
		if !ok {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(text, ":"))
		if err == nil && len(raw) == sha256.Size {
			return hex.EncodeToString(raw)
		}
	}
	return ""
}

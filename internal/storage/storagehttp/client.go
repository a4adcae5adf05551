package storagehttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/storage"
)

// Client implements storage.Store over the wire. A Get of a whole image is
// checked against its digest as it is read, unless the storage is on the same
// machine and hands over the memory that it has hashed.
type Client struct {
	http *httpx.Client
	near atomic.Bool // memory has come from the storage
}

// NewClient makes a client of the storage that c calls.
func NewClient(c *httpx.Client) *Client { return &Client{http: c} }

// Put implements storage.Store.
func (c *Client) Put(ctx context.Context, state storage.State, key string, r io.Reader, opts storage.PutOptions) (storage.Info, error) {
	opts, err := storage.CheckPut(state, key, opts)
	if err != nil {
		return storage.Info{}, err
	}
	if info, err := c.hand(ctx, state, key, r, opts); !errors.Is(err, errAway) {
		return info, err
	}
	req := httpx.Request{Method: http.MethodPut, Path: path(state, key), Header: header(opts)}
	resp, err := c.http.Upload(ctx, req, storage.Exactly(r, opts.Size), opts.Size)
	if err != nil {
		return storage.Info{}, operand(state, key, err)
	}
	return c.stored(ctx, resp, state, key, opts)
}

// stored reads the answer to a Put or a Copy.
func (c *Client) stored(ctx context.Context, resp *http.Response, state storage.State, key string, opts storage.PutOptions) (storage.Info, error) {
	var a answer
	err := c.http.Decode(ctx, resp, &a)
	if err == nil && (a.Key != key || a.State != state || opts.Size >= 0 && a.Size != opts.Size || opts.SHA256 != "" && a.SHA256 != opts.SHA256) {
		err = httpx.ErrNonsense.Because(fmt.Errorf("it says that %+v was stored", a))
	}
	if err != nil {
		return storage.Info{}, operand(state, key, err)
	}
	return storage.Info(a), nil
}

// Copy implements storage.Store.
func (c *Client) Copy(ctx context.Context, state storage.State, from, to string) (storage.Info, error) {
	if err := storage.CheckCopy(state, from, to); err != nil {
		return storage.Info{}, err
	}
	resp, err := c.call(ctx, state, to, httpx.Request{Method: http.MethodPost, Query: url.Values{"from": {from}}})
	if err != nil {
		return storage.Info{}, err
	}
	return c.stored(ctx, resp, state, to, storage.PutOptions{Size: storage.Unknown})
}

func header(opts storage.PutOptions) http.Header {
	h := http.Header{"Content-Type": {opts.ContentType}}
	if opts.SHA256 != "" {
		h.Set(headerReprDigest, httpx.FormatDigest(opts.SHA256))
	}
	return h
}

// Get implements storage.Store.
func (c *Client) Get(ctx context.Context, state storage.State, key string, part storage.Part) (storage.Object, error) {
	if part.Offset < 0 || part.Length < 0 {
		return storage.Object{}, storage.ErrRange.Detailf("a part has no negative bounds")
	}
	if part == (storage.Part{}) {
		return c.whole(ctx, state, key)
	}
	return c.stream(ctx, state, key, part, http.Header{"Range": {byteRange(part)}})
}

// stream gets the bytes of a part by the connection.
func (c *Client) stream(ctx context.Context, state storage.State, key string, part storage.Part, h http.Header) (storage.Object, error) {
	resp, err := c.call(ctx, state, key, httpx.Request{Method: http.MethodGet, Header: h})
	if err != nil {
		return storage.Object{}, err
	}
	return streamed(ctx, resp, state, key, part)
}

func streamed(ctx context.Context, resp *http.Response, state storage.State, key string, part storage.Part) (storage.Object, error) {
	obj, err := object(resp, state, key, part)
	if err != nil {
		resp.Body.Close()
		return storage.Object{}, operand(state, key, err)
	}
	obj.Body = newDownload(ctx, resp.Body, obj)
	return obj, nil
}

// Stat implements storage.Store. The answer to a HEAD has no body that could
// say which fault it is; where the status does not tell, a GET does.
func (c *Client) Stat(ctx context.Context, state storage.State, key string) (storage.Info, error) {
	resp, err := c.call(ctx, state, key, httpx.Request{Method: http.MethodHead})
	if err == nil {
		resp.Body.Close()
		info, err := infoOf(resp, state, key)
		return info, operand(state, key, err)
	}
	switch code := fault.From(err).Code; {
	case code == "http-404":
		return storage.Info{}, operand(state, key, storage.ErrNotFound)
	case !strings.HasPrefix(code, "http-"):
		return storage.Info{}, err
	}
	obj, err := c.Get(ctx, state, key, storage.Part{})
	if err != nil {
		return storage.Info{}, err
	}
	return obj.Info, obj.Body.Close()
}

// Delete implements storage.Store.
func (c *Client) Delete(ctx context.Context, state storage.State, key string) error {
	resp, err := c.call(ctx, state, key, httpx.Request{Method: http.MethodDelete})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// List implements storage.Store.
func (c *Client) List(ctx context.Context, state storage.State, cursor string, limit int) (storage.Page, error) {
	if _, err := storage.ParseState(string(state)); err != nil {
		return storage.Page{}, err
	}
	q := url.Values{"limit": {strconv.Itoa(storage.PageLimit(limit))}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	var l listing
	if _, err := c.http.JSON(ctx, http.MethodGet, prefix+string(state)+"/", q, nil, &l); err != nil {
		return storage.Page{}, operand(state, cursor, err)
	}
	page := storage.Page{Infos: make([]storage.Info, len(l.Images)), Next: l.Next}
	for i, a := range l.Images {
		page.Infos[i] = storage.Info(a)
	}
	return page, nil
}

func (c *Client) call(ctx context.Context, state storage.State, key string, req httpx.Request) (*http.Response, error) {
	if err := storage.Check(state, key); err != nil {
		return nil, err
	}
	req.Path = path(state, key)
	resp, err := c.http.Do(ctx, req)
	return resp, operand(state, key, err)
}

// path escapes the dots of "." and "..", wherever in a key: whatever lies
// between would take them for steps through the path.
func path(state storage.State, key string) string {
	escaped := url.PathEscape(key)
	if steps := strings.Split(key, "/"); slices.Contains(steps, ".") || slices.Contains(steps, "..") {
		escaped = strings.ReplaceAll(escaped, ".", "%2E")
	}
	return prefix + string(state) + "/" + escaped
}

func byteRange(p storage.Part) string {
	if p.Length == 0 || p.Length > math.MaxInt64-p.Offset {
		return fmt.Sprintf("bytes=%d-", p.Offset)
	}
	return fmt.Sprintf("bytes=%d-%d", p.Offset, p.Offset+p.Length-1)
}

// object reads the headers of an answer to a Get. That its bytes are those
// that were asked for is not taken on trust.
func object(resp *http.Response, state storage.State, key string, asked storage.Part) (storage.Object, error) {
	info, err := infoOf(resp, state, key)
	if err != nil {
		return storage.Object{}, err
	}
	part, err := asked.Resolve(info.Size)
	if err != nil {
		return storage.Object{}, err
	}
	var got storage.Part
	got.Offset, got.Length = httpx.PartOf(resp)
	if got != part {
		return storage.Object{}, httpx.ErrNonsense.Because(fmt.Errorf("bytes %+v instead of %+v", got, part))
	}
	return storage.Object{Info: info, Part: part}, nil
}

func infoOf(resp *http.Response, state storage.State, key string) (storage.Info, error) {
	c, err := httpx.ContentOf(resp)
	if err != nil {
		return storage.Info{}, err
	}
	return storage.Info{
		Key: key, State: state, Size: c.Size, SHA256: c.SHA256, ContentType: c.ContentType, Modified: c.Modified,
	}, nil
}

// failed is the fault of an answer that could not be read.
func failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fault.ErrUnavailable.Because(err)
}

// operand says what failed; nil stays nil.
func operand(state storage.State, key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("storage %s/%q: %w", state, key, err)
}

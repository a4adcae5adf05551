package uploads

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"minilab/internal/fault"
	"minilab/internal/httpx"
)

// wirePath begins the paths of a storage, which takes its callers' word for
// whose an upload is.
const wirePath = "/uploads/"

// The headers of a Call.
const (
	headerOwner    = "Minilab-Owner" // escaped as in a query
	headerMaxBytes = "Minilab-Max-Bytes"
)

// Methods are those of the protocol.
const Methods = "POST|HEAD|PATCH|DELETE|OPTIONS"

// Route serves a service to other processes.
func Route(rt *httpx.Router, s *Service) {
	rt.Handle(Methods+" "+wirePath+"*", func(w http.ResponseWriter, r *http.Request) error {
		c, err := callFrom(r)
		if err != nil {
			return err
		}
		return s.Serve(w, r, c)
	})
	rt.Handle("GET "+wirePath+"*", func(w http.ResponseWriter, r *http.Request) error {
		c, err := callFrom(r)
		if err != nil {
			return err
		}
		b, size, err := s.Open(r.Context(), c.Owner, c.ID)
		if err != nil {
			return err
		}
		defer b.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		if _, err := io.Copy(w, b); err != nil {
			panic(http.ErrAbortHandler)
		}
		return nil
	})
}

func callFrom(r *http.Request) (c Call, err error) {
	if c.ID, err = httpx.Tail(r, wirePath); err != nil {
		return c, err
	}
	if c.Owner, err = url.QueryUnescape(r.Header.Get(headerOwner)); err != nil || c.Owner == "" {
		return c, fault.ErrInvalid.Detailf("%s is to say whose uploads these are", headerOwner)
	}
	if text := r.Header.Get(headerMaxBytes); text != "" {
		if c.MaxBytes, err = strconv.ParseInt(text, 10, 64); err != nil || c.MaxBytes < 0 {
			return c, fault.ErrInvalid.Detailf("%s is a number of bytes", headerMaxBytes)
		}
	}
	return c, nil
}

// Remote implements Uploads by a storage of another process.
type Remote struct{ http *httpx.Client }

// NewRemote makes a client of the storage that c calls.
func NewRemote(c *httpx.Client) *Remote { return &Remote{c} }

// What passes between a client and the storage.
var (
	requestHeaders = []string{
		"Content-Type", "Tus-Resumable", "Upload-Checksum", "Upload-Concat", "Upload-Defer-Length", "Upload-Length",
		"Upload-Metadata", "Upload-Offset", "X-Http-Method-Override",
	}
	answerHeaders = []string{
		"Cache-Control", "Location", "Tus-Checksum-Algorithm", "Tus-Extension", "Tus-Max-Size", "Tus-Resumable", "Tus-Version",
		"Upload-Concat", "Upload-Defer-Length", "Upload-Expires", "Upload-Length", "Upload-Metadata", "Upload-Offset",
	}
)

// Serve implements Uploads.
func (c *Remote) Serve(w http.ResponseWriter, r *http.Request, call Call) error {
	w.Header().Set("Tus-Resumable", "1.0.0")
	resp, err := c.pass(w, r, call)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	pass(w.Header(), resp.Header, answerHeaders)
	w.WriteHeader(resp.StatusCode)
	return nil
}

func (c *Remote) pass(w http.ResponseWriter, r *http.Request, call Call) (*http.Response, error) {
	req := request(r.Method, call)
	pass(req.Header, r.Header, requestHeaders)
	if r.ContentLength == 0 {
		return c.http.Do(r.Context(), req)
	}
	return c.http.Upload(r.Context(), req, httpx.Body(w, r, 0, bodyIdle), r.ContentLength)
}

func request(method string, call Call) httpx.Request {
	req := httpx.Request{Method: method, Path: wirePath + url.PathEscape(call.ID), Header: http.Header{}}
	req.Header.Set(headerOwner, url.QueryEscape(call.Owner))
	if call.MaxBytes > 0 {
		req.Header.Set(headerMaxBytes, strconv.FormatInt(call.MaxBytes, 10))
	}
	return req
}

func pass(to, from http.Header, names []string) {
	for _, name := range names {
		if values := from.Values(name); len(values) > 0 {
			to[name] = values
		}
	}
}

// Open implements Uploads.
func (c *Remote) Open(ctx context.Context, owner, id string) (io.ReadCloser, int64, error) {
	if !validID(id) {
		return nil, 0, ErrNotFound
	}
	resp, err := c.http.Do(ctx, request(http.MethodGet, Call{ID: id, Owner: owner}))
	if err != nil {
		return nil, 0, err
	}
	if resp.ContentLength < 0 {
		resp.Body.Close()
		return nil, 0, httpx.ErrNonsense
	}
	return resp.Body, resp.ContentLength, nil
}

// Done implements Uploads.
func (c *Remote) Done(ctx context.Context, owner, id string) error {
	if !validID(id) {
		return nil
	}
	req := request(http.MethodDelete, Call{ID: id, Owner: owner})
	req.Header.Set("Tus-Resumable", "1.0.0")
	resp, err := c.http.Do(ctx, req)
	if fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Gone {
		return nil
	}
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

package uploads

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/tus/tusd/v2/pkg/handler"

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
	rt.Handle("GET "+wirePath+"*", s.open)
	rt.Handle("PUT "+wirePath+"*", s.done)
}

// open answers with the bytes or, when they are a task's by now, without any.
func (s *Service) open(w http.ResponseWriter, r *http.Request) error {
	c, err := callFrom(r)
	if err != nil {
		return err
	}
	f, err := s.Open(r.Context(), c.Owner, c.ID)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Upload-Length", strconv.FormatInt(f.Size, 10))
	h.Set("Upload-Metadata", handler.SerializeMetadataHeader(f.Metadata))
	if f.Body == nil {
		h.Set(HeaderTask, f.Task)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	defer f.Body.Close()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatInt(f.Size, 10))
	if _, err := io.Copy(w, f.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// done is for the query task=ID.
func (s *Service) done(w http.ResponseWriter, r *http.Request) error {
	c, err := callFrom(r)
	if err != nil {
		return err
	}
	q, err := httpx.Query(r)
	if err == nil && q.Get("task") == "" {
		err = httpx.ErrParameter.Detailf("task is to say what the upload has become")
	}
	if err == nil {
		err = s.Done(r.Context(), c.Owner, c.ID, q.Get("task"))
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
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
		HeaderFinished, HeaderTask,
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
func (c *Remote) Open(ctx context.Context, owner, id string) (Finished, error) {
	if !validID(id) {
		return Finished{}, ErrNotFound
	}
	resp, err := c.http.Do(ctx, request(http.MethodGet, Call{ID: id, Owner: owner}))
	if err != nil {
		return Finished{}, err
	}
	f := Finished{Body: download{resp.Body}, Task: resp.Header.Get(HeaderTask), Metadata: handler.ParseMetadataHeader(resp.Header.Get("Upload-Metadata"))}
	if f.Task != "" {
		f.Body = nil
		resp.Body.Close()
	}
	if f.Size, err = strconv.ParseInt(resp.Header.Get("Upload-Length"), 10, 64); err != nil {
		resp.Body.Close()
		return Finished{}, httpx.ErrNonsense.Because(err)
	}
	return f, nil
}

// download is an upload's bytes on their way. A storage that breaks off is away:
// it is not that the upload has too few bytes.
type download struct{ io.ReadCloser }

// Read implements io.Reader.
func (d download) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fault.ErrUnavailable.Because(errors.New("the storage broke off")) // by its own name it would be the caller's
	}
	return n, err
}

// Done implements Uploads.
func (c *Remote) Done(ctx context.Context, owner, id, task string) error {
	if !validID(id) {
		return nil
	}
	req := request(http.MethodPut, Call{ID: id, Owner: owner})
	req.Query = url.Values{"task": {task}}
	resp, err := c.http.Do(ctx, req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

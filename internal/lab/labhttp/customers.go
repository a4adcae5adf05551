// Package labhttp is the wire of the lab: handlers and client side by side.
package labhttp

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"minilab/internal/httpx"
	"minilab/internal/lab"
)

// Paths say where the customers' calls are; the master and the frontend name
// them differently.
type Paths struct {
	New, IsReady, Get string
	// Trusted takes the owner and the priority from the query: only between
	// services.
	Trusted bool
}

// MasterPaths are those of the master.
var MasterPaths = Paths{New: "/newImage", IsReady: "/isReady", Get: "/get", Trusted: true}

// headerOutput is the name of the output that an answer is, if it has one.
const headerOutput = "Minilab-Output"

// RouteCustomers serves c.
func RouteCustomers(rt *httpx.Router, c lab.Customers, p Paths) {
	h := customers{c, p}
	rt.Handle("POST "+p.New, h.newImage)
	rt.Handle("GET|HEAD "+p.IsReady, httpx.Waiting(h.isReady))
	rt.Handle("GET|HEAD "+p.Get, h.get)
}

type customers struct {
	lab   lab.Customers
	paths Paths
}

func (h customers) newImage(w http.ResponseWriter, r *http.Request) error {
	params, err := httpx.Query(r) // never FormValue: it would take the image for a form
	if err != nil {
		return err
	}
	body, size := io.Reader(r.Body), r.ContentLength
	contentType := r.Header.Get("Content-Type")
	if form, boundary := isForm(contentType); form {
		part, err := formImage(body, boundary, params)
		if err != nil {
			return err
		}
		body, size, contentType = part, lab.Unknown, part.Header.Get("Content-Type")
	}
	s, err := h.submission(params)
	if err != nil {
		return err
	}
	s.Accept, s.ContentType, s.Size = viewed(r.Header), contentType, size
	id, err := h.lab.Submit(r.Context(), s, cutReader{body})
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusAccepted, map[string]string{"id": id})
}

func isForm(contentType string) (bool, string) {
	t, params, err := mime.ParseMediaType(contentType)
	return err == nil && t == "multipart/form-data" && params["boundary"] != "", params["boundary"]
}

func (h customers) isReady(w http.ResponseWriter, r *http.Request) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	wait, err := httpx.Duration(q, "wait", lab.MaxWait)
	if err != nil {
		return err
	}
	st, err := h.lab.Status(r.Context(), q.Get("id"), wait)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpx.WriteJSON(w, http.StatusOK, st)
}

func (h customers) get(w http.ResponseWriter, r *http.Request) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	id := q.Get("id")
	res, err := h.lab.Result(r.Context(), id, q.Get("output"))
	if err != nil {
		return err
	}
	name := id
	if res.Output != "" {
		w.Header().Set(headerOutput, res.Output)
		name += "-" + res.Output
	}
	if q.Has("download") {
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+extension(res.ContentType)+`"`)
	}
	w.Header().Set("Cache-Control", "private, no-cache")
	meta := httpx.Content{ContentType: res.ContentType, Size: res.Size, SHA256: res.SHA256, Modified: res.Modified}
	return httpx.ServeContent(w, r, meta, func(offset, length int64) (io.ReadCloser, error) {
		return res.Open(r.Context(), offset, length)
	})
}

// extension is the usual ending of a file of that type.
func extension(contentType string) string {
	switch contentType {
	case "image/jpeg":
		return ".jpg"
	case "image/png", "image/webp", "image/gif", "image/tiff", "image/avif":
		return "." + strings.TrimPrefix(contentType, "image/")
	}
	return ""
}

// cutReader names the error of a body that ends too early.
type cutReader struct{ r io.Reader }

func (c cutReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = lab.ErrCut.Because(err)
	}
	return n, err
}

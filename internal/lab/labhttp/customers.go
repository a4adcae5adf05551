// Package labhttp is the wire of the lab: handlers and client side by side.
package labhttp

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"minilab/internal/auth"
	"minilab/internal/httpx"
	"minilab/internal/lab"
)

// Paths say where the customers' calls are; the master and the frontend name
// them differently.
type Paths struct {
	New, IsReady, Get string
	// Trusted takes the owner from the query, empty for whoever's: only between
	// services. Else it is the principal's, whose scopes count.
	Trusted bool
}

// MasterPaths are those of the master.
var MasterPaths = Paths{New: "/newImage", IsReady: "/isReady", Get: "/get", Trusted: true}

// Route serves a whole lab, between services only.
func Route(rt *httpx.Router, l lab.Lab) {
	RouteCustomers(rt, l, MasterPaths)
	RouteTasks(rt, l)
	RouteBoard(rt, l)
	RouteWorkers(rt, l)
}

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

// owner is whose tasks the request is about.
func (p Paths) owner(r *http.Request, q url.Values, scope auth.Scope) (string, error) {
	if p.Trusted {
		return q.Get("owner"), nil
	}
	who := auth.From(r.Context())
	return who.Owner, who.Check(scope)
}

func (h customers) newImage(w http.ResponseWriter, r *http.Request) error {
	t, err := h.submit(r)
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusAccepted, map[string]string{"id": t.ID})
}

func (h customers) submit(r *http.Request) (lab.Task, error) {
	params, err := httpx.Query(r) // never FormValue: it would take the image for a form
	if err != nil {
		return lab.Task{}, err
	}
	owner, err := h.paths.owner(r, params, auth.Submit)
	if err != nil {
		return lab.Task{}, err
	}
	body, size := io.Reader(r.Body), r.ContentLength
	contentType := r.Header.Get("Content-Type")
	if boundary, form := IsForm(contentType); form {
		part, err := NewForm(body, boundary, params).Next()
		if errors.Is(err, io.EOF) {
			err = lab.ErrNoImage
		}
		if err != nil {
			return lab.Task{}, err
		}
		body, size, contentType = part, lab.Unknown, part.Header.Get("Content-Type")
	}
	s, err := Submission(params, r.Header)
	if err != nil {
		return lab.Task{}, err
	}
	s.Owner, s.ContentType, s.Size = owner, contentType, size
	if err := permitted(s, h.paths.Trusted, r); err != nil {
		return lab.Task{}, err
	}
	return h.lab.Submit(r.Context(), s, CutReader(body))
}

// permitted says that going before others is not everybody's.
func permitted(s lab.Submission, trusted bool, r *http.Request) error {
	if who := auth.From(r.Context()); s.Priority > 0 && !trusted && !who.Allows(auth.Admin) {
		return auth.ErrForbidden.Detailf("a priority above 0 needs a key with the scope %s", auth.Admin)
	}
	return nil
}

// IsForm says whether a body of that type is a form, and what is between its
// parts.
func IsForm(contentType string) (boundary string, ok bool) {
	t, params, err := mime.ParseMediaType(contentType)
	return params["boundary"], err == nil && t == "multipart/form-data" && params["boundary"] != ""
}

func (h customers) isReady(w http.ResponseWriter, r *http.Request) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	owner, err := h.paths.owner(r, q, auth.Read)
	if err != nil {
		return err
	}
	wait, err := httpx.Duration(q, "wait", lab.MaxWait)
	if err != nil {
		return err
	}
	t, err := h.lab.Task(r.Context(), lab.Ref{Owner: owner, ID: q.Get("id")}, wait)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpx.WriteJSON(w, http.StatusOK, t.Status())
}

func (h customers) get(w http.ResponseWriter, r *http.Request) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	owner, err := h.paths.owner(r, q, auth.Read)
	if err != nil {
		return err
	}
	ref := lab.Ref{Owner: owner, ID: q.Get("id")}
	res, err := h.lab.Result(r.Context(), ref, q.Get("output"))
	if err != nil {
		return err
	}
	return ServeResult(w, r, ref.ID, res)
}

// ServeResult answers a GET or HEAD with an image of the task: all of it, a part
// or the word that the caller has it. A query parameter download names a file.
func ServeResult(w http.ResponseWriter, r *http.Request, id string, res lab.Result) error {
	name := id
	if res.Output != "" {
		w.Header().Set(headerOutput, res.Output)
		name += "-" + res.Output
	}
	if r.URL.Query().Has("download") {
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

// CutReader is a body that ends with lab.ErrCut where it ends too early.
func CutReader(r io.Reader) io.Reader { return cutReader{r} }

type cutReader struct{ r io.Reader }

func (c cutReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = lab.ErrCut.Because(err)
	}
	return n, err
}

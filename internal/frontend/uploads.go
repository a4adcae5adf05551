package frontend

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"minilab/internal/auth"
	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/storage/uploads"
)

// orderTime is how long the task of a finished upload may take to be made.
const orderTime = time.Minute

// tus takes images in piece by piece. It keeps nothing: whichever frontend a
// client comes to next, the upload goes on where it was.
type tus struct {
	uploads  uploads.Uploads
	maxBytes int64
	// permit judges what is asked for, and hand makes a task of a finished upload.
	permit func(ctx context.Context, s lab.Submission) error
	hand   func(r *http.Request, who auth.Principal, params url.Values, id string) (lab.Task, error)
}

func (t tus) route(rt *httpx.Router) {
	bare := strings.TrimSuffix(uploads.PublicPath, "/")
	rt.Handle(uploads.Methods+" "+bare, t.serve)
	rt.Handle(uploads.Methods+" "+uploads.PublicPath+"*", t.serve)
}

func (t tus) serve(w http.ResponseWriter, r *http.Request) error {
	p := auth.From(r.Context())
	if err := p.Check(auth.Submit); err != nil {
		return err
	}
	id := ""
	if strings.HasPrefix(r.URL.Path, uploads.PublicPath) {
		var err error
		if id, err = httpx.Tail(r, uploads.PublicPath); err != nil {
			return err
		}
	}
	if err := t.orderable(r, p, id); err != nil {
		return err
	}
	held := &heldBack{ResponseWriter: w, status: http.StatusOK}
	if err := t.uploads.Serve(held, r, uploads.Call{ID: id, Owner: p.Owner, MaxBytes: t.maxBytes}); err != nil {
		return err
	}
	finished := w.Header().Get(uploads.HeaderFinished)
	w.Header().Del(uploads.HeaderFinished)
	if finished != "" {
		if err := t.order(w, r, p, finished); err != nil {
			return err
		}
	}
	w.WriteHeader(held.status)
	return nil
}

// orderable judges what a new upload's metadata asks for, while nothing has been
// sent.
func (t tus) orderable(r *http.Request, p auth.Principal, id string) error {
	if r.Method != http.MethodPost || id != "" {
		return nil
	}
	metadata, err := uploads.ParseMetadata(r.Header.Get("Upload-Metadata"))
	if err != nil {
		return err
	}
	params, ok := ordered(metadata)
	if !ok {
		return nil
	}
	s, err := wished(r, p, params)
	if err != nil {
		return err
	}
	return t.permit(r.Context(), s)
}

// heldBack keeps the status of an answer without a body back, so that there can
// be one header more, or an error instead.
type heldBack struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (h *heldBack) WriteHeader(status int) { h.status = status }

// Unwrap is for http.ResponseController.
func (h *heldBack) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// order makes a task of an upload whose last bytes have come, if its metadata
// says what is to be done with it. Who lost the answer to the last PATCH, or was
// told to come back, asks with HEAD and takes the upload for done: so there has to
// be a task by then too.
func (t tus) order(w http.ResponseWriter, r *http.Request, p auth.Principal, id string) error {
	f, err := t.uploads.Open(context.WithoutCancel(r.Context()), p.Owner, id)
	if err != nil {
		return err
	}
	if f.Body != nil {
		f.Body.Close() // it is opened again for the task
	}
	if f.Task != "" { // whatever has become of it since
		w.Header().Set(uploads.HeaderTask, f.Task)
		return nil
	}
	params, ok := ordered(f.Metadata)
	if !ok {
		return nil
	}
	// The bytes are there, whatever becomes of this request: its connection is not
	// read any more where another one waits for the upload, which cancels it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), orderTime)
	defer cancel()
	r = r.Clone(ctx)
	r.Header.Del("Idempotency-Key") // of this request; the task is the upload's, whichever request ends it
	task, err := t.hand(r, p, params, id)
	if err != nil {
		return err
	}
	w.Header().Set(uploads.HeaderTask, task.ID)
	return nil
}

// ordered are the parameters of a submission among an upload's metadata. "task"
// asks for one by its presence; the rest of the metadata is the client's own.
func ordered(metadata map[string]string) (params url.Values, ok bool) {
	params = url.Values{}
	for name, value := range metadata {
		switch name {
		case "pipeline", "outputs", "preset", "partial", "priority", "keep", "callback", "fresh":
			params.Set(name, value)
		case "tags":
			params["tag"] = strings.Split(value, ",")
		case "task":
		default:
			continue
		}
		ok = true
	}
	return params, ok
}

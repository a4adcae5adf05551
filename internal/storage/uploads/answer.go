package uploads

import (
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// answer is what tusd answers into. A refusal is kept back, to become the error
// that the request ends with; any other answer goes out with what tusd leaves
// to be said.
type answer struct {
	http.ResponseWriter
	conn  *http.ResponseController
	call  *call
	store *store

	status int    // of a refusal, else 0
	text   []byte // of a refusal

	mu  sync.Mutex
	cut bool // the body is not to be read any more
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// SetReadDeadline is for http.ResponseController. tusd ends the reading of a
// body by a deadline that has passed; the body's own must not take it back.
func (a *answer) SetReadDeadline(at time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cut {
		return nil
	}
	a.cut = !at.IsZero() && !at.After(time.Now())
	_ = a.conn.SetReadDeadline(at) // a recorder in a test has none
	return nil
}

// SetWriteDeadline is for http.ResponseController. How long an answer may wait
// for its reader is the server's matter.
func (a *answer) SetWriteDeadline(time.Time) error { return nil }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		a.status = status
		return
	}
	a.complete()
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		return a.ResponseWriter.Write(p)
	}
	a.text = append(a.text, p...)
	return len(p), nil
}

// err is what a refusal means.
func (a *answer) err() error {
	if a.status == 0 {
		return nil
	}
	if err := a.call.failure(); err != nil {
		return err
	}
	return faultOf(a.status, string(a.text))
}

// complete adds what tusd does not know of: extensions, when the upload
// expires, and paths instead of URLs, which would name this service.
func (a *answer) complete() {
	h := a.Header()
	if extensions := h.Get("Tus-Extension"); extensions != "" {
		h.Set("Tus-Extension", extensions+",expiration,checksum")
		h.Set("Tus-Checksum-Algorithm", algorithms)
		if a.call.MaxBytes > 0 {
			h.Set("Tus-Max-Size", strconv.FormatInt(a.call.MaxBytes, 10))
		}
	}
	id := a.call.ID
	if location := h.Get("Location"); location != "" {
		h.Set("Location", pathOf(location))
		id = path.Base(location)
	}
	if parts, ok := strings.CutPrefix(h.Get("Upload-Concat"), "final;"); ok {
		list := strings.Fields(parts)
		for i := range list {
			list[i] = pathOf(list[i])
		}
		h.Set("Upload-Concat", "final;"+strings.Join(list, " "))
	}
	if id != "" {
		a.describe(h, id)
	}
}

// describe says how far the upload is that was asked for or made.
func (a *answer) describe(h http.Header, id string) {
	if at, err := a.store.expires(id); err == nil {
		h.Set("Upload-Expires", at.UTC().Format(http.TimeFormat))
	}
	u, err := a.store.get(id, a.call.Owner)
	switch {
	case err != nil: // it has just been ended
	case u.Task != "":
		h.Set(HeaderTask, u.Task)
	case u.finished() == nil:
		h.Set(HeaderFinished, id)
	}
}

func pathOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Path
}

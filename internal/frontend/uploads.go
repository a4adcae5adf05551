package frontend

import (
	"net/http"
	"strings"

	"minilab/internal/auth"
	"minilab/internal/httpx"
	"minilab/internal/storage/uploads"
)

// tus takes images in piece by piece. It keeps nothing: whichever frontend a
// client comes to next, the upload goes on where it was.
type tus struct {
	uploads  uploads.Uploads
	maxBytes int64
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
	return t.uploads.Serve(w, r, uploads.Call{ID: id, Owner: p.Owner, MaxBytes: t.maxBytes})
}

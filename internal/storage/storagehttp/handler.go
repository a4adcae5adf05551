// Package storagehttp is the wire of the image storage, both sides of it:
//
//	PUT    /images/{state}/{key}              body: the image; POST too
//	POST   /images/{state}/{key}?from=KEY     no body: the bytes are those of another key
//	GET    /images/{state}/{key}              the image, or a part of it; HEAD
//	DELETE /images/{state}/{key}
//	GET    /images/{state}/?cursor=&limit=    a page of the listing
//
// The key is all of the rest of the path, unescaped once: "a%2Fb" and "a/b"
// are one key, and "%2E%2E" is how to say "..".
package storagehttp

import (
	"cmp"
	"errors"
	"io"
	"math"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/storage"
)

// prefix begins the path of every image.
const prefix = "/images/"

// The headers of digests, RFC 9530. For bodies that are sent whole and as they
// are, both mean the same.
const (
	headerReprDigest    = "Repr-Digest"
	headerContentDigest = "Content-Digest"
)

// attempts is how often a part is looked for while its image is being replaced
// over and over.
const attempts = 5

// errReplaced is what is left when that was not enough.
var errReplaced = fault.New(fault.Unavailable, "replaced", "the image was replaced while it was opened; try again")

// Options of the handler.
type Options struct {
	MaxBytes int64         // of one image; 0: no limit
	Idle     time.Duration // how long nothing of a body may come; 0: for ever
}

// answer describes an image in JSON.
type answer struct {
	Key         string        `json:"key"`
	State       storage.State `json:"state"`
	Size        int64         `json:"size"`
	SHA256      string        `json:"sha256"`
	ContentType string        `json:"contentType"`
	Modified    time.Time     `json:"modified"`
}

// listing is a page in JSON.
type listing struct {
	Images []answer `json:"images"`
	Next   string   `json:"next"`
}

type handler struct {
	store storage.Store
	opts  Options
}

// Route adds the routes of a store.
func Route(rt *httpx.Router, store storage.Store, opts Options) {
	h := &handler{store, opts}
	path := prefix + "{state}/*"
	rt.Handle("POST|PUT "+path, h.put)
	rt.Handle("GET|HEAD "+path, h.get)
	rt.Handle("DELETE "+path, h.delete)
}

func (h *handler) put(w http.ResponseWriter, r *http.Request) error {
	state, key, err := image(r)
	if err != nil {
		return err
	}
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	if q.Has("from") {
		return h.copy(w, r, state, q.Get("from"), key)
	}
	digest, err := announced(r.Header)
	if err != nil {
		return err
	}
	body, size, err := h.body(w, r)
	if err != nil {
		return err
	}
	defer body.Close()
	info, err := h.store.Put(r.Context(), state, key, body, storage.PutOptions{
		ContentType: r.Header.Get("Content-Type"), Size: size, SHA256: digest,
	})
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusCreated, answer(info))
}

func (h *handler) copy(w http.ResponseWriter, r *http.Request, state storage.State, from, to string) error {
	if _, err := io.ReadFull(r.Body, make([]byte, 1)); !errors.Is(err, io.EOF) {
		return httpx.ErrParameter.Detailf("what is copied from another key has no body")
	}
	info, err := h.store.Copy(r.Context(), state, from, to)
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusCreated, answer(info))
}

func (h *handler) get(w http.ResponseWriter, r *http.Request) error {
	state, key, err := image(r)
	if err != nil {
		return err
	}
	if key == "" {
		return h.list(w, r, state)
	}
	if r.Method == http.MethodGet && r.Header.Get("Range") == "" {
		return h.whole(w, r, state, key)
	}
	for range attempts {
		if err = h.part(w, r, state, key); !errors.Is(err, errReplaced) {
			break
		}
	}
	return err
}

func (h *handler) whole(w http.ResponseWriter, r *http.Request, state storage.State, key string) error {
	obj, err := h.store.Get(r.Context(), state, key, storage.Part{})
	if err != nil {
		return err
	}
	defer obj.Body.Close()
	if word := brought(r, obj); word != "" {
		w.Header().Set(HeaderMemory, word)
		return httpx.WriteJSON(w, http.StatusOK, answer(obj.Info))
	}
	return httpx.ServeContent(w, r, content(obj.Info), func(_, _ int64) (io.ReadCloser, error) { return obj.Body, nil })
}

// part looks before it opens, because what a range means depends on the size.
func (h *handler) part(w http.ResponseWriter, r *http.Request, state storage.State, key string) error {
	info, err := h.store.Stat(r.Context(), state, key)
	if err != nil {
		return err
	}
	return httpx.ServeContent(w, r, content(info), func(offset, length int64) (io.ReadCloser, error) {
		obj, err := h.store.Get(r.Context(), state, key, storage.Part{Offset: offset, Length: length})
		if errors.Is(err, storage.ErrRange) {
			return nil, errReplaced // by something shorter
		}
		if err != nil {
			return nil, err
		}
		if obj.SHA256 != info.SHA256 || obj.ContentType != info.ContentType {
			obj.Body.Close()
			return nil, errReplaced
		}
		return obj.Body, nil
	})
}

func content(i storage.Info) httpx.Content {
	return httpx.Content{SHA256: i.SHA256, ContentType: i.ContentType, Size: i.Size, Modified: i.Modified}
}

func (h *handler) delete(w http.ResponseWriter, r *http.Request) error {
	state, key, err := image(r)
	if err != nil {
		return err
	}
	if err := h.store.Delete(r.Context(), state, key); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *handler) list(w http.ResponseWriter, r *http.Request, state storage.State) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	limit, err := httpx.Int(q, "limit", 0, 0, math.MaxInt32)
	if err != nil {
		return err
	}
	page, err := h.store.List(r.Context(), state, q.Get("cursor"), int(limit))
	if err != nil {
		return err
	}
	l := listing{Images: make([]answer, len(page.Infos)), Next: page.Next}
	for i, info := range page.Infos {
		l.Images[i] = answer(info)
	}
	return httpx.WriteJSON(w, http.StatusOK, l)
}

// image is what the path names; an empty key is the whole state.
func image(r *http.Request) (storage.State, string, error) {
	name := chi.URLParam(r, "state")
	state, err := storage.ParseState(name)
	if err != nil {
		return "", "", err
	}
	key, err := httpx.Tail(r, prefix+name+"/")
	return state, key, err
}

// announced is the SHA-256 that a request says its body has, or empty.
func announced(h http.Header) (string, error) {
	repr, ok := httpx.ParseDigest(h.Get(headerReprDigest))
	content, ok2 := httpx.ParseDigest(h.Get(headerContentDigest))
	if !ok || !ok2 {
		return "", storage.ErrDigest.Detailf("a digest looks like sha-256=:base64:")
	}
	if repr != "" && content != "" && repr != content {
		return "", storage.ErrDigest.Detailf("%s and %s differ", headerReprDigest, headerContentDigest)
	}
	return cmp.Or(repr, content), nil
}

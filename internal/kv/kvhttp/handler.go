// Package kvhttp is the wire of the key-value store: the handler and, beside
// it, the client, which is a kv.Store as well.
//
//	kvhttp.Route(router, store)
//	store := kvhttp.NewClient(httpx.NewClient("http://127.0.0.1:8081", transport))
//
// A key is the rest of the path after /kv/, unescaped once. Revisions travel as
// entity tags, so that If-Match and If-None-Match are the conditions of a Put.
package kvhttp

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/kv"
)

// HeaderTTL is the TTL that an entry was put with, as a Go duration ("30s"). It
// is absent from an entry that does not expire.
const HeaderTTL = "Minilab-Ttl"

// bodyIdle is how long a value may make no progress on its way in.
const bodyIdle = 30 * time.Second

type handler struct {
	store kv.Store
}

// Route adds the store's routes to a router.
func Route(rt *httpx.Router, store kv.Store) {
	h := handler{store}
	rt.Handle("GET|HEAD "+keyPrefix+"*", h.get)
	rt.Handle("POST|PUT "+keyPrefix+"*", h.put)
	rt.Handle("DELETE "+keyPrefix+"*", h.remove)
	rt.Handle("GET|HEAD "+strings.TrimSuffix(keyPrefix, "/"), h.list)
	rt.Handle("GET "+watchPath, httpx.Waiting(h.watch))
}

func (h handler) get(w http.ResponseWriter, r *http.Request) error {
	key, err := httpx.Tail(r, keyPrefix)
	if err != nil {
		return err
	}
	if key == "" {
		return h.list(w, r)
	}
	e, err := h.store.Get(r.Context(), key)
	if err != nil {
		return err
	}
	describe(w.Header(), e)
	if known(r.Header, e.Revision) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(e.Value)))
	if _, err := w.Write(e.Value); err != nil && r.Method != http.MethodHead {
		panic(http.ErrAbortHandler)
	}
	return nil
}

func describe(h http.Header, e kv.Entry) {
	h.Set("ETag", tag(e.Revision))
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	if e.TTL > 0 {
		h.Set(HeaderTTL, e.TTL.String())
	}
}

func (h handler) put(w http.ResponseWriter, r *http.Request) error {
	key, opts, err := putArguments(r)
	if err != nil {
		return err
	}
	value, err := io.ReadAll(httpx.Body(w, r, kv.MaxValue, bodyIdle))
	if errors.Is(err, fault.ErrTooLarge) {
		return kv.ErrValue.Detailf("a value has at most %d bytes", kv.MaxValue)
	}
	if err != nil {
		return err
	}
	e, created, err := h.store.Put(r.Context(), key, value, opts)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	w.Header().Set("ETag", tag(e.Revision))
	return httpx.WriteJSON(w, status, putAnswer{Key: key, Revision: e.Revision})
}

// putArguments are checked before a byte of the value is read.
func putArguments(r *http.Request) (key string, opts kv.PutOptions, err error) {
	if key, err = httpx.Tail(r, keyPrefix); err != nil {
		return "", opts, err
	}
	q, err := httpx.Query(r)
	if err != nil {
		return "", opts, err
	}
	if opts.TTL, err = httpx.Duration(q, "ttl", kv.MaxTTL); err != nil {
		return "", opts, kv.ErrTTL.Detailf("ttl is a duration from %v to %v, such as 30s", kv.MinTTL, kv.MaxTTL)
	}
	if opts.IfMatch, err = ifMatch(r.Header); err != nil {
		return "", opts, err
	}
	if opts.IfAbsent, err = ifAbsent(r.Header); err != nil {
		return "", opts, err
	}
	return key, opts, kv.CheckPut(key, nil, opts)
}

func (h handler) remove(w http.ResponseWriter, r *http.Request) error {
	key, err := httpx.Tail(r, keyPrefix)
	if err != nil {
		return err
	}
	revision, err := ifMatch(r.Header)
	if err != nil {
		return err
	}
	if err := h.store.Delete(r.Context(), key, revision); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h handler) list(w http.ResponseWriter, r *http.Request) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	limit, err := httpx.Int(q, "limit", 0, 0, 1<<31-1)
	if err != nil {
		return err
	}
	p, err := h.store.List(r.Context(), q.Get("prefix"), q.Get("cursor"), int(limit))
	if err != nil {
		return err
	}
	answer := listAnswer{Revision: p.Revision, Entries: make([]entry, len(p.Entries)), Next: p.Next}
	for i, e := range p.Entries {
		answer.Entries[i] = toWire(e)
	}
	w.Header().Set("Cache-Control", "no-cache")
	return httpx.WriteJSON(w, http.StatusOK, answer)
}

package kvhttp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/kv"
	"minilab/internal/problem"
)

// silence is how long a stream may be silent, pings included, before its
// connection counts as dead.
const silence = 3 * pingEvery

var (
	errAnswer = fault.New(fault.BadGateway, "bad-answer", "the key-value store answered nonsense")
	errSilent = fault.ErrUnavailable.Detailf("the key-value store has not been heard of for %v", silence)
	errCut    = fault.ErrUnavailable.Detailf("the stream of changes was cut")
)

// Client is a kv.Store in another process. It tries nothing again: a caller
// whose Watch has ended goes on after the last revision it saw.
type Client struct {
	http *httpx.Client
}

var _ kv.Store = (*Client)(nil)

// NewClient makes a client of the store that c calls.
func NewClient(c *httpx.Client) *Client { return &Client{c} }

// Get implements kv.Store.
func (c *Client) Get(ctx context.Context, key string) (kv.Entry, error) {
	if err := kv.CheckKey(key); err != nil {
		return kv.Entry{}, err
	}
	resp, err := c.http.Do(ctx, httpx.Request{Method: http.MethodGet, Path: keyPath(key)})
	if err != nil {
		return kv.Entry{}, fmt.Errorf("kv get %q: %w", key, err)
	}
	defer resp.Body.Close()
	e, err := readEntry(resp)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return kv.Entry{}, fmt.Errorf("kv get %q: %w", key, err)
	}
	e.Key = key
	return e, nil
}

func readEntry(resp *http.Response) (kv.Entry, error) {
	revision, ok := untag(resp.Header.Get("ETag"))
	if !ok {
		return kv.Entry{}, errAnswer.Detailf("the key-value store gave a value without a revision")
	}
	ttl, err := parseTTL(resp.Header.Get(HeaderTTL))
	if err != nil {
		return kv.Entry{}, err
	}
	value, err := io.ReadAll(io.LimitReader(resp.Body, kv.MaxValue+1))
	if err != nil {
		return kv.Entry{}, fault.ErrUnavailable.Because(err)
	}
	if len(value) > kv.MaxValue {
		return kv.Entry{}, errAnswer.Detailf("the key-value store gave a value of more than %d bytes", kv.MaxValue)
	}
	return kv.Entry{Value: value, Revision: revision, TTL: ttl}, nil
}

// Put implements kv.Store.
func (c *Client) Put(ctx context.Context, key string, value []byte, opts kv.PutOptions) (kv.Entry, bool, error) {
	if err := kv.CheckPut(key, value, opts); err != nil {
		return kv.Entry{}, false, err
	}
	// A copy: the transport may still read the body when the call has ended.
	value = append([]byte{}, value...)
	resp, err := c.http.Do(ctx, httpx.Request{
		Method: http.MethodPost, Path: keyPath(key), Query: putQuery(opts), Header: conditions(opts.IfMatch, opts.IfAbsent),
		Body: bytes.NewReader(value), Size: int64(len(value)),
	})
	if err != nil {
		return kv.Entry{}, false, fmt.Errorf("kv put %q: %w", key, err)
	}
	var answer putAnswer
	if err := c.http.Decode(ctx, resp, &answer); err != nil {
		return kv.Entry{}, false, fmt.Errorf("kv put %q: %w", key, err)
	}
	e := kv.Entry{Key: key, Value: bytes.Clone(value), Revision: answer.Revision, TTL: opts.TTL}
	return e, resp.StatusCode == http.StatusCreated, nil
}

func putQuery(opts kv.PutOptions) url.Values {
	if opts.TTL == 0 {
		return nil
	}
	return url.Values{"ttl": {opts.TTL.String()}}
}

func conditions(ifMatch int64, ifAbsent bool) http.Header {
	h := http.Header{"Content-Type": {"application/octet-stream"}}
	if ifMatch != 0 {
		h.Set("If-Match", tag(ifMatch))
	}
	if ifAbsent {
		h.Set("If-None-Match", "*")
	}
	return h
}

// Delete implements kv.Store.
func (c *Client) Delete(ctx context.Context, key string, ifMatch int64) error {
	if err := kv.CheckKey(key); err != nil {
		return err
	}
	resp, err := c.http.Do(ctx, httpx.Request{Method: http.MethodDelete, Path: keyPath(key), Header: conditions(ifMatch, false)})
	if err != nil {
		return fmt.Errorf("kv delete %q: %w", key, err)
	}
	return resp.Body.Close()
}

// List implements kv.Store.
func (c *Client) List(ctx context.Context, prefix, cursor string, limit int) (kv.Page, error) {
	q := url.Values{"prefix": {prefix}, "cursor": {cursor}, "limit": {strconv.Itoa(kv.PageLimit(limit))}}
	var answer listAnswer
	if _, err := c.http.JSON(ctx, http.MethodGet, keyPrefix, q, nil, &answer); err != nil {
		return kv.Page{}, fmt.Errorf("kv list %q: %w", prefix, err)
	}
	page := kv.Page{Revision: answer.Revision, Next: answer.Next, Entries: make([]kv.Entry, len(answer.Entries))}
	for i, w := range answer.Entries {
		e, err := fromWire(w)
		if err != nil {
			return kv.Page{}, fmt.Errorf("kv list %q: %w", prefix, err)
		}
		page.Entries[i] = e
	}
	return page, nil
}

// Watch implements kv.Store.
func (c *Client) Watch(ctx context.Context, prefix string, after int64) iter.Seq2[kv.Event, error] {
	return func(yield func(kv.Event, error) bool) {
		if err := c.follow(ctx, prefix, after, yield); err != nil {
			yield(kv.Event{}, fmt.Errorf("kv watch %q: %w", prefix, err))
		}
	}
}

// follow yields the events of one stream until something ends it; nil means
// that the caller has had enough.
func (c *Client) follow(ctx context.Context, prefix string, after int64, yield func(kv.Event, error) bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	dead := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer dead.Stop()
	resp, err := c.http.Do(ctx, httpx.Request{
		Method: http.MethodGet, Path: watchPath, Header: http.Header{"Accept": {"text/event-stream"}},
		Query: url.Values{"prefix": {prefix}, "after": {strconv.FormatInt(max(after, 0), 10)}},
	})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	stream := newEventReader(resp.Body, func() { dead.Reset(silence) })
	for ctx.Err() == nil {
		name, data, err := stream.next()
		if err != nil {
			return ended(ctx, err)
		}
		dead.Stop() // the caller may take its time
		if more, err := deliver(name, data, yield); !more {
			return err
		}
		dead.Reset(silence)
	}
	return context.Cause(ctx)
}

func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errCut.Because(err)
}

// deliver hands one event on and says whether more are wanted.
func deliver(name string, data []byte, yield func(kv.Event, error) bool) (more bool, err error) {
	switch name {
	case eventError:
		var p problem.Problem
		if err := json.Unmarshal(data, &p); err != nil {
			return false, errAnswer.Because(err)
		}
		return false, p.Fault()
	case eventPut, eventDelete:
		var w entry
		if err := json.Unmarshal(data, &w); err != nil {
			return false, errAnswer.Because(err)
		}
		e, err := fromWire(w)
		if err != nil {
			return false, err
		}
		return yield(kv.Event{Entry: e, Deleted: name == eventDelete}, nil), nil
	}
	return true, nil // of a later minilab
}

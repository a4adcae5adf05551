package kvhttp

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/kv"
)

// FuzzWire: what one side of the wire writes the other reads as it was meant,
// and what neither has written is refused and harms nobody.
func FuzzWire(f *testing.F) {
	for _, text := range []string{"a", "..", "../..//", "%2e", "\x00", "a/./b/", `"12"`, `W/"3", *`, "30s", "id: 1\nevent: put\ndata: {\"key\":\"a\"}\n\n"} {
		f.Add(text, []byte("value\r\n\n"), int64(12), int64(time.Minute))
	}
	f.Add("event: error\ndata: {\"code\":\"compacted\",\"status\":410}\n\n", []byte(": ping\n\ndata:\ndata: x\n\n"), int64(-1), int64(1))
	f.Fuzz(func(t *testing.T, text string, value []byte, revision, ttl int64) {
		pathOfKey(t, text)
		if utf8.ValidString(text) {
			cursor(t, text, revision)
		}
		tags(t, text, revision)
		put(t, text, revision, time.Duration(ttl))
		roundTrip(t, kv.Entry{Key: text, Value: value, Revision: revision, TTL: max(time.Duration(ttl), 0)})
		anyStream(t, text+string(value))
	})
}

// pathOfKey: a key comes back from its path, which has nothing to tidy up.
func pathOfKey(t *testing.T, key string) {
	p := keyPath(key)
	r, err := http.NewRequest(http.MethodGet, "http://kv"+p, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), keyPrefix))
	if err != nil || got != key {
		t.Errorf("%q came back as %q, %v", key, got, err)
	}
	if tidy := path.Clean(p); key != "" && tidy != p {
		t.Errorf("the path %s of %q would be tidied up to %s", p, key, tidy)
	}
}

// cursor: one that was given out leads back, whatever else is a cursor leads to
// a key of its prefix.
func cursor(t *testing.T, text string, revision int64) {
	c := kv.Cursor{Revision: max(revision, 0), After: text}
	if back, err := kv.ParseCursor("", c.String()); kv.CheckKey(text) == nil && (err != nil || back != c) {
		t.Errorf("%+v came back as %+v, %v", c, back, err)
	}
	if c, err := kv.ParseCursor("p", text); err == nil && text != "" && (kv.CheckKey(c.After) != nil || !strings.HasPrefix(c.After, "p") || c.Revision < 0) {
		t.Errorf("%q is taken for %+v", text, c)
	} else if err != nil && !errors.Is(err, kv.ErrCursor) {
		t.Errorf("%q: %v", text, err)
	}
}

// tags: a revision comes back from its tag; a condition that is there is never
// taken for none.
func tags(t *testing.T, text string, revision int64) {
	if back, ok := untag(tag(revision)); !ok || back != revision {
		t.Errorf("%d came back as %d", revision, back)
	}
	h := http.Header{"If-Match": {text}, "If-None-Match": {text}}
	if got, err := ifMatch(h); err == nil && (got < 1) != (strings.TrimSpace(text) == "") {
		t.Errorf("If-Match: %q is a condition on %d", text, got)
	}
	if absent, err := ifAbsent(h); err == nil && absent != (strings.TrimSpace(text) == "*") {
		t.Errorf("If-None-Match: %q is %v", text, absent)
	}
	h.Set("If-None-Match", text+", "+tag(revision))
	if !known(h, revision) && !strings.Contains(text, `"`) {
		t.Errorf("If-None-Match: %q does not know %d", h.Get("If-None-Match"), revision)
	}
}

// put: what the client sends is what the handler understands.
func put(t *testing.T, key string, revision int64, ttl time.Duration) {
	opts := kv.PutOptions{TTL: ttl, IfMatch: revision, IfAbsent: revision == 0}
	if kv.CheckPut(key, nil, opts) != nil {
		return
	}
	r := httptest.NewRequest(http.MethodPost, keyPath(key)+"?"+putQuery(opts).Encode(), nil)
	r.Header = conditions(opts.IfMatch, opts.IfAbsent)
	if k, got, err := putArguments(r); err != nil || k != key || got != opts {
		t.Errorf("%q %+v was understood as %q %+v, %v", key, opts, k, got, err)
	}
	if _, err := httpx.Tail(r, keyPrefix); err != nil {
		t.Errorf("%q: %v", key, err)
	}
}

// roundTrip: an event comes back from the stream, the only one in it.
func roundTrip(t *testing.T, e kv.Entry) {
	if kv.CheckKey(e.Key) != nil || len(e.Value) > kv.MaxValue {
		return
	}
	for _, want := range []kv.Event{{Entry: e}, {Entry: kv.Entry{Key: e.Key, Revision: e.Revision, TTL: e.TTL}, Deleted: true}} {
		w := httptest.NewRecorder()
		s, err := startEvents(w)
		if err == nil {
			err = errors.Join(s.ping(), s.event(want), s.ping(), s.fail(fault.ErrUnavailable))
		}
		var got []kv.Event
		end := read(w.Body, &got)
		if err != nil || len(got) != 1 || !errors.Is(end, fault.ErrUnavailable) || got[0].Deleted != want.Deleted || got[0].Key != want.Key ||
			!bytes.Equal(got[0].Value, want.Value) || got[0].Revision != want.Revision || got[0].TTL != want.TTL {
			t.Errorf("%+v came back as %+v, %v, %v", want, got, end, err)
		}
	}
}

// anyStream: any other stream ends with an error, and no event is of more than
// a line may have.
func anyStream(t *testing.T, text string) {
	var whole, parts []kv.Event
	end := read(strings.NewReader(text), &whole)
	if end == nil {
		t.Errorf("%q ended without an error", text)
	}
	if again := read(&oneByte{strings.NewReader(text)}, &parts); !reflect.DeepEqual(parts, whole) || (again == nil) != (end == nil) {
		t.Errorf("%q has %+v, in small pieces %+v", text, whole, parts)
	}
}

// read follows a stream to its end.
func read(r io.Reader, events *[]kv.Event) error {
	lines := newEventReader(r, func() {})
	for {
		name, data, err := lines.next()
		if err != nil {
			return err
		}
		if more, err := deliver(name, data, func(e kv.Event, _ error) bool { *events = append(*events, e); return true }); !more {
			return err
		}
	}
}

type oneByte struct{ io.Reader }

func (o *oneByte) Read(p []byte) (int, error) { return o.Reader.Read(p[:min(len(p), 1)]) }

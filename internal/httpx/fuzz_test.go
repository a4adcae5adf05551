package httpx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"minilab/internal/fault"
	"minilab/internal/problem"
)

// image is what is served; a part of it can be told from any other.
var image = func() []byte {
	b := make([]byte, 1000)
	for i := range b {
		b[i] = byte(i * i >> 3)
	}
	return b
}()

const imageSum = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// FuzzRequest: whatever the headers, the query and the body of a request say,
// an answer is of the bytes that it names, and what is taken is in its limits.
func FuzzRequest(f *testing.F) {
	f.Add("bytes=0-0", `"`+imageSum+`"`, "a=1&wait=30s", []byte(`{"n":1}`), uint16(1000))
	f.Add("bytes=-5", "Fri, 02 Jan 2026 03:04:05 GMT", "a=-9223372036854775808&wait=2562047h", []byte(`{"n":1} x`), uint16(3))
	f.Add("bytes=990-", `W/"x", *`, "a=%zz&wait=1e9s", []byte(`[[[[`), uint16(991))
	f.Add("bytes=18446744073709551615-", "", "wait=-1ns;a=1", []byte("null"), uint16(0))
	f.Add("Bytes= 5-4,7-8", "sha-256=:AA==:", "a", []byte(`{"x":1}`), uint16(7))
	f.Fuzz(func(t *testing.T, ranges, tag, query string, body []byte, size uint16) {
		served(t, ranges, tag, image[:int(size)%(len(image)+1)])
		parameters(t, query)
		digests(t, tag)
		requestIDs(t, tag)
		readBody(t, body, int64(size))
	})
}

func served(t *testing.T, ranges, tag string, all []byte) {
	c := Content{SHA256: imageSum, ContentType: "image/png", Size: int64(len(all)), Modified: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
	for _, name := range []string{"If-Range", "If-None-Match", "If-Modified-Since"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header = http.Header{"Range": {ranges}}
		r.Header.Set(name, tag)
		w := httptest.NewRecorder()
		err := ServeContent(w, r, c, func(offset, length int64) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(all[offset : offset+length])), nil
		})
		if err != nil {
			if !errors.Is(err, ErrRange) || w.Body.Len() > 0 {
				t.Errorf("Range: %s of %d bytes: %v", ranges, len(all), err)
			}
			continue
		}
		agreed(t, c, w.Result(), all)
	}
}

// agreed: the client takes from the answer what the server meant.
func agreed(t *testing.T, want Content, resp *http.Response, all []byte) {
	data, _ := io.ReadAll(resp.Body)
	if resp.StatusCode == http.StatusNotModified {
		if len(data) > 0 {
			t.Errorf("304 with %d bytes", len(data))
		}
		return
	}
	got, err := ContentOf(resp)
	want.Modified = want.Modified.Truncate(time.Second)
	if offset, n := PartOf(resp); err != nil || got != want || offset < 0 || offset+n > int64(len(all)) || !bytes.Equal(all[offset:offset+n], data) {
		t.Errorf("%d %v with %d bytes is taken for %+v at %d+%d, %v", resp.StatusCode, resp.Header, len(data), got, offset, n, err)
	}
	if (resp.StatusCode == http.StatusPartialContent) != (resp.Header.Get("Content-Range") != "") {
		t.Errorf("%d has Content-Range %q", resp.StatusCode, resp.Header.Get("Content-Range"))
	}
}

func parameters(t *testing.T, query string) {
	q, err := Query(&http.Request{URL: &url.URL{RawQuery: query}})
	if err != nil {
		if !errors.Is(err, ErrParameter) {
			t.Errorf("%q: %v", query, err)
		}
		return
	}
	if n, err := Int(q, "a", 5, -7, 9); err == nil && (n < -7 || n > 9) || err != nil && !errors.Is(err, ErrParameter) {
		t.Errorf("%q: a is %d, %v", query, n, err)
	}
	if d, err := Duration(q, "wait", time.Minute); err == nil && (d < 0 || d > time.Minute) || err != nil && !errors.Is(err, ErrParameter) {
		t.Errorf("%q: wait is %v, %v", query, d, err)
	}
}

func digests(t *testing.T, text string) {
	sum, ok := ParseDigest(text)
	if ok && sum != "" && len(sum) != 64 {
		t.Errorf("%q is the digest %q", text, sum)
	}
	if again, ok2 := ParseDigest(FormatDigest(sum)); ok && again != sum || !ok2 {
		t.Errorf("%q comes back as %q", sum, again)
	}
	if formed := FormatDigest(text); formed != "" {
		if back, ok := ParseDigest("md5=:x:, " + formed + ";q=1"); !ok || back != strings.ToLower(text) {
			t.Errorf("%q comes back as %q", text, back)
		}
	}
}

func requestIDs(t *testing.T, id string) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header[HeaderRequestID] = []string{id}
	w := httptest.NewRecorder()
	inside := ""
	WithRequestID(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { inside = RequestID(r.Context()) })).ServeHTTP(w, r)
	if inside == "" || len(inside) > 64 || w.Header().Get(HeaderRequestID) != inside || strings.ContainsAny(inside, "\r\n\" ") || validRequestID(id) && inside != id {
		t.Errorf("the ID %q becomes %q", id, inside)
	}
}

func readBody(t *testing.T, body []byte, limit int64) {
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	var v struct {
		N int             `json:"n"`
		R json.RawMessage `json:"r"`
	}
	err := ReadJSON(httptest.NewRecorder(), r, limit, &v)
	if err == nil && (int64(len(body)) > limit || len(bytes.TrimSpace(body)) > 0 && !json.Valid(body)) {
		t.Errorf("%q is taken, the limit is %d", body, limit)
	}
	if k := fault.KindOf(err); err != nil && k != fault.Invalid && k != fault.TooLarge {
		if _, over := errors.AsType[*http.MaxBytesError](err); !over {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// FuzzAnswer: of whatever a service, or something else in its place, answers,
// a caller makes an error or a thing in its limits; and a fault comes back from
// its problem as the fault that it was.
func FuzzAnswer(f *testing.F) {
	f.Add(204, problem.ContentType, "30", []byte(`{"code":"not-found","title":"not found","status":404}`), "bytes 0-4/10")
	f.Add(6, "image/png", "", []byte("hello"), "bytes 5-9/10")
	f.Add(303, "text/html", "-1", []byte("<html>"), "bytes */10")
	f.Add(0, "application/json", "99999999999999999999", []byte(`{"id":"x"}`), "bytes -1--5/-3")
	f.Add(102, problem.ContentType+"; charset=utf-8", "9223372036854775807", []byte(`{"code":"\u0000"}`), "")
	f.Fuzz(func(t *testing.T, status int, contentType, retry string, body []byte, ranges string) {
		status = 200 + int(uint(status)%400)
		answer := func(r *http.Request) (*http.Response, error) {
			h := http.Header{"Content-Type": {contentType}, "Retry-After": {retry}, "Content-Range": {ranges}, "Repr-Digest": {FormatDigest(imageSum)}, "Last-Modified": {http.TimeFormat}}
			return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
		}
		c := NewClient("http://h", tripper(answer))
		calls(t, c, status)
		parts(t, c, int64(len(body)))
		short := len(contentType)+len(retry)+len(ranges) < 4<<10 // of a problem, 64 KiB are read
		if code := contentType; code != "" && utf8.ValidString(code) && utf8.ValidString(retry) && short {
			comesBack(t, &fault.Fault{Kind: fault.KindOfStatus(status), Code: code, Title: retry, Detail: ranges, RetryAfter: time.Duration(len(body)%100) * time.Second})
		}
	})
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func calls(t *testing.T, c *Client, status int) {
	var out struct {
		ID string `json:"id"`
	}
	_, err := c.JSON(t.Context(), http.MethodGet, "/", nil, nil, &out)
	if status >= 300 && status != http.StatusNotModified && err == nil {
		t.Errorf("%d is no error", status)
	}
	if err != nil {
		f, ok := errors.AsType[*fault.Fault](err)
		if !ok || f.Code == "" || f.RetryAfter < 0 || status >= 400 && f.Kind != fault.KindOfStatus(status) {
			t.Errorf("%d is the error %+v", status, err)
		}
	}
}

// parts: bytes are taken for those that were asked for only when the answer
// says so.
func parts(t *testing.T, c *Client, n int64) {
	content := Content{SHA256: imageSum, Size: 10}
	body, err := c.OpenPart(t.Context(), Request{Method: http.MethodGet, Path: "/"}, content, 5, 5)
	if err != nil {
		return
	}
	defer body.Close()
	if data, err := io.ReadAll(body); err == nil && (int64(len(data)) != 5 || n != 5) {
		t.Errorf("%d bytes of %d are taken for 5", len(data), n)
	}
}

func comesBack(t *testing.T, f *fault.Fault) {
	rt := NewRouter(slog.New(slog.DiscardHandler))
	rt.Handle("GET /", func(http.ResponseWriter, *http.Request) error { return f })
	c := NewClient("http://h", tripper(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		rt.ServeHTTP(w, httptest.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, r.URL.Path, nil))
		return w.Result(), nil
	}))
	_, err := c.JSON(t.Context(), http.MethodGet, "/", nil, nil, nil)
	got, ok := errors.AsType[*fault.Fault](err)
	if !ok || got.Kind != f.Kind || got.Code != f.Code || got.Title != f.Title || utf8.ValidString(f.Detail) && got.Detail != f.Detail || f.RetryAfter > 0 && got.RetryAfter != f.RetryAfter {
		t.Errorf("%s came back as %s", fmt.Sprintf("%+v", f), fmt.Sprintf("%+v", err))
	}
}

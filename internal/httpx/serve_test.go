package httpx_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/problem"
)

const (
	digits = "0123456789"
	sha    = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
	etag   = `"` + sha + `"`
	repr   = "sha-256=:hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=:"
)

var ten = httpx.Content{
	SHA256: sha, ContentType: "text/plain", Size: int64(len(digits)), Modified: time.Date(2024, 2, 29, 12, 0, 0, 5, time.UTC),
}

func opened(text string) func(offset, length int64) (io.ReadCloser, error) {
	return func(offset, length int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader([]byte(text)[offset:][:length])), nil
	}
}

func contents(t *testing.T, c httpx.Content, open func(offset, length int64) (io.ReadCloser, error)) string {
	t.Helper()
	rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
	rt.Handle("GET|HEAD /", func(w http.ResponseWriter, r *http.Request) error { return httpx.ServeContent(w, r, c, open) })
	server := httptest.NewServer(rt)
	t.Cleanup(server.Close)
	return server.URL
}

func ask(t *testing.T, method, url string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestServeContent(t *testing.T) {
	url := contents(t, ten, opened(digits))
	const modified = "Thu, 29 Feb 2024 12:00:00 GMT"
	for _, c := range []struct {
		header []string
		status int
		part   string // Content-Range
		body   string
	}{
		{nil, 200, "", digits},
		{[]string{"Range", "bytes=0-0"}, 206, "bytes 0-0/10", "0"},
		{[]string{"Range", "bytes=2-4"}, 206, "bytes 2-4/10", "234"},
		{[]string{"Range", "Bytes=2-4"}, 206, "bytes 2-4/10", "234"},
		{[]string{"Range", "bytes=0-"}, 206, "bytes 0-9/10", digits},
		{[]string{"Range", "bytes=9-"}, 206, "bytes 9-9/10", "9"},
		{[]string{"Range", "bytes=8-9"}, 206, "bytes 8-9/10", "89"},
		{[]string{"Range", "bytes=8-10"}, 206, "bytes 8-9/10", "89"},
		{[]string{"Range", "bytes=8-99999999999999999999"}, 206, "bytes 8-9/10", "89"},
		{[]string{"Range", "bytes=-1"}, 206, "bytes 9-9/10", "9"},
		{[]string{"Range", "bytes=-10"}, 206, "bytes 0-9/10", digits},
		{[]string{"Range", "bytes=-11"}, 206, "bytes 0-9/10", digits},
		{[]string{"Range", "bytes=10-"}, 416, "bytes */10", ""},
		{[]string{"Range", "bytes=10-11"}, 416, "bytes */10", ""},
		{[]string{"Range", "bytes=99999999999999999999-"}, 416, "bytes */10", ""},
		{[]string{"Range", "bytes=-0"}, 416, "bytes */10", ""},
		{[]string{"Range", "bytes=0-1,3-4"}, 200, "", digits},
		{[]string{"Range", "bytes=4-2"}, 200, "", digits},
		{[]string{"Range", "bytes=a-b"}, 200, "", digits},
		{[]string{"Range", "bytes=+1-2"}, 200, "", digits},
		{[]string{"Range", "bytes=-"}, 200, "", digits},
		{[]string{"Range", "bytes="}, 200, "", digits},
		{[]string{"Range", "bytes"}, 200, "", digits},
		{[]string{"Range", "lines=1-2"}, 200, "", digits},
		{[]string{"Range", "bytes=1-2", "If-Range", etag}, 206, "bytes 1-2/10", "12"},
		{[]string{"Range", "bytes=1-2", "If-Range", "W/" + etag}, 200, "", digits},
		{[]string{"Range", "bytes=1-2", "If-Range", `"other"`}, 200, "", digits},
		{[]string{"Range", "bytes=1-2", "If-Range", modified}, 206, "bytes 1-2/10", "12"},
		{[]string{"Range", "bytes=1-2", "If-Range", "Thu, 29 Feb 2024 12:00:01 GMT"}, 200, "", digits},
		{[]string{"Range", "bytes=99-", "If-Range", `"other"`}, 200, "", digits},
		{[]string{"If-None-Match", etag}, 304, "", ""},
		{[]string{"If-None-Match", "W/" + etag}, 304, "", ""},
		{[]string{"If-None-Match", `"a", ` + etag}, 304, "", ""},
		{[]string{"If-None-Match", `"a"`, "If-None-Match", etag}, 304, "", ""},
		{[]string{"If-None-Match", "*"}, 304, "", ""},
		{[]string{"If-None-Match", etag, "Range", "bytes=99-"}, 304, "", ""},
		{[]string{"If-None-Match", `"a"`}, 200, "", digits},
		{[]string{"If-None-Match", `"a"`, "If-Modified-Since", modified}, 200, "", digits},
		{[]string{"If-Modified-Since", modified}, 304, "", ""},
		{[]string{"If-Modified-Since", "Thu, 29 Feb 2024 11:59:59 GMT"}, 200, "", digits},
		{[]string{"If-Modified-Since", "yesterday"}, 200, "", digits},
	} {
		resp, body := ask(t, "GET", url, c.header...)
		h := resp.Header
		if resp.StatusCode != c.status || h.Get("Content-Range") != c.part || c.status != 416 && body != c.body {
			t.Errorf("%q: %d, %q, %q; want %d, %q, %q", c.header, resp.StatusCode, h.Get("Content-Range"), body, c.status, c.part, c.body)
		}
		if c.status != 416 && (h.Get("ETag") != etag || h.Get("Last-Modified") != modified || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Accept-Ranges") != "bytes") {
			t.Errorf("%q: headers %v", c.header, h)
		}
		if c.status/100 == 2 && (h.Get("Repr-Digest") != repr || h.Get("Content-Type") != "text/plain") {
			t.Errorf("%q: headers %v", c.header, h)
		}
	}
}

func TestServeContentToHead(t *testing.T) {
	url := contents(t, ten, func(int64, int64) (io.ReadCloser, error) {
		t.Error("a HEAD opened the bytes")
		return nil, fault.ErrInternal
	})
	for _, header := range [][]string{nil, {"Range", "bytes=2-3"}, {"Range", "bytes=99-"}} {
		resp, _ := ask(t, "HEAD", url, header...)
		if resp.StatusCode != 200 || resp.ContentLength != 10 || resp.Header.Get("Repr-Digest") != repr {
			t.Errorf("%q: %d, %v", header, resp.StatusCode, resp.Header)
		}
	}
	if resp, _ := ask(t, "HEAD", url, "If-None-Match", etag); resp.StatusCode != 304 {
		t.Errorf("answered %d to what is known", resp.StatusCode)
	}
}

func TestServeNothing(t *testing.T) {
	url := contents(t, httpx.Content{ContentType: "text/plain"}, opened(""))
	for _, header := range [][]string{nil, {"Range", "bytes=0-0"}, {"Range", "bytes=-5"}, {"If-None-Match", `""`}} {
		resp, body := ask(t, "GET", url, header...)
		if _, tagged := resp.Header["Etag"]; resp.StatusCode != 200 || body != "" || tagged || resp.Header.Get("Last-Modified") != "" {
			t.Errorf("%q: %d, %q, %v", header, resp.StatusCode, body, resp.Header)
		}
	}
}

func TestServeContentThatCannotBeOpened(t *testing.T) {
	url := contents(t, ten, func(int64, int64) (io.ReadCloser, error) { return nil, fault.ErrUnavailable })
	resp, body := ask(t, "GET", url)
	var p problem.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil || resp.StatusCode != 503 || p.Code != "unavailable" {
		t.Errorf("answered %d, %s", resp.StatusCode, body)
	}
	for _, name := range []string{"ETag", "Repr-Digest", "Last-Modified", "Content-Range"} {
		if resp.Header.Get(name) != "" {
			t.Errorf("the problem says %s: %s", name, resp.Header.Get(name))
		}
	}
}

func TestServeContentThatEndsEarlyNeverLooksWhole(t *testing.T) {
	for name, body := range map[string]io.Reader{
		"short":   bytes.NewReader([]byte("0123")),
		"failing": io.MultiReader(bytes.NewReader([]byte("0123")), failing{}),
	} {
		url := contents(t, ten, func(int64, int64) (io.ReadCloser, error) { return io.NopCloser(body), nil })
		resp, err := http.Get(url)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: looks whole", name)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is broken") }

func TestDigest(t *testing.T) {
	if got := httpx.FormatDigest(sha); got != repr {
		t.Errorf("FormatDigest gives %q", got)
	}
	if got := httpx.FormatDigest("abc"); got != "" {
		t.Errorf("FormatDigest of nonsense gives %q", got)
	}
	for header, want := range map[string]string{
		"": "", repr: sha, "sha-512=:AAAA:": "", "sha-512=:AAAA:, " + repr: sha, repr + ", sha-512=:AAAA:": sha, repr + ";q=1": sha,
	} {
		if got, ok := httpx.ParseDigest(header); got != want || !ok {
			t.Errorf("ParseDigest(%q) = %q, %v", header, got, ok)
		}
	}
	for _, header := range []string{"sha-256=", "sha-256=::", "sha-256=:AAAA:", "sha-256=" + sha, "sha-256=:!:"} {
		if _, ok := httpx.ParseDigest(header); ok {
			t.Errorf("ParseDigest(%q) is ok", header)
		}
	}
}

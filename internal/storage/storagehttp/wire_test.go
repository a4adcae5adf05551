package storagehttp_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"minilab/internal/problem"
	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/storage/storagehttp"
)

const (
	abcSHA    = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	abcDigest = "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:"
	none      = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
)

// call sends the path as it is.
func call(t *testing.T, server *httptest.Server, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func TestPutAnswersWithWhatIsKept(t *testing.T) {
	server := serve(t, engine(t, t.TempDir(), filestorage.Options{}), storagehttp.Options{})
	for _, method := range []string{"PUT", "POST"} {
		resp, text := call(t, server, method, "/images/inProgress/a%2Fb/../c", "abc", "Content-Type", "image/x-test")
		var got struct {
			Key, State, SHA256, ContentType string
			Size                            int64
			Modified                        time.Time
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil || resp.StatusCode != 201 {
			t.Fatalf("answered %d, %s", resp.StatusCode, text)
		}
		if got.Key != "a/b/../c" || got.State != "inProgress" || got.Size != 3 || got.SHA256 != abcSHA || got.ContentType != "image/x-test" || got.Modified.IsZero() {
			t.Errorf("answered %s", text)
		}
	}
}

func TestWire(t *testing.T) {
	server := serve(t, engine(t, t.TempDir(), filestorage.Options{}), storagehttp.Options{MaxBytes: 10})
	call(t, server, "PUT", "/images/finished/a", "abc", "Content-Type", "image/x-test")
	for _, c := range []struct {
		method, path, body string
		header             []string
		status             int
		want               string // the body, or the code of the problem
	}{
		{"GET", "/images/finished/a", "", nil, 200, "abc"},
		{"GET", "/images/finished/%61", "", nil, 200, "abc"},
		{"HEAD", "/images/finished/a", "", nil, 200, ""},
		{"GET", "/images/finished/a", "", []string{"Range", "bytes=1-1"}, 206, "b"},
		{"GET", "/images/finished/a", "", []string{"Range", "bytes=3-"}, 416, "range-not-satisfiable"},
		{"GET", "/images/finished/a", "", []string{"If-None-Match", `"` + abcSHA + `"`}, 304, ""},
		{"GET", "/images/finished/a/", "", nil, 404, "not-found"},
		{"GET", "/images/finished//a", "", nil, 404, "not-found"},
		{"GET", "/images/finished/./a", "", nil, 404, "not-found"},
		{"GET", "/images/finished/..", "", nil, 404, "not-found"},
		{"GET", "/images/finished/../finished/a", "", nil, 404, "not-found"},
		{"GET", "/images/inProgress/a", "", nil, 404, "not-found"},
		{"GET", "/images/started/a", "", nil, 404, "unknown-state"},
		{"GET", "/images/started/", "", nil, 404, "unknown-state"},
		{"GET", "/images/finished/%00", "", nil, 400, "invalid-key"},
		{"GET", "/images/finished/%ff", "", nil, 400, "invalid-key"},
		{"GET", "/images/finished", "", nil, 404, "no-route"},
		{"GET", "/images/", "", nil, 404, "no-route"},
		{"PATCH", "/images/finished/a", "", nil, 405, "method-not-allowed"},
		{"GET", "/images/finished/?limit=x", "", nil, 400, "invalid-parameter"},
		{"GET", "/images/finished/?limit=-1", "", nil, 400, "invalid-parameter"},
		{"GET", "/images/finished/?cursor=%zz", "", nil, 400, "invalid-parameter"},
		{"GET", "/images/finished/?limit=1;cursor=a", "", nil, 400, "invalid-parameter"},
		{"GET", "/images/finished/?cursor=%2F", "", nil, 400, "invalid-cursor"},
		{"GET", "/images/inProgress/", "", nil, 200, `{"images":[],"next":""}` + "\n"},
		{"PUT", "/images/finished/", "abc", nil, 400, "invalid-key"},
		{"DELETE", "/images/finished/", "", nil, 400, "invalid-key"},
		{"PUT", "/images/finished/b", "abc", []string{"Content-Type", "jpeg"}, 400, "invalid-content-type"},
		{"PUT", "/images/finished/b", "12345678901", nil, 413, "too-large"},
		{"PUT", "/images/finished/b", "1234567890", nil, 201, ""},
		{"PUT", "/images/finished/c", "abc", []string{"Repr-Digest", none}, 422, "digest-mismatch"},
		{"PUT", "/images/finished/c", "abc", []string{"Content-Digest", none}, 422, "digest-mismatch"},
		{"PUT", "/images/finished/c", "abc", []string{"Repr-Digest", "sha-256=:abc:"}, 422, "digest-mismatch"},
		{"PUT", "/images/finished/c", "abc", []string{"Repr-Digest", abcDigest, "Content-Digest", none}, 422, "digest-mismatch"},
		{"GET", "/images/finished/c", "", nil, 404, "not-found"},
		{"PUT", "/images/finished/c", "abc", []string{"Repr-Digest", abcDigest, "Content-Digest", abcDigest}, 201, ""},
		{"POST", "/images/finished/d?from=a", "", nil, 201, ""},
		{"PUT", "/images/finished/%2E%2E?from=d", "", nil, 201, ""},
		{"GET", "/images/finished/%2E%2E", "", nil, 200, "abc"},
		{"DELETE", "/images/finished/%2E%2E", "", nil, 204, ""},
		{"POST", "/images/finished/d?from=nothing", "", nil, 404, "not-found"},
		{"POST", "/images/inProgress/d?from=a", "", nil, 404, "not-found"},
		{"POST", "/images/finished/d?from=", "", nil, 400, "invalid-key"},
		{"POST", "/images/finished/d?from=%zz", "", nil, 400, "invalid-parameter"},
		{"POST", "/images/finished/?from=a", "", nil, 400, "invalid-key"},
		{"POST", "/images/started/d?from=a", "", nil, 404, "unknown-state"},
		{"POST", "/images/finished/d?from=b", "x", nil, 400, "invalid-parameter"},
		{"GET", "/images/finished/d", "", nil, 200, "abc"},
		{"DELETE", "/images/finished/c", "", nil, 204, ""},
		{"DELETE", "/images/finished/c", "", nil, 204, ""},
	} {
		resp, text := call(t, server, c.method, c.path, c.body, c.header...)
		got := text
		if resp.Header.Get("Content-Type") == problem.ContentType {
			var p problem.Problem
			if err := json.Unmarshal([]byte(text), &p); err != nil {
				t.Fatal(err)
			}
			got = p.Code
		}
		if resp.StatusCode != c.status || c.status != 201 && got != c.want {
			t.Errorf("%s %s %q: %d, %s; want %d, %s", c.method, c.path, c.header, resp.StatusCode, text, c.status, c.want)
		}
		if c.status == 416 && resp.Header.Get("Content-Range") != "bytes */3" {
			t.Errorf("416 with Content-Range %q", resp.Header.Get("Content-Range"))
		}
		if (c.status == 200 || c.status == 206) && strings.HasSuffix(c.path, "a") {
			h := resp.Header
			if h.Get("ETag") != `"`+abcSHA+`"` || h.Get("Repr-Digest") != abcDigest || h.Get("Content-Type") != "image/x-test" || h.Get("Accept-Ranges") != "bytes" || h.Get("Last-Modified") == "" {
				t.Errorf("%s %s: headers %v", c.method, c.path, h)
			}
		}
	}
}

func TestListingOnTheWire(t *testing.T) {
	server := serve(t, engine(t, t.TempDir(), filestorage.Options{}), storagehttp.Options{})
	call(t, server, "PUT", "/images/finished/a", "abc", "Content-Type", "image/x-test")
	call(t, server, "PUT", "/images/finished/%0A", "")
	_, text := call(t, server, "GET", "/images/finished/?limit=1", "")
	var first, second struct {
		Images []map[string]any
		Next   string
	}
	if err := json.Unmarshal([]byte(text), &first); err != nil || len(first.Images) != 1 || first.Images[0]["key"] != "\n" || first.Next == "" {
		t.Fatalf("answered %s, %v", text, err)
	}
	_, text = call(t, server, "GET", "/images/finished/?limit=1&cursor="+strings.ReplaceAll(first.Next, "%", "%25"), "")
	if err := json.Unmarshal([]byte(text), &second); err != nil || len(second.Images) != 1 || second.Next != "" {
		t.Fatalf("answered %s, %v", text, err)
	}
	got := second.Images[0]
	if got["key"] != "a" || got["size"] != 3.0 || got["sha256"] != abcSHA || got["contentType"] != "image/x-test" || got["modified"] == nil {
		t.Errorf("answered %s", text)
	}
}

func TestStalledUploadLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	calls := newRunning(engine(t, dir, filestorage.Options{}))
	server := serve(t, calls, storagehttp.Options{Idle: 20 * time.Millisecond})
	body, hold := io.Pipe()
	defer hold.Close()
	go io.WriteString(hold, "abc") // and no more
	req, err := http.NewRequestWithContext(t.Context(), "PUT", server.URL+"/images/finished/a", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	calls.wait()
	if n := files(t, dir); n != 0 || resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("answered %d, left %d files", resp.StatusCode, n)
	}
}

// swapping replaces the image behind the back of a caller that has looked at
// it, so often.
type swapping struct {
	storage.Store
	times int
}

func (s *swapping) Stat(ctx ctx, state storage.State, key string) (storage.Info, error) {
	info, err := s.Store.Stat(ctx, state, key)
	if s.times--; s.times >= 0 {
		_, err = s.Store.Put(ctx, state, key, strings.NewReader(strings.Repeat("x", s.times+1)), storage.PutOptions{Size: int64(s.times + 1)})
	}
	return info, err
}

func TestPartOfWhatIsReplaced(t *testing.T) {
	for times, want := range map[int]int{1: 206, 4: 206, 5: 503, 100: 503} {
		store := &swapping{engine(t, t.TempDir(), filestorage.Options{}), times}
		server := serve(t, store, storagehttp.Options{})
		call(t, server, "PUT", "/images/finished/a", "abc")
		resp, text := call(t, server, "GET", "/images/finished/a", "", "Range", "bytes=0-0")
		if resp.StatusCode != want || want == 206 && (text != "x" || resp.Header.Get("Content-Range") != "bytes 0-0/1") {
			t.Errorf("replaced %d times: %d, %q as %q", times, resp.StatusCode, text, resp.Header.Get("Content-Range"))
		}
	}
}

// TestDamagedBytesAreNotServed also asks with a HEAD, whose answer cannot say
// what is wrong.
func TestDamagedBytesAreNotServed(t *testing.T) {
	dir := t.TempDir()
	c := client(t, serve(t, engine(t, dir, filestorage.Options{}), storagehttp.Options{}))
	put(t, c, "a", "abc")
	if err := os.Truncate(filepath.Join(dir, "finished", "a"), 2); err != nil {
		t.Fatal(err)
	}
	_, err := c.Get(t.Context(), storage.Finished, "a", storage.Part{})
	is(t, err, storage.ErrCorrupt)
	_, err = c.Stat(t.Context(), storage.Finished, "a")
	is(t, err, storage.ErrCorrupt)
}

// TestABitThatHasFlipped is told as a problem, not by an answer that is cut.
func TestABitThatHasFlipped(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, engine(t, dir, filestorage.Options{}), storagehttp.Options{})
	call(t, server, "PUT", "/images/finished/a", strings.Repeat("abc", 100_000))
	damage(t, filepath.Join(dir, "finished", "a"))
	for _, header := range [][]string{nil, {"Range", "bytes=0-"}} {
		resp, text := call(t, server, "GET", "/images/finished/a", "", header...)
		var p problem.Problem
		if err := json.Unmarshal([]byte(text), &p); err != nil || resp.StatusCode != 500 || p.Code != "corrupt" {
			t.Errorf("%v: answered %d, %.100s", header, resp.StatusCode, text)
		}
	}
}

package uploads_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"minilab/internal/storage/uploads"
)

func TestPieceByPiece(t *testing.T) {
	each(t, nil, func(p *place) {
		data := some(300_000, 1)
		meta := "filename " + base64.StdEncoding.EncodeToString([]byte("a.jpg")) + ",owner " + base64.StdEncoding.EncodeToString([]byte("you"))
		r := p.call("POST", uploads.PublicPath, nil, "Upload-Length", "300000", "Upload-Metadata", meta)
		path := r.header.Get("Location")
		if r.status != 201 || !strings.HasPrefix(path, uploads.PublicPath) || r.header.Get("Tus-Resumable") != "1.0.0" || r.header.Get("Upload-Expires") == "" {
			t.Fatalf("answered %d %v", r.status, r.header)
		}
		for offset := 0; offset < len(data); offset += 100_000 {
			p.at(path, offset)
			r := p.patch(path, offset, bytes.NewReader(data[offset:offset+100_000]))
			if r.status != 204 || r.header.Get("Upload-Offset") != strconv.Itoa(offset+100_000) || r.header.Get("Upload-Expires") == "" {
				t.Fatalf("answered %d %s %v", r.status, r.code, r.header)
			}
		}
		r = p.call("HEAD", path, nil)
		if r.header.Get("Upload-Length") != "300000" || r.header.Get("Cache-Control") != "no-store" || len(r.header.Get("Upload-Metadata")) != len(meta) {
			t.Errorf("HEAD answers %v", r.header)
		}
		p.has(path, data)
	})
}

// TestUploadThatIsATask gives its bytes up and tells which task it is.
func TestUploadThatIsATask(t *testing.T) {
	var dir string
	each(t, func(c *uploads.Config) { dir = c.Dir }, func(p *place) {
		path := p.create("Upload-Length", "3", "Upload-Metadata", "preset eA==")
		if err := p.uploads.Done(t.Context(), "me", idOf(path), "t-0"); !errors.Is(err, uploads.ErrUnfinished) {
			t.Errorf("of what has not come: %v", err)
		}
		if r := p.patch(path, 0, strings.NewReader("abc")); r.header.Get("Minilab-Finished") != idOf(path) || r.header.Get("Minilab-Task") != "" {
			t.Errorf("answered %v", r.header)
		}
		for _, task := range []string{"t-1", "t-2"} {
			if err := p.uploads.Done(t.Context(), "me", idOf(path), task); err != nil {
				t.Error(err)
			}
		}
		f, err := p.uploads.Open(t.Context(), "me", idOf(path))
		if err != nil || f.Body != nil || f.Task != "t-1" || f.Size != 3 || f.Metadata["preset"] != "x" {
			t.Errorf("Open gives %+v, %v", f, err)
		}
		for _, r := range []reply{p.call("HEAD", path, nil), p.patch(path, 3, nil)} {
			if r.header.Get("Upload-Offset") != "3" || r.header.Get("Minilab-Task") != "t-1" || r.header.Get("Minilab-Finished") != "" {
				t.Errorf("answered %d %v", r.status, r.header)
			}
		}
		if n := bytesOf(dir, path); n != -1 {
			t.Errorf("%d bytes are kept", n)
		}
		if err := p.uploads.Done(t.Context(), "you", idOf(path), "t-3"); err != nil {
			t.Error(err)
		}
		if r := p.call("DELETE", path, nil); r.status != 204 {
			t.Errorf("answered %d", r.status)
		}
		if _, err := p.uploads.Open(t.Context(), "me", idOf(path)); !errors.Is(err, uploads.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestOptions(t *testing.T) {
	each(t, nil, func(p *place) {
		r := p.call("OPTIONS", uploads.PublicPath, nil)
		for name, want := range map[string]string{
			"Tus-Version": "1.0.0", "Tus-Max-Size": strconv.Itoa(10 << 20), "Tus-Checksum-Algorithm": "sha1,sha256,md5",
			"Tus-Extension": "creation,creation-with-upload,termination,concatenation,creation-defer-length,expiration,checksum",
		} {
			if r.status != 200 || r.header.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, r.header.Get(name), want)
			}
		}
	})
}

func TestCreationWithUpload(t *testing.T) {
	each(t, nil, func(p *place) {
		r := p.call("POST", uploads.PublicPath, strings.NewReader("abc"), "Upload-Length", "5", "Content-Type", "application/offset+octet-stream")
		if r.status != 201 || r.header.Get("Upload-Offset") != "3" {
			t.Fatalf("answered %d %v", r.status, r.header)
		}
		p.patch(r.header.Get("Location"), 3, strings.NewReader("de"))
		p.has(r.header.Get("Location"), []byte("abcde"))
		p.has(p.create("Upload-Length", "0"), nil)
	})
}

func TestDeferredLength(t *testing.T) {
	each(t, nil, func(p *place) {
		path := p.create("Upload-Defer-Length", "1")
		p.patch(path, 0, strings.NewReader("abc"))
		if r := p.call("HEAD", path, nil); r.header.Get("Upload-Defer-Length") != "1" || r.header.Get("Upload-Offset") != "3" {
			t.Errorf("HEAD answers %v", r.header)
		}
		if r := p.patch(path, 3, strings.NewReader("de"), "Upload-Length", "5"); r.status != 204 {
			t.Errorf("answered %d %s", r.status, r.code)
		}
		p.has(path, []byte("abcde"))
	})
}

func TestConcatenation(t *testing.T) {
	each(t, nil, func(p *place) {
		a, b := p.create("Upload-Length", "3", "Upload-Concat", "partial"), p.create("Upload-Length", "2", "Upload-Concat", "partial")
		p.patch(a, 0, strings.NewReader("abc"))
		list := "final;" + a + " " + p.web.URL + b
		if r := p.call("POST", uploads.PublicPath, nil, "Upload-Concat", list); r.status != 409 || r.code != "upload-unfinished" {
			t.Errorf("of what has not come: %d %s", r.status, r.code)
		}
		p.patch(b, 0, strings.NewReader("de"))
		whole := p.create("Upload-Concat", list)
		p.has(whole, []byte("abcde"))
		if r := p.call("HEAD", whole, nil); r.header.Get("Upload-Concat") != "final;"+a+" "+b {
			t.Errorf("HEAD answers %v", r.header)
		}
		if r := p.patch(whole, 5, strings.NewReader("f")); r.status != 403 || r.code != "final-upload" {
			t.Errorf("one byte more: %d %s", r.status, r.code)
		}
		if r := p.call("POST", uploads.PublicPath, nil, "Upload-Concat", list, "Test-Owner", "you"); r.status != 404 {
			t.Errorf("of somebody else's: %d %s", r.status, r.code)
		}
		if _, err := p.uploads.Open(t.Context(), "me", idOf(a)); err == nil {
			t.Error("a part is taken for a whole")
		}
	})
}

func TestTermination(t *testing.T) {
	each(t, nil, func(p *place) {
		path := p.create("Upload-Length", "3")
		if r := p.call("DELETE", path, nil); r.status != 204 {
			t.Errorf("answered %d %s", r.status, r.code)
		}
		for _, method := range []string{"HEAD", "PATCH", "DELETE"} {
			if r := p.call(method, path, nil); r.status != 404 {
				t.Errorf("%s of what was ended: %d %s", method, r.status, r.code)
			}
		}
	})
}

// TestMethodOverride is for clients that cannot send PATCH.
func TestMethodOverride(t *testing.T) {
	each(t, nil, func(p *place) {
		path := p.create("Upload-Length", "3")
		r := p.call("POST", path, strings.NewReader("abc"), "X-HTTP-Method-Override", "PATCH", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream")
		if r.status != 204 {
			t.Errorf("answered %d %s", r.status, r.code)
		}
		p.has(path, []byte("abc"))
	})
}

// TestRefusals is of requests that are wrong; none changes anything.
func TestRefusals(t *testing.T) {
	each(t, nil, func(p *place) {
		path := p.create("Upload-Length", "10")
		p.patch(path, 0, strings.NewReader("abc"))
		const offset = "application/offset+octet-stream"
		for _, c := range []struct {
			method, path, body string
			header             []string
			status             int
			code               string
		}{
			{"POST", "", "", []string{"Tus-Resumable", ""}, 412, "unsupported-tus-version"},
			{"POST", "", "", []string{"Tus-Resumable", "0.2.2", "Upload-Length", "1"}, 412, "unsupported-tus-version"},
			{"POST", "", "", nil, 400, "invalid-upload-length"},
			{"POST", "", "", []string{"Upload-Length", "-1"}, 400, "invalid-upload-length"},
			{"POST", "", "", []string{"Upload-Length", "many"}, 400, "invalid-upload-length"},
			{"POST", "", "", []string{"Upload-Length", "9223372036854775808"}, 400, "invalid-upload-length"},
			{"POST", "", "", []string{"Upload-Length", "9223372036854775807"}, 413, "too-large"},
			{"POST", "", "", []string{"Upload-Length", strconv.Itoa(10<<20 + 1)}, 413, "too-large"},
			{"POST", "", "", []string{"Upload-Length", "1", "Upload-Defer-Length", "1"}, 400, "invalid-upload-length"},
			{"POST", "", "", []string{"Upload-Defer-Length", "2"}, 400, "invalid-upload-length"},
			{"POST", "", "", []string{"Upload-Concat", "final"}, 400, "invalid-upload-concat"},
			{"POST", "", "", []string{"Upload-Concat", "final;"}, 400, "invalid-upload-concat"},
			{"POST", "", "", []string{"Upload-Concat", "final;/elsewhere/x"}, 404, "not-found"},
			{"POST", "", "", []string{"Upload-Concat", "final;/api/v1/uploads/../../etc/passwd"}, 404, "not-found"},
			{"POST", "", "abcd", []string{"Upload-Length", "3", "Content-Type", offset}, 413, "upload-size-exceeded"},
			{"PATCH", path, "d", []string{"Upload-Offset", "3", "Content-Type", "image/jpeg"}, 415, "unsupported-media-type"},
			{"PATCH", path, "d", []string{"Content-Type", offset}, 400, "invalid-upload-offset"},
			{"PATCH", path, "d", []string{"Content-Type", offset, "Upload-Offset", "-3"}, 400, "invalid-upload-offset"},
			{"PATCH", path, "d", []string{"Content-Type", offset, "Upload-Offset", "0x3"}, 400, "invalid-upload-offset"},
			{"PATCH", path, "d", []string{"Content-Type", offset, "Upload-Offset", "2"}, 409, "offset-mismatch"},
			{"PATCH", path, "d", []string{"Content-Type", offset, "Upload-Offset", "4"}, 409, "offset-mismatch"},
			{"PATCH", path, "d", []string{"Content-Type", offset, "Upload-Offset", "9223372036854775807"}, 409, "offset-mismatch"},
			{"PATCH", path, "defghijk", []string{"Content-Type", offset, "Upload-Offset", "3"}, 413, "upload-size-exceeded"},
			{"PATCH", path, "d", []string{"Content-Type", offset, "Upload-Offset", "3", "Upload-Length", "4"}, 400, "invalid-upload-length"},
			{"PATCH", path, "d", []string{"Content-Type", offset, "Upload-Offset", "3", "Tus-Resumable", "2.0.0"}, 412, "unsupported-tus-version"},
			{"PATCH", path, "d", []string{"Content-Type", offset, "Upload-Offset", "3", "Test-Owner", "you"}, 404, "not-found"},
			{"PATCH", path + "x", "d", []string{"Content-Type", offset, "Upload-Offset", "3"}, 404, "not-found"},
			{"PATCH", "/api/v1/uploads/%2E%2E%2Fkv.db", "d", []string{"Content-Type", offset, "Upload-Offset", "3"}, 404, "not-found"},
			{"PATCH", "", "d", []string{"Content-Type", offset, "Upload-Offset", "3"}, 405, "method-not-allowed"},
			{"POST", path, "", nil, 405, "method-not-allowed"},
			{"HEAD", path, "", []string{"Test-Owner", "you"}, 404, ""},
			{"DELETE", path, "", []string{"Test-Owner", "you"}, 404, "not-found"},
			{"DELETE", path, "", []string{"Tus-Resumable", ""}, 412, "unsupported-tus-version"},
			{"PATCH", path, "d", []string{"Content-Type", offset, "Upload-Offset", "3", "Upload-Checksum", "crc32 AAAA"}, 400, "invalid-checksum"},
			{"PATCH", path, "d", []string{"Content-Type", offset, "Upload-Offset", "3", "Upload-Checksum", "sha1"}, 400, "invalid-checksum"},
			{"PATCH", path, "d", []string{"Content-Type", offset, "Upload-Offset", "3", "Upload-Checksum", "sha1 AAAA"}, 400, "invalid-checksum"},
		} {
			target := c.path
			if target == "" {
				target = uploads.PublicPath
			}
			var body io.Reader = http.NoBody
			if c.body != "" {
				body = strings.NewReader(c.body)
			}
			r := p.call(c.method, target, body, c.header...)
			if r.status != c.status || r.code != c.code || r.header.Get("Tus-Resumable") != "1.0.0" {
				t.Errorf("%s %s %v: %d %s (Tus-Resumable %q), want %d %s", c.method, target, c.header, r.status, r.code, r.header.Get("Tus-Resumable"), c.status, c.code)
			}
			if leak := strings.Join([]string{r.header.Get("Location"), r.header.Get("Upload-Concat")}, " "); strings.Contains(leak, "://") {
				t.Errorf("%s %s: an address is told: %s", c.method, target, leak)
			}
		}
		p.at(path, 3)
		p.patch(path, 3, strings.NewReader("defghij"))
		p.has(path, []byte("abcdefghij"))
	})
}

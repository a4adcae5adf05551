package frontend_test

import (
	"bytes"
	"encoding/json"
	"image/png"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"minilab/internal/frontend"
)

func TestSimpleAPI(t *testing.T) {
	url := serve(t, &fakeLab{}, roomy)
	picture := noise(t, 20, 10)
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, _ := w.CreateFormFile("image", "x.bin")
	part.Write(picture)
	w.Close()
	for name, request := range map[string]struct {
		contentType string
		body        []byte
	}{
		"raw":          {"application/octet-stream", picture},
		"raw, by curl": {"application/x-www-form-urlencoded", picture},
		"multipart":    {w.FormDataContentType(), form.Bytes()},
	} {
		resp, body := do(t, http.MethodPost, url+"/newImage", http.Header{"Content-Type": {request.contentType}}, bytes.NewReader(request.body))
		var ticket struct{ ID string }
		if json.Unmarshal([]byte(body), &ticket) != nil || resp.StatusCode != http.StatusAccepted || ticket.ID == "" {
			t.Fatalf("%s: %d %s", name, resp.StatusCode, body)
		}
		if resp, body := get(t, url+"/image/isReady?id="+ticket.ID); resp.StatusCode != 200 || !strings.Contains(body, `"status":"finished"`) {
			t.Errorf("%s: isReady: %d %s", name, resp.StatusCode, body)
		}
		resp, body = get(t, url+"/image/get?id="+ticket.ID)
		if img, err := png.Decode(strings.NewReader(body)); err != nil || img.Bounds().Dx() != 20 || resp.Header.Get("Content-Type") != "image/png" {
			t.Errorf("%s: get: %d %v %v", name, resp.StatusCode, resp.Header, err)
		}
	}
}

func TestErrorsAreProblems(t *testing.T) {
	url := serve(t, &fakeLab{}, frontend.Limits{MaxBytes: 1000, MaxPixels: 100})
	text := strings.NewReader("this is no image at all, but it is long enough to be judged")
	for _, tt := range []struct {
		method, path string
		body         *strings.Reader
		status       int
		code         string
	}{
		{"POST", "/newImage", text, 415, "not-an-image"},
		{"POST", "/newImage", strings.NewReader(""), 400, "empty"},
		{"POST", "/newImage", strings.NewReader(strings.Repeat("x", 1001)), 413, "too-large"},
		{"POST", "/newImage", strings.NewReader(string(noise(t, 11, 10))), 413, "too-many-pixels"},
		{"GET", "/newImage", nil, 405, "method-not-allowed"},
		{"DELETE", "/", nil, 405, "method-not-allowed"},
		{"GET", "/nothing", nil, 404, "no-route"},
		{"GET", "/assets/", nil, 404, "no-route"},
		{"GET", "/assets/x/index.html", nil, 404, "no-route"},
		{"GET", "/assets/x/..%2fpage.go", nil, 404, "no-route"},
		{"GET", "/image/get?id=unknown", nil, 404, "not-found"},
	} {
		var resp *http.Response
		var body string
		if tt.body == nil {
			resp, body = do(t, tt.method, url+tt.path, nil, nil)
		} else {
			resp, body = do(t, tt.method, url+tt.path, nil, tt.body)
		}
		if resp.StatusCode != tt.status || !isProblem(resp, body, tt.code) {
			t.Errorf("%s %s: got %d %s, want %d %s", tt.method, tt.path, resp.StatusCode, body, tt.status, tt.code)
		}
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") {
			t.Errorf("%s %s: policy %q", tt.method, tt.path, csp)
		}
	}
}

func TestPageAndItsAssets(t *testing.T) {
	url := serve(t, &fakeLab{}, roomy)
	resp, index := get(t, url+"/")
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy,
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	assets := regexp.MustCompile(`/assets/[0-9a-f]{16}/[a-z]+\.(js|css|svg)`).FindAllString(index, -1)
	if len(assets) < 6 {
		t.Fatalf("the page names %v", assets)
	}
	for _, path := range assets {
		checkAsset(t, url+path)
	}
}

func checkAsset(t *testing.T, url string) {
	t.Helper()
	resp, body := get(t, url)
	if resp.StatusCode != 200 || body == "" || resp.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Errorf("%s: %d %v", url, resp.StatusCode, resp.Header)
	}
	again, _ := do(t, http.MethodGet, url, http.Header{"If-None-Match": {resp.Header.Get("ETag")}}, nil)
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("%s again: %d", url, again.StatusCode)
	}
}

// The page of another version finds an asset, but nobody keeps it.
func TestAssetsOfAnotherVersion(t *testing.T) {
	resp, body := get(t, serve(t, &fakeLab{}, roomy)+"/assets/0000000000000000/app.js")
	if resp.StatusCode != 200 || body == "" || resp.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}

func TestFavicon(t *testing.T) {
	resp, _ := get(t, serve(t, &fakeLab{}, roomy)+"/favicon.ico")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}

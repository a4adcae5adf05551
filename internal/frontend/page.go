package frontend

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/imagehead"
)

// sources are the page as it was written; nothing is built.
//
//go:embed page
var sources embed.FS

// pagePolicy lets the page load what is its own, and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// contentTypes are named here because the system's table, which the standard
// library asks, differs between machines.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// page is the web page in memory. Its assets lie in a folder that is named by
// the digest of all of them: they may be cached for ever, and import each
// other by plain relative names.
type page struct {
	version string
	index   []byte
	assets  map[string][]byte
}

func newPage(limits Limits) *page {
	p := &page{assets: map[string][]byte{}}
	digest := sha256.New()
	for _, entry := range must(fs.ReadDir(sources, "page")) {
		body := must(sources.ReadFile("page/" + entry.Name()))
		p.assets[entry.Name()] = body
		fmt.Fprintf(digest, "%s %d\n%s", entry.Name(), len(body), body)
	}
	p.version = hex.EncodeToString(digest.Sum(nil)[:8])
	p.index = renderIndex(string(p.assets["index.html"]), p.version, limits)
	delete(p.assets, "index.html")
	return p
}

func renderIndex(source, version string, limits Limits) []byte {
	labels := imagehead.Labels()
	last := len(labels) - 1
	var b bytes.Buffer
	err := template.Must(template.New("index").Parse(source)).Execute(&b, map[string]any{
		"Assets":   "/assets/" + version,
		"MaxBytes": limits.MaxBytes,
		"MaxText":  mebibytes(limits.MaxBytes),
		"Formats":  strings.Join(labels[:last], ", ") + " or " + labels[last],
	})
	return must(b.Bytes(), err)
}

// must is for what is embedded: it was whole when the program was built.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// mebibytes writes a limit as it is set.
func mebibytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

func (p *page) route(rt *httpx.Router) {
	rt.Handle("GET|HEAD /", p.serveIndex)
	rt.Handle("GET|HEAD /favicon.ico", func(w http.ResponseWriter, r *http.Request) error {
		return p.serveAsset(w, r, "logo.svg", false)
	})
	rt.Handle("GET|HEAD /assets/{version}/{name}", func(w http.ResponseWriter, r *http.Request) error {
		version, name := path.Split(strings.TrimPrefix(r.URL.Path, "/assets/"))
		return p.serveAsset(w, r, name, version == p.version+"/")
	})
}

func (p *page) serveIndex(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	serveBytes(w, r, p.index)
	return nil
}

// serveAsset serves an asset under any version: during an update the page of
// one replica may ask another for its assets, and its own are better than
// none, as long as nobody keeps them.
func (p *page) serveAsset(w http.ResponseWriter, r *http.Request, name string, lasting bool) error {
	body, ok := p.assets[name]
	if !ok {
		return httpx.ErrNoRoute
	}
	h := w.Header()
	h.Set("Content-Type", contentTypes[path.Ext(name)])
	h.Set("Cache-Control", "no-cache")
	if lasting {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	serveBytes(w, r, body)
	return nil
}

func serveBytes(w http.ResponseWriter, r *http.Request, body []byte) {
	digest := sha256.Sum256(body)
	w.Header().Set("ETag", `"`+hex.EncodeToString(digest[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

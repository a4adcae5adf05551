package frontend

import (
	"embed"
	"net/http"
	"strconv"
	"strings"

	"minilab/internal/httpx"
)

// docsPage is the page that shows the API's description. Its program is fetched
// when the whole is built (scripts/docs-page); without it the page says where
// the description is.
//
//go:embed docspage
var docsPage embed.FS

// docsPolicy lets the page load what is this server's, and nothing else. Its
// program writes its styles into the page itself.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; " +
	"connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// routeDocs serves the page.
func routeDocs(rt *httpx.Router) {
	file := func(path, name, contentType string) {
		body, err := docsPage.ReadFile("docspage/" + name)
		if err != nil {
			return // it was not fetched
		}
		rt.Handle("GET|HEAD "+path, func(w http.ResponseWriter, _ *http.Request) error {
			h := w.Header()
			h.Set("Content-Type", contentType)
			h.Set("Content-Security-Policy", docsPolicy)
			h.Set("Cache-Control", "no-cache")
			if strings.HasSuffix(name, ".gz") {
				h.Set("Content-Encoding", "gzip") // there is no browser without
			}
			h.Set("Content-Length", strconv.Itoa(len(body))) // HEAD has it too
			_, _ = w.Write(body)                             // the caller is gone; nobody is left to tell
			return nil
		})
	}
	file("/docs", "index.html", "text/html; charset=utf-8")
	file("/docs/start.js", "start.js", contentTypes[".js"])
	file("/docs/scalar.js", "scalar.js.gz", contentTypes[".js"])
}

package httpx

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"minilab/internal/fault"
)

// ErrRange is storage.ErrRange by another name.
var ErrRange = fault.New(fault.Range, "range-not-satisfiable", "the image has no such part")

// Content is what is known of bytes before they are served.
type Content struct {
	SHA256      string // lower-case hex; the strong ETag too; empty: neither
	ContentType string
	Size        int64 // bytes
	Modified    time.Time
}

// ServeContent answers a GET or HEAD with bytes that open gives, a part of them
// when the request asks for one part, and nothing but headers for a HEAD or
// when the caller has them already (RFC 9110; the digest is RFC 9530's). It
// opens at most once, before anything is written, and returns open's error.
// What comes from open is copied with io.Copy, so that an *os.File, or a
// reader whose WriteTo copies one, goes out by sendfile.
func ServeContent(w http.ResponseWriter, r *http.Request, c Content, open func(offset, length int64) (io.ReadCloser, error)) error {
	h := w.Header()
	c.describe(h)
	if c.known(r) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	part, err := c.part(r)
	if err != nil {
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", c.Size))
		return err
	}
	if r.Method == http.MethodHead {
		c.head(h, part)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	body, err := open(part.offset, part.length)
	if err != nil {
		return err
	}
	defer body.Close()
	w.WriteHeader(c.head(h, part))
	conn := http.NewResponseController(w)
	_ = conn.SetWriteDeadline(time.Now().Add(readerPatience(part.length))) // a recorder in a test has none
	if n, err := io.Copy(w, body); err != nil || n != part.length {
		panic(http.ErrAbortHandler)
	}
	_ = conn.SetWriteDeadline(time.Time{}) // the connection goes on
	return nil
}

// A caller that takes less than readerRate bytes a second, after a first
// readerTime, is not waited for.
const (
	readerTime = time.Minute
	readerRate = 8 << 10
)

// readerPatience is how long so many bytes may take.
func readerPatience(bytes int64) time.Duration {
	return readerTime + time.Duration(bytes/readerRate)*time.Second
}

// describe sets what every answer says, a 304 too.
func (c Content) describe(h http.Header) {
	if c.SHA256 != "" {
		h.Set("ETag", c.etag())
	}
	h.Set("Accept-Ranges", "bytes")
	h.Set("X-Content-Type-Options", "nosniff")
	if !c.Modified.IsZero() {
		h.Set("Last-Modified", c.lastModified())
	}
}

// head sets what only an answer with bytes says, and gives its status.
func (c Content) head(h http.Header, p part) int {
	h.Set("Content-Type", c.ContentType)
	h.Set("Content-Length", strconv.FormatInt(p.length, 10))
	if digest := FormatDigest(c.SHA256); digest != "" {
		h.Set("Repr-Digest", digest)
	}
	if !p.asked {
		return http.StatusOK
	}
	h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", p.offset, p.offset+p.length-1, c.Size))
	return http.StatusPartialContent
}

func (c Content) etag() string         { return `"` + c.SHA256 + `"` }
func (c Content) lastModified() string { return c.Modified.UTC().Format(http.TimeFormat) }

// known says whether the caller has these very bytes.
func (c Content) known(r *http.Request) bool {
	if tags := r.Header.Values("If-None-Match"); len(tags) > 0 {
		return c.named(strings.Join(tags, ","))
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	return err == nil && !c.Modified.IsZero() && !c.Modified.Truncate(time.Second).After(since)
}

func (c Content) named(tags string) bool {
	for tag := range strings.SplitSeq(tags, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || c.SHA256 != "" && tag == c.etag() {
			return true
		}
	}
	return false
}

// FormatDigest is a SHA-256 in lower-case hex as the value of a Repr-Digest
// header, or empty for what is none.
func FormatDigest(sha256 string) string {
	sum, err := hex.DecodeString(sha256)
	if err != nil || len(sum) != 32 {
		return ""
	}
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum) + ":"
}

// ParseDigest finds the SHA-256 in the value of a Repr-Digest or Content-Digest
// header and gives it in lower-case hex; empty when the header has none. It is
// not ok when there is one that is none.
func ParseDigest(header string) (sha256 string, ok bool) {
	for member := range strings.SplitSeq(header, ",") {
		text, found := strings.CutPrefix(strings.TrimSpace(member), "sha-256=")
		if !found {
			continue
		}
		text, _, _ = strings.Cut(text, ";")
		sum, err := base64.StdEncoding.DecodeString(strings.Trim(text, ":"))
		return hex.EncodeToString(sum), err == nil && len(sum) == 32
	}
	return "", true
}

package httpx

import (
	"math"
	"net/http"
	"strconv"
	"strings"
)

// part is a run of bytes of a content.
type part struct {
	offset, length int64
	asked          bool // the answer says that it is one, even if it is all
}

func (c Content) whole() part { return part{length: c.Size} }

// part is what the request asks for: one part, or the whole where it asks for
// several, for something malformed, or for a part of bytes that have changed
// since. Nothing has no parts, so whoever asks for one gets the whole of it.
func (c Content) part(r *http.Request) (part, error) {
	header := r.Header.Get("Range")
	if header == "" || r.Method != http.MethodGet || c.Size == 0 || !c.current(r) {
		return c.whole(), nil
	}
	first, last, ok := parseRange(header)
	if !ok {
		return c.whole(), nil
	}
	if first < 0 { // the last bytes
		first, last = max(c.Size-last, 0), c.Size-1
	}
	if first >= c.Size {
		return part{}, ErrRange.Detailf("the image has %d bytes", c.Size)
	}
	return part{offset: first, length: min(last, c.Size-1) - first + 1, asked: true}, nil
}

// current says whether the part that the caller has already, if any, is of
// these bytes.
func (c Content) current(r *http.Request) bool {
	had := r.Header.Get("If-Range")
	return had == "" || had == c.etag() || !c.Modified.IsZero() && had == c.lastModified()
}

// parseRange reads the header of a single part. A negative first stands for
// the last so many bytes.
func parseRange(header string) (first, last int64, ok bool) {
	unit, text, _ := strings.Cut(header, "=")
	from, to, dash := strings.Cut(strings.TrimSpace(text), "-")
	if !strings.EqualFold(unit, "bytes") || !dash {
		return 0, 0, false
	}
	if from == "" {
		last, ok = position(to)
		return -1, last, ok
	}
	if first, ok = position(from); !ok {
		return 0, 0, false
	}
	if to == "" {
		return first, math.MaxInt64, true
	}
	last, ok = position(to)
	return first, last, ok && first <= last
}

// position reads digits; a number that is too large for any image is larger
// than any position in one.
func position(digits string) (int64, bool) {
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return math.MaxInt64, true
	}
	return n, true
}

package kvhttp

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/kv"
)

const (
	keyPrefix = "/kv/"
	watchPath = "/watch"
)

// putAnswer is the answer to a Put.
type putAnswer struct {
	Key      string `json:"key"`
	Revision int64  `json:"revision"`
}

// listAnswer is a page of a listing.
type listAnswer struct {
	Revision int64   `json:"revision"`
	Entries  []entry `json:"entries"`
	Next     string  `json:"next"`
}

// entry is an entry of a listing and the data of an event; that of a deletion
// has no value.
type entry struct {
	Key      string `json:"key"`
	Value    []byte `json:"value,omitzero"` // base64
	Revision int64  `json:"revision"`
	TTL      string `json:"ttl,omitempty"` // a Go duration
}

func toWire(e kv.Entry) entry {
	w := entry{Key: e.Key, Value: append([]byte{}, e.Value...), Revision: e.Revision}
	if e.TTL > 0 {
		w.TTL = e.TTL.String()
	}
	return w
}

func fromWire(w entry) (kv.Entry, error) {
	ttl, err := parseTTL(w.TTL)
	if err != nil {
		return kv.Entry{}, err
	}
	return kv.Entry{Key: w.Key, Value: w.Value, Revision: w.Revision, TTL: ttl}, nil
}

func parseTTL(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	ttl, err := time.ParseDuration(text)
	if err != nil {
		return 0, errAnswer.Because(err)
	}
	return ttl, nil
}

// tag is a revision as an entity tag.
func tag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// untag is the revision of an entity tag; quotes may be missing.
func untag(text string) (int64, bool) {
	if inner, ok := strings.CutPrefix(text, `"`); ok {
		text, ok = strings.CutSuffix(inner, `"`)
		if !ok {
			return 0, false
		}
	}
	revision, err := strconv.ParseInt(text, 10, 64)
	return revision, err == nil
}

// ifMatch is the revision that If-Match asks for, or 0.
func ifMatch(h http.Header) (int64, error) {
	text := strings.TrimSpace(strings.Join(h.Values("If-Match"), ","))
	if text == "" {
		return 0, nil
	}
	revision, ok := untag(text)
	if !ok {
		return 0, httpx.ErrParameter.Detailf(`If-Match is one revision in quotes, such as "12"`)
	}
	if revision < 1 {
		return 0, kv.ErrStale.Detailf("no key is ever at revision %d", revision) // 0 must not mean: no condition
	}
	return revision, nil
}

// ifAbsent says whether If-None-Match asks for the key not to exist.
func ifAbsent(h http.Header) (bool, error) {
	text := strings.TrimSpace(strings.Join(h.Values("If-None-Match"), ","))
	if text != "" && text != "*" {
		return false, httpx.ErrParameter.Detailf("If-None-Match of a put is *")
	}
	return text == "*", nil
}

// known says whether a reader has that revision already.
func known(h http.Header, revision int64) bool {
	for text := range strings.SplitSeq(strings.Join(h.Values("If-None-Match"), ","), ",") {
		text = strings.TrimPrefix(strings.TrimSpace(text), "W/")
		if n, ok := untag(text); ok && n == revision || text == "*" {
			return true
		}
	}
	return false
}

// keyPath is the path of a key, escaped so that nothing on the way takes it for
// something to tidy up: a segment of dots is escaped as well, and a slash with
// nothing before or behind it.
func keyPath(key string) string {
	path := keyPrefix
	segments := strings.Split(key, "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch {
		case i == 0:
		case strings.HasSuffix(path, "/"), last && segment == "":
			path += "%2F"
		default:
			path += "/"
		}
		path += escape(segment)
	}
	return path
}

func escape(segment string) string {
	if strings.Trim(segment, ".") == "" {
		return strings.ReplaceAll(segment, ".", "%2E")
	}
	return url.PathEscape(segment)
}

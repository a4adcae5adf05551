package client_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"minilab/client"
)

var large = strings.Repeat("0123456789", 10000)

func TestResultGoesOnWhereItBroke(t *testing.T) {
	l, c := newLiar(t, says(409, `{"code":"gone"}`))
	if _, err := c.Result(t.Context(), "t1", "", new(bytes.Buffer)); client.CodeOf(err) != "gone" || l.requests() != 1 {
		t.Errorf("%v", err)
	}
	l, c = newLiar(t, hangUp, says(503, `{"code":"stopping"}`), cutAfter(70000, large), hangUp, cutAfter(20000, large), cutAfter(len(large), large))
	var got bytes.Buffer
	content, err := c.Result(t.Context(), "t1", "thumb/x", &got)
	if err != nil || got.String() != large {
		t.Fatalf("%d bytes, %v", got.Len(), err)
	}
	if content.Size != int64(len(large)) || content.ContentType != "image/png" || len(content.SHA256) != 64 {
		t.Errorf("%+v", content)
	}
	last := l.asked[len(l.asked)-1]
	if last.Header.Get("If-Range") != `"e1"` || last.Header.Get("Range") == "bytes=0-" || last.URL.EscapedPath() != "/api/v1/tasks/t1/result/thumb%2Fx" {
		t.Errorf("the last request is %s %v", last.URL, last.Header)
	}
}

func TestResultIsNotBelieved(t *testing.T) {
	other := strings.Repeat("x", len(large))
	for name, x := range map[string]struct {
		answers []http.HandlerFunc
		want    error
	}{
		"wrong digest":      {[]http.HandlerFunc{says(200, "bytes", "Repr-Digest", digest("other bytes"))}, client.ErrDigest},
		"changed meanwhile": {[]http.HandlerFunc{cutAfter(50000, large), says(200, other, "ETag", `"e2"`)}, client.ErrChanged},
		"another part":      {[]http.HandlerFunc{cutAfter(50000, large), says(206, other[:10], "Content-Range", "bytes 7-16/100000")}, client.ErrChanged},
		"another's bytes":   {[]http.HandlerFunc{cutAfter(50000, large), cutAfter(len(large), other)}, client.ErrDigest},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := newLiar(t, x.answers...)
			if _, err := c.Result(t.Context(), "t1", "", new(bytes.Buffer)); !errors.Is(err, x.want) {
				t.Errorf("%v, want %v", err, x.want)
			}
		})
	}
}

// TestAFullDiskIsToldAtOnce: asking again would not help.
func TestAFullDiskIsToldAtOnce(t *testing.T) {
	l, c := newLiar(t, cutAfter(len(large), large))
	full := errors.New("the disk is full")
	if _, err := c.Result(t.Context(), "t1", "", errWriter{full}); !errors.Is(err, full) || l.requests() != 1 {
		t.Errorf("%v after %d requests", err, l.requests())
	}
}

type errWriter struct{ err error }

// Write implements io.Writer.
func (w errWriter) Write([]byte) (int, error) { return 0, w.err }

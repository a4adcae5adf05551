package client_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/client"
)

// tusLab takes one upload and fails as often as it is told to.
type tusLab struct {
	mu     sync.Mutex
	length int64
	bytes  []byte
	posted string        // the submission
	faults []func() bool // of the requests in turn: true, nothing is done
	lost   bool          // the bytes that it has told of
}

// ServeHTTP implements http.Handler.
func (l *tusLab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/api/v1/tasks" {
		l.posted = string(body)
		_, _ = io.WriteString(w, done)
		return
	}
	if len(l.faults) > 0 {
		f := l.faults[0]
		l.faults = l.faults[1:]
		if f() {
			panic(http.ErrAbortHandler)
		}
	}
	switch r.Method {
	case http.MethodPost:
		l.length, _ = strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
		w.Header().Set("Location", "/api/v1/uploads/u1")
		w.WriteHeader(http.StatusCreated)
		return
	case http.MethodPatch:
		sum := sha256.Sum256(body)
		if r.Header.Get("Upload-Checksum") != "sha256 "+base64.StdEncoding.EncodeToString(sum[:]) {
			says(460, `{"code":"checksum-mismatch"}`)(w, r)
			return
		}
		if r.Header.Get("Upload-Offset") != fmt.Sprint(len(l.bytes)) {
			says(409, `{"code":"offset-mismatch"}`)(w, r)
			return
		}
		l.bytes = append(l.bytes, body...)
	}
	if l.lost && len(l.bytes) > 4<<20 {
		l.bytes = nil
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Upload-Offset", fmt.Sprint(len(l.bytes)))
	w.WriteHeader(http.StatusNoContent)
}

func newTusLab(t *testing.T, lab *tusLab) (*httptest.Server, *client.Client) {
	t.Helper()
	s := httptest.NewServer(lab)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, client.WithPatience(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func photo(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

func TestALargeFileIsSentPieceByPiece(t *testing.T) {
	data := photo(17<<20 + 3)
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	no := func() bool { return false }
	yes := func() bool { return true }
	for name, image := range map[string]client.Image{"file": client.File(path), "reader": client.Stream(bytes.NewReader(data))} {
		lab := &tusLab{}
		// One answer is lost after the bytes were taken.
		late := func() bool { lab.bytes = bytes.Clone(data[:8<<20]); return true }
		lab.faults = []func() bool{yes, no, no, late, yes, no, no, yes}
		_, c := newTusLab(t, lab)
		task, err := c.Submit(t.Context(), image, client.Order{Pipeline: "swap"})
		if err != nil || task.ID != "t1" {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(lab.bytes, data) {
			t.Errorf("%s: %d bytes came of %d", name, len(lab.bytes), len(data))
		}
		if lab.posted != `{"pipeline":"swap","upload":"u1"}` {
			t.Errorf("%s: it was handed in as %.200s", name, lab.posted)
		}
	}
}

// TestUploadIsWhole: what came is what was sent, whatever broke on the way.
func TestUploadIsWhole(t *testing.T) {
	data := photo(9 << 20)
	lab, n := &tusLab{}, 0
	for range 30 {
		lab.faults = append(lab.faults, func() bool { n++; return n%3 == 0 })
	}
	_, c := newTusLab(t, lab)
	id, err := c.Upload(t.Context(), bytes.NewReader(data), int64(len(data)))
	if err != nil || id != "u1" || !bytes.Equal(lab.bytes, data) || lab.length != int64(len(data)) {
		t.Errorf("%s, %v: %d bytes of %d came", id, err, len(lab.bytes), len(data))
	}
}

func TestUploadFaults(t *testing.T) {
	_, c := newTusLab(t, &tusLab{lost: true})
	if _, err := c.Upload(t.Context(), bytes.NewReader(photo(5<<20)), 5<<20); err == nil || !strings.Contains(err.Error(), "lost") {
		t.Errorf("a lab that forgets: %v", err)
	}
	_, c = newTusLab(t, &tusLab{})
	if _, err := c.Upload(t.Context(), strings.NewReader("short"), 10); !errors.Is(err, client.ErrUnreadable) {
		t.Errorf("a short image: %v", err)
	}
	_, c = newLiar(t, says(413, `{"code":"too-large"}`))
	if _, err := c.Upload(t.Context(), strings.NewReader("x"), 1); client.CodeOf(err) != client.CodeTooLarge {
		t.Errorf("too large: %v", err)
	}
	l, c := newLiar(t, says(404, `{"code":"no-route"}`), says(200, done))
	if _, err := c.Submit(t.Context(), client.Stream(bytes.NewReader(photo(16<<20))), client.Order{}); err != nil || len(l.bodies[1]) != 16<<20 {
		t.Errorf("a lab without uploads: %v", err)
	}
}

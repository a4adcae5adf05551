package uploads_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/storage/uploads"
)

func sum(algorithm string, data []byte) string {
	h := map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "md5": md5.New}[algorithm]()
	h.Write(data)
	return algorithm + " " + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestChecksums(t *testing.T) {
	each(t, nil, func(p *place) {
		data := some(400_000, 1)
		path := p.create("Upload-Length", "400000")
		p.patch(path, 0, bytes.NewReader(data[:100_000]))
		for i, algorithm := range []string{"sha1", "sha256", "md5"} {
			offset := 100_000 * (i + 1)
			piece := data[offset : offset+100_000]
			wrong := append(bytes.Clone(piece[:99_999]), piece[99_999]^1)
			if r := p.patch(path, offset, bytes.NewReader(wrong), "Upload-Checksum", sum(algorithm, piece)); r.status != 460 || r.code != "checksum-mismatch" {
				t.Errorf("%s that is wrong: %d %s", algorithm, r.status, r.code)
			}
			p.at(path, offset)
			if r := p.patch(path, offset, bytes.NewReader(piece), "Upload-Checksum", sum(algorithm, piece)); r.status != 204 {
				t.Errorf("%s that is right: %d %s", algorithm, r.status, r.code)
			}
			p.at(path, offset+100_000)
		}
		p.has(path, data)
	})
}

// slowly is a body whose first bytes come at once and the rest never.
func slowly(t *testing.T, data []byte) (body io.Reader, cut func()) {
	r, w := io.Pipe()
	go func() { _, _ = w.Write(data) }()
	t.Cleanup(func() { w.Close() })
	return r, func() { w.CloseWithError(io.ErrUnexpectedEOF) }
}

// bytesOf is how many bytes lie in the folder for an upload.
func bytesOf(dir, path string) int64 {
	stat, err := os.Stat(filepath.Join(dir, idOf(path)))
	if err != nil {
		return -1
	}
	return stat.Size()
}

// TestTakeover has a client hang in the middle and come back: what had come
// counts, and the first request gives way at once.
func TestTakeover(t *testing.T) {
	var dir string
	each(t, func(c *uploads.Config) { dir = c.Dir }, func(p *place) {
		data := some(900_000, 1)
		path := p.create("Upload-Length", "900000")
		for offset := 0; offset < 900_000; offset += 300_000 {
			body, cut := slowly(t, data[offset:offset+300_000])
			first := make(chan reply, 1)
			go func() {
				r, err := p.try("PATCH", path, body, "Upload-Offset", fmt.Sprint(offset), "Content-Type", "application/offset+octet-stream")
				if err == nil {
					first <- r
				}
				close(first)
			}()
			eventually(t, "the bytes come", func() bool { return bytesOf(dir, path) == int64(offset)+300_000 })
			began := time.Now()
			p.at(path, offset+300_000)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("the first request gave way after %v", took)
			}
			cut()
			if r, ok := <-first; ok && offset < 600_000 && (r.status != 409 || r.code != "upload-interrupted") {
				t.Errorf("the first request is answered %d %s", r.status, r.code)
			}
		}
		p.has(path, data)
	})
}

// TestCutWithChecksum: what was cut cannot be compared, and does not count.
func TestCutWithChecksum(t *testing.T) {
	var dir string
	each(t, func(c *uploads.Config) { dir = c.Dir }, func(p *place) {
		data := some(600_000, 1)
		path := p.create("Upload-Length", "600000")
		p.patch(path, 0, bytes.NewReader(data[:200_000]))
		body, cut := slowly(t, data[200_000:500_000])
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = p.try("PATCH", path, body, "Upload-Offset", "200000", "Content-Type", "application/offset+octet-stream", "Upload-Checksum", sum("sha1", data[200_000:]))
		}()
		eventually(t, "the bytes come", func() bool { return bytesOf(dir, path) == 500_000 })
		p.at(path, 200_000)
		cut()
		<-done
		p.patch(path, 200_000, bytes.NewReader(data[200_000:]), "Upload-Checksum", sum("sha256", data[200_000:]))
		p.has(path, data)
	})
}

// TestProcessThatDies is taken over by the next one on its folder: it need not
// wait for the locks of the first, and counts nothing that was to be compared.
func TestProcessThatDies(t *testing.T) {
	for _, checked := range []bool{false, true} {
		dir, data, store := t.TempDir(), some(500_000, 1), openKV(t)
		first := &away{Store: store}
		p := newPlace(t, dir, false, func(c *uploads.Config) { c.KV = first })
		path := p.create("Upload-Length", "500000")
		p.patch(path, 0, bytes.NewReader(data[:100_000]))
		header, want := []string{"Upload-Offset", "100000", "Content-Type", "application/offset+octet-stream"}, 400_000
		if checked {
			header, want = append(header, "Upload-Checksum", sum("sha1", data[100_000:])), 100_000
		}
		body, _ := slowly(t, data[100_000:400_000])
		go func() { _, _ = p.try("PATCH", path, body, header...) }()
		eventually(t, "the bytes come", func() bool { return bytesOf(filepath.Join(dir, "uploads"), path) == 400_000 })

		first.gone.Store(true) // as far as others can tell, it is dead
		next := newPlace(t, dir, false, func(c *uploads.Config) { c.KV = store })
		began := time.Now()
		next.at(path, want)
		if took := time.Since(began); took > 5*time.Second { // of ten that it is good for
			t.Errorf("the lock of a dead process is waited for: %v", took)
		}
		next.patch(path, want, bytes.NewReader(data[want:]))
		next.has(path, data)
	}
}

// TestTwoStorages on one folder, as there may be where it is no folder but a
// bucket, never write one upload at once.
func TestTwoStorages(t *testing.T) {
	dir, data, store := t.TempDir(), some(800_000, 1), openKV(t)
	a := newPlace(t, dir, false, func(c *uploads.Config) { c.KV, c.Store = store, "a" })
	path := a.create("Upload-Length", "800000")
	b := newPlace(t, dir, false, func(c *uploads.Config) { c.KV, c.Store = store, "b" })
	body, cut := slowly(t, data[:500_000])
	first := make(chan reply, 1)
	go func() {
		r, _ := a.try("PATCH", path, body, "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream")
		first <- r
	}()
	eventually(t, "the bytes come", func() bool { return bytesOf(filepath.Join(dir, "uploads"), path) == 500_000 })
	b.at(path, 500_000)
	cut()
	<-first
	b.patch(path, 500_000, bytes.NewReader(data[500_000:]))
	a.has(path, data)
}

// away is a store that can go away.
type away struct {
	kv.Store
	gone atomic.Bool
}

func (a *away) Put(ctx context.Context, key string, value []byte, o kv.PutOptions) (kv.Entry, bool, error) {
	if a.gone.Load() {
		return kv.Entry{}, false, fault.ErrUnavailable
	}
	return a.Store.Put(ctx, key, value, o)
}

func (a *away) Get(ctx context.Context, key string) (kv.Entry, error) {
	if a.gone.Load() {
		return kv.Entry{}, fault.ErrUnavailable
	}
	return a.Store.Get(ctx, key)
}

// TestLeaseThatIsLost in the middle: from then on nothing is written, and the
// client is told to try again.
func TestLeaseThatIsLost(t *testing.T) {
	dir, data, store := t.TempDir(), some(600_000, 1), &away{Store: openKV(t)}
	p := newPlace(t, dir, false, func(c *uploads.Config) { c.KV, c.Lease = store, time.Second })
	path := p.create("Upload-Length", "600000")
	r, w := io.Pipe()
	answer := make(chan reply, 1)
	go func() {
		a, _ := p.try("PATCH", path, r, "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream")
		answer <- a
	}()
	_, _ = w.Write(data[:200_000])
	eventually(t, "the bytes come", func() bool { return bytesOf(filepath.Join(dir, "uploads"), path) == 200_000 })
	store.gone.Store(true)
	a := <-answer
	if a.status != 503 || a.code != "lock-lost" {
		t.Errorf("answered %d %s", a.status, a.code)
	}
	_, _ = w.Write(data[200_000:300_000])
	w.Close()
	if n := bytesOf(filepath.Join(dir, "uploads"), path); n != 200_000 {
		t.Errorf("%d bytes were written", n)
	}
	store.gone.Store(false)
	p.at(path, 200_000)
	p.patch(path, 200_000, bytes.NewReader(data[200_000:]))
	p.has(path, data)
}

// TestWithoutKeyValueStore nothing is begun: who could say that nobody else is
// at it?
func TestWithoutKeyValueStore(t *testing.T) {
	store := &away{Store: openKV(t)}
	each(t, func(c *uploads.Config) { c.KV = store }, func(p *place) {
		store.gone.Store(false)
		path := p.create("Upload-Length", "6")
		p.patch(path, 0, strings.NewReader("abc"))
		store.gone.Store(true)
		if r := p.patch(path, 3, strings.NewReader("def")); r.status != 503 || r.code != "unavailable" {
			t.Errorf("answered %d %s", r.status, r.code)
		}
		store.gone.Store(false)
		p.at(path, 3)
	})
}

func TestExpiry(t *testing.T) {
	var dir string
	each(t, func(c *uploads.Config) { dir = c.Dir }, func(p *place) {
		old, young := p.create("Upload-Length", "3"), p.create("Upload-Length", "3")
		finished := p.create("Upload-Length", "3")
		p.patch(finished, 0, strings.NewReader("abc"))
		past := time.Now().Add(-time.Hour - time.Second)
		for _, path := range []string{old, finished} {
			if err := os.Chtimes(filepath.Join(dir, idOf(path)), past, past); err != nil {
				t.Fatal(err)
			}
			if r := p.patch(path, 0, strings.NewReader("abc")); r.status != 410 || r.code != "upload-expired" {
				t.Errorf("answered %d %s", r.status, r.code)
			}
			if _, err := p.uploads.Open(t.Context(), "me", idOf(path)); !errors.Is(err, uploads.ErrExpired) {
				t.Errorf("Open: %v", err)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go p.service.Run(ctx)
		for _, path := range []string{old, finished} {
			eventually(t, "it is removed", func() bool { return p.call("HEAD", path, nil).status == 404 && bytesOf(dir, path) < 0 })
		}
		p.at(young, 0)
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
			t.Errorf("%d files are left, want 2: %v", len(entries), err)
		}
	})
}

func TestUploadsOfOneOwnerAreCounted(t *testing.T) {
	var dir string
	each(t, func(c *uploads.Config) { dir = c.Dir }, func(p *place) {
		var last string
		for range uploads.MaxOpen {
			last = p.create("Upload-Length", "1")
		}
		if r := p.call("POST", uploads.PublicPath, nil, "Upload-Length", "1"); r.status != 429 || r.code != "too-many-uploads" || r.header.Get("Retry-After") == "" {
			t.Errorf("answered %d %s", r.status, r.code)
		}
		p.create("Upload-Length", "1", "Test-Owner", "you")
		p.call("DELETE", last, nil)
		moved := dir + ".away"
		if err := os.Rename(dir, moved); err != nil {
			t.Fatal(err)
		}
		if r := p.call("POST", uploads.PublicPath, nil, "Upload-Length", "1"); r.status != 500 {
			t.Errorf("without its folder: %d", r.status)
		}
		if err := os.Rename(moved, dir); err != nil {
			t.Fatal(err)
		}
		p.create("Upload-Length", "1") // what failed does not count
	})
}

func TestFullDisk(t *testing.T) {
	var free atomic.Int64
	var dir string
	each(t, func(c *uploads.Config) {
		dir = c.Dir
		c.Room = func(more int64) error {
			if more > free.Load() {
				return fault.ErrNoSpace
			}
			return nil
		}
	}, func(p *place) {
		free.Store(1000)
		if r := p.call("POST", uploads.PublicPath, nil, "Upload-Length", "1001"); r.status != 507 || r.code != "no-space" {
			t.Errorf("answered %d %s", r.status, r.code)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%d files are left: %v", len(entries), err)
		}
		path := p.create("Upload-Length", "1000")
		free.Store(-1)
		if r := p.patch(path, 0, strings.NewReader(strings.Repeat("a", 1000))); r.status != 507 || r.code != "no-space" {
			t.Errorf("answered %d %s", r.status, r.code)
		}
		p.at(path, 0)
	})
}

// TestLengthSaidLate cannot be used to send more than is taken.
func TestLengthSaidLate(t *testing.T) {
	each(t, nil, func(p *place) {
		path := p.create("Upload-Defer-Length", "1")
		data := some(10<<20+1, 1)
		if r := p.patch(path, 0, bytes.NewReader(data)); r.status != 413 || r.code != "too-large" {
			t.Errorf("more than is taken: %d %s", r.status, r.code)
		}
		if r := p.patch(path, 0, struct{ io.Reader }{bytes.NewReader(data)}); r.status != 409 && r.status != 413 {
			t.Errorf("in chunks: %d %s", r.status, r.code)
		}
		offset := p.call("HEAD", path, nil).header.Get("Upload-Offset")
		r := p.call("PATCH", path, strings.NewReader("x"), "Upload-Offset", offset, "Content-Type", "application/offset+octet-stream", "Upload-Length", "10485761")
		if r.status != 413 || r.code != "too-large" {
			t.Errorf("a length over what is taken: %d %s", r.status, r.code)
		}
	})
}

// TestLeftovers of a crash in the middle of making or removing an upload go.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	p := newPlace(t, dir, false, nil)
	path := p.create("Upload-Length", "3")
	folder := filepath.Join(dir, "uploads")
	for _, name := range []string{strings.Repeat("a", 26), strings.Repeat("b", 26) + ".json.tmp", strings.Repeat("c", 26) + ".json", "README"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	next := newPlace(t, dir, false, nil)
	next.at(path, 0)
	entries, err := os.ReadDir(folder)
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if err != nil || len(left) != 4 { // the upload, the record that nobody can read, and what is somebody else's
		t.Errorf("left are %q: %v", left, err)
	}
}

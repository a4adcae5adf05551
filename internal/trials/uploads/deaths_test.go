package uploads

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// TestStorageThatDies is killed again and again in the middle of a PATCH. What
// HEAD tells afterwards is there, and never less than what was acknowledged.
func TestStorageThatDies(t *testing.T) {
	l := newLab(t, topology)
	base := balancer(t, l)
	_, data := photo(t, 16<<20)
	url := create(t, base, len(data))
	acknowledged := 0
	for range 4 {
		a, err := patch(t, url, acknowledged, bytes.NewReader(data[acknowledged:acknowledged+1<<20]))
		if err != nil || a.status != 204 {
			t.Fatalf("PATCH: %d %s, %v", a.status, a.body, err)
		}
		acknowledged = a.offset()

		r, w := io.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = patch(t, url, acknowledged, r)
		}()
		_, _ = w.Write(data[acknowledged : acknowledged+1<<20])
		await(t, "bytes come", func() bool { return len(kept(l, url)) > acknowledged })
		l.Kill("storage")
		w.CloseWithError(io.ErrUnexpectedEOF)
		<-ended
		if err := l.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		offset := head(t, url).offset()
		if offset < acknowledged || !bytes.Equal(kept(l, url)[:offset], data[:offset]) {
			t.Fatalf("at %d after %d were acknowledged, or other bytes are kept", offset, acknowledged)
		}
		t.Logf("acknowledged %d, at %d; found again after %v", acknowledged, offset, time.Since(began))
		acknowledged = offset
	}
	if a, err := patch(t, url, acknowledged, bytes.NewReader(data[acknowledged:])); err != nil || a.status != 204 {
		t.Fatalf("PATCH: %d %s, %v", a.status, a.body, err)
	}
	if !bytes.Equal(kept(l, url), data) {
		t.Error("other bytes are kept")
	}
}

// TestFrontendThatDies takes nothing with it: another one goes on.
func TestFrontendThatDies(t *testing.T) {
	l := newLab(t, topology)
	urls := l.URLs("frontend")
	_, data := photo(t, 4<<20)
	url := create(t, urls[0], len(data))
	location := url[len(urls[0]):]
	r, w := io.Pipe()
	go func() { _, _ = patch(t, url, 0, r) }()
	_, _ = w.Write(data[:2<<20])
	await(t, "bytes come", func() bool { return len(kept(l, url)) == 2<<20 })
	l.Kill("frontend")
	defer w.Close()
	a := head(t, urls[1]+location)
	if a.offset() != 2<<20 {
		t.Errorf("the upload is at %d", a.offset())
	}
	if a, err := patch(t, urls[2]+location, a.offset(), bytes.NewReader(data[a.offset():])); err != nil || a.status != 204 {
		t.Fatalf("PATCH: %d %s, %v", a.status, a.body, err)
	}
	if !bytes.Equal(kept(l, url), data) {
		t.Error("other bytes are kept")
	}
}

// TestHangingClient leaves its request open and comes back by another frontend.
func TestHangingClient(t *testing.T) {
	l := newLab(t, topology)
	urls := l.URLs("frontend")
	_, data := photo(t, 4<<20)
	url := create(t, urls[0], len(data))
	location := url[len(urls[0]):]
	for i, offset := 0, 0; offset < len(data); i, offset = i+1, offset+1<<20 {
		r, w := io.Pipe()
		go func() { _, _ = patch(t, urls[i%3]+location, offset, r) }()
		_, _ = w.Write(data[offset : offset+1<<20])
		await(t, "bytes come", func() bool { return len(kept(l, url)) == offset+1<<20 })
		began := time.Now()
		a := head(t, urls[(i+1)%3]+location)
		t.Logf("the hanging request has given way after %v", time.Since(began))
		if a.offset() != offset+1<<20 || time.Since(began) > 10*time.Second {
			t.Errorf("at %d after %v, want %d at once", a.offset(), time.Since(began), offset+1<<20)
		}
		w.CloseWithError(io.ErrUnexpectedEOF)
	}
	if !bytes.Equal(kept(l, url), data) {
		t.Error("other bytes are kept")
	}
}

// TestExpiredUpload is removed by the storage itself.
func TestExpiredUpload(t *testing.T) {
	l := newLab(t, topology, "--upload-keep", "1s")
	base := balancer(t, l)
	url := create(t, base, 10)
	if a, err := patch(t, url, 0, bytes.NewReader([]byte("abc"))); err != nil || a.status != 204 || a.header.Get("Upload-Expires") == "" {
		t.Fatalf("PATCH: %d %s, %v", a.status, a.body, err)
	}
	await(t, "the upload is not there any more", func() bool { return must(t, "HEAD", url, nil).status == 404 && kept(l, url) == nil })
	if a, err := patch(t, url, 3, bytes.NewReader([]byte("defghij"))); err != nil || a.status != 404 {
		t.Errorf("PATCH: %d %s, %v", a.status, a.body, err)
	}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never happens that %s", what)
		}
	}
}

package storagehttp

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
)

func inMemory(t *testing.T, data string, seal bool) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	m := os.NewFile(uintptr(fd), "test")
	t.Cleanup(func() { m.Close() })
	if _, err := m.WriteAt([]byte(data), 0); err != nil {
		t.Fatal(err)
	}
	if seal {
		if err := storage.Seal(m); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func opened(t *testing.T) *counter {
	t.Helper()
	c, err := openCounter()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func bring(t *testing.T, to host, memory *os.File) (word string) {
	t.Helper()
	word, err := to.bring(memory)
	if err != nil {
		t.Fatal(err)
	}
	return word
}

func contentOf(t *testing.T, m *os.File) string {
	t.Helper()
	defer m.Close()
	data, err := io.ReadAll(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestCounter passes memory both ways, past visitors who do not know the secret
// and get nothing.
func TestCounter(t *testing.T) {
	offers, waits := opened(t), opened(t)
	go offers.offer(inMemory(t, "abc", true))
	for _, c := range []*counter{offers, waits} {
		for _, secret := range []string{"", c.secret[1:], c.secret + "x", "\x00"} {
			stranger, err := call(c.name+"."+secret, os.Geteuid())
			if err != nil {
				t.Fatal(err)
			}
			defer stranger.Close()
			bring(t, stranger, inMemory(t, "wrong", true))
		}
	}
	stranger, err := call(offers.name+".wrong", os.Geteuid())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if err := pass(stranger.UnixConn, "wrong", nil); err != nil {
		t.Fatal(err)
	}
	if word, m, err := passed(stranger.UnixConn); m != nil || err == nil && word != "" {
		t.Errorf("a stranger got %q, %v, %v", word, m, err)
	}
	fetched, err := fetch(offers.String())
	if err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, fetched); got != "abc" {
		t.Errorf("fetched %q", got)
	}
	var word string
	for _, data := range []string{"an answer that got lost", "abc"} {
		h, err := call(waits.String(), os.Geteuid())
		if err != nil {
			t.Fatal(err)
		}
		word = bring(t, h, inMemory(t, data, true))
		h.Close() // what it has brought stays
	}
	m, err := waits.receive(t.Context(), word)
	if err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, m); got != "abc" {
		t.Errorf("received %q", got)
	}
}

// TestCounterTakesSealedMemoryOnly: whatever else is brought is an error, and
// closed.
func TestCounterTakesSealedMemoryOnly(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, brought := range map[string]*os.File{"nothing": nil, "a file": file, "open memory": inMemory(t, "abc", false)} {
		c := opened(t)
		h, err := call(c.String(), os.Geteuid())
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		if _, err := c.receive(t.Context(), bring(t, h, brought)); !errors.Is(err, errNoMemory) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCounterKeepsNoFiles: of several files that are passed none stays open.
func TestCounterKeepsNoFiles(t *testing.T) {
	c := opened(t)
	h, err := call(c.String(), os.Geteuid())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd := int(w.Fd())
	if _, _, err := h.WriteMsgUnix([]byte(c.secret+".word\n"), unix.UnixRights(fd, fd, fd, fd), nil); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := c.receive(t.Context(), "word"); !errors.Is(err, errNoMemory) {
		t.Errorf("received: %v", err)
	}
	if err := r.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) { // all ends for writing are closed
		t.Errorf("reading the pipe: %v", err)
	}
}

// TestCounterOfAnotherUser: nobody comes to it, and its visitors are sent away,
// whatever they know, without waiting for what they say.
func TestCounterOfAnotherUser(t *testing.T) {
	c := opened(t)
	if h, err := call(c.String(), c.user+1); !errors.Is(err, errNoCounter) {
		h.Close()
		t.Errorf("came to another user's counter: %v", err)
	}
	silent, err := call(c.String(), c.user)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	knowing, err := call(c.String(), c.user)
	if err != nil {
		t.Fatal(err)
	}
	defer knowing.Close()
	word := bring(t, knowing, inMemory(t, "abc", true))
	c.user++
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		_, _, _ = passed(silent.UnixConn)
		_, _, _ = passed(knowing.UnixConn)
		cancel()
	}()
	if m, err := c.receive(ctx, word); !errors.Is(err, net.ErrClosed) {
		m.Close()
		t.Errorf("received %v", err)
	}
}

// TestWhatNobodyComesFor is not kept once the counter is closed.
func TestWhatNobodyComesFor(t *testing.T) {
	c, m := opened(t), inMemory(t, "abc", true)
	c.close()
	c.offer(m)
	if _, err := m.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the memory is open: %v", err)
	}
}

// TestNobodyWaitsAtACounter for memory that nobody wants any more.
func TestNobodyWaitsAtACounter(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := opened(t).receive(ctx, "word"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("received: %v", err)
	}
}

// TestNoOtherSocket: a header cannot send anybody to a socket that is no counter.
func TestNoOtherSocket(t *testing.T) {
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: "@" + t.Name(), Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, at := range []string{t.Name() + ".x", "@" + t.Name() + ".x", "../" + t.Name() + ".x", t.Name(), "", "."} {
		if h, err := call(at, os.Geteuid()); err == nil {
			h.Close()
			t.Errorf("%q leads somewhere", at)
		}
	}
}

package storagehttp_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/storage/storagehttp"
)

// sealed is data in memory that cannot change.
func sealed(t *testing.T, data []byte) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	m := os.NewFile(uintptr(fd), "test")
	t.Cleanup(func() { m.Close() })
	if _, err := m.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	if err := storage.Seal(m); err != nil {
		t.Fatal(err)
	}
	return m
}

// inMemory is a store whose images are read from memory, each time.
type inMemory struct {
	storage.Store
	t *testing.T
}

// Get implements storage.Store.
func (s inMemory) Get(ctx context.Context, state storage.State, key string, part storage.Part) (storage.Object, error) {
	o, err := s.Store.Get(ctx, state, key, part)
	if err != nil || part != (storage.Part{}) {
		return o, err
	}
	defer o.Body.Close()
	data, err := io.ReadAll(o.Body)
	o.Body = storage.SealedBody(storage.Reopen(sealed(s.t, data)), o.Size)
	return o, err
}

// memoryReader is a Put's reader of sealed memory; it counts what is read of it.
type memoryReader struct {
	io.Reader
	memory *os.File
	read   int
}

func (r *memoryReader) Memory() *os.File { return storage.Reopen(r.memory) }

func (r *memoryReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.read += n
	return n, err
}

func readerOf(t *testing.T, data []byte) *memoryReader {
	return &memoryReader{Reader: bytes.NewReader(data), memory: sealed(t, data)}
}

// changing is a transport that changes the header of each request that offers or
// wants memory, and counts them.
type changing struct {
	http.RoundTripper
	change func(string) string
	n      atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (c *changing) RoundTrip(r *http.Request) (*http.Response, error) {
	if at := r.Header.Get(storagehttp.HeaderMemory); at != "" {
		c.n.Add(1)
		r = r.Clone(r.Context())
		r.Header.Set(storagehttp.HeaderMemory, c.change(at))
	}
	return c.RoundTripper.RoundTrip(r)
}

func some(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(p)
	return p
}

func putReader(t *testing.T, s storage.Store, key string, r io.Reader, size int) {
	t.Helper()
	if _, err := s.Put(t.Context(), storage.Finished, key, r, storage.PutOptions{Size: int64(size)}); err != nil {
		t.Fatal(err)
	}
}

// got reads an image and says whether its memory was handed over.
func got(t *testing.T, s storage.Store, key string) (data []byte, handed bool) {
	t.Helper()
	o, err := s.Get(t.Context(), storage.Finished, key, storage.Part{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	if m := storage.MemoryOf(o.Body); m != nil {
		m.Close()
		handed = true
	}
	if data, err = io.ReadAll(o.Body); err != nil || int64(len(data)) != o.Size || o.Part.Length != o.Size {
		t.Fatalf("read %d bytes of %+v, %v", len(data), o, err)
	}
	return data, handed
}

// TestMemoryIsHandedOver both ways, and is what the ordinary way brings.
func TestMemoryIsHandedOver(t *testing.T) {
	store := inMemory{engine(t, t.TempDir(), filestorage.Options{}), t}
	s := client(t, serve(t, store, storagehttp.Options{MaxBytes: 2 << 20}))
	for i, size := range []int{1, 64<<10 - 1, 64 << 10, 1<<20 + 17} {
		large := size >= 64<<10
		data := some(size)
		r := readerOf(t, data)
		putReader(t, s, "a", r, size)
		if first := i < 3; (r.read == 0) == (first || !large) {
			t.Errorf("%d bytes: %d were read, though the storage was known to be near: %v", size, r.read, !first)
		}
		if back, handed := got(t, s, "a"); handed != large || !bytes.Equal(back, data) {
			t.Errorf("%d bytes: handed over: %v, the same: %v", size, handed, bytes.Equal(back, data))
		}
	}
	data := some(100_000)
	for name, c := range map[string]struct {
		opts storage.PutOptions
		want error
	}{
		"another digest": {storage.PutOptions{Size: 100_000, SHA256: abcSHA}, storage.ErrDigest},
		"a size less":    {storage.PutOptions{Size: 99_999}, storage.ErrCut},
		"a size more":    {storage.PutOptions{Size: 100_001}, storage.ErrCut},
	} {
		t.Run(name, func(t *testing.T) {
			got(t, s, "a") // it is near
			_, err := s.Put(t.Context(), storage.Finished, "b", readerOf(t, data), c.opts)
			is(t, err, c.want)
			_, err = s.Stat(t.Context(), storage.Finished, "b")
			is(t, err, storage.ErrNotFound)
		})
	}
	got(t, s, "a")
	_, err := s.Put(t.Context(), storage.Finished, "b", readerOf(t, some(3<<20)), storage.PutOptions{Size: 3 << 20})
	is(t, err, fault.ErrTooLarge)
}

// TestMemoryOutOfReach: then the bytes come by the connection, and after one
// refusal no more memory is offered.
func TestMemoryOutOfReach(t *testing.T) {
	store := inMemory{engine(t, t.TempDir(), filestorage.Options{}), t}
	server := serve(t, store, storagehttp.Options{})
	data := some(100_000)
	for name, far := range map[string]func(string) string{
		"another network": func(at string) string { return "A" + at },
		"another secret":  func(at string) string { return at + "A" },
		"nonsense":        func(string) string { return "here" },
	} {
		t.Run(name, func(t *testing.T) {
			base := httpx.NewTransport()
			defer base.CloseIdleConnections()
			transport := &changing{RoundTripper: base, change: func(at string) string { return at }}
			s := storagehttp.NewClient(httpx.NewClient(server.URL, transport))
			putReader(t, s, "a", bytes.NewReader(data), len(data))
			if _, handed := got(t, s, "a"); !handed {
				t.Fatal("the storage is not near")
			}
			transport.change = far
			for _, offered := range []int64{1, 0} {
				before := transport.n.Load()
				r := readerOf(t, data)
				putReader(t, s, "b", r, len(data))
				if n := transport.n.Load() - before; n != offered || r.read != len(data) {
					t.Errorf("memory was offered %d times, want %d; %d bytes were read", n, offered, r.read)
				}
			}
			if back, handed := got(t, s, "b"); handed || !bytes.Equal(back, data) {
				t.Errorf("handed over: %v, the same: %v", handed, bytes.Equal(back, data))
			}
		})
	}
}

// TestStorageThatLiesAboutMemory says that it lies at the counter, or that it is
// another image's.
func TestStorageThatLiesAboutMemory(t *testing.T) {
	data := some(100_000)
	store := inMemory{engine(t, t.TempDir(), filestorage.Options{}), t}
	honest := serve(t, store, storagehttp.Options{})
	putReader(t, client(t, honest), "a", bytes.NewReader(data), len(data))
	nothing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(storagehttp.HeaderMemory) == "" {
			honest.Config.Handler.ServeHTTP(w, r)
			return
		}
		w.Header().Set(storagehttp.HeaderMemory, "here")
		_ = httpx.WriteJSON(w, http.StatusOK, map[string]any{"key": "a", "state": "finished", "size": len(data)})
	}))
	defer nothing.Close()
	if back, handed := got(t, client(t, nothing), "a"); handed || !bytes.Equal(back, data) {
		t.Errorf("handed over: %v, the same: %v", handed, bytes.Equal(back, data))
	}
	another := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/images/finished/a"
		honest.Config.Handler.ServeHTTP(w, r)
	}))
	defer another.Close()
	_, err := client(t, another).Get(t.Context(), storage.Finished, "b", storage.Part{})
	is(t, err, httpx.ErrNonsense)
}

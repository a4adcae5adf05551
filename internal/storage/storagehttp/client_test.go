package storagehttp_test

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/storage/storagehttp"
)

type ctx = context.Context

func put(t testing.TB, s storage.Store, key, data string) {
	t.Helper()
	if _, err := s.Put(t.Context(), storage.Finished, key, strings.NewReader(data), storage.PutOptions{Size: int64(len(data))}); err != nil {
		t.Fatal(err)
	}
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got the error %v, want %v", err, want)
	}
}

// counter is a caller's body of which it matters how much was read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func noise(size int64) *counter {
	return &counter{r: io.LimitReader(rand.NewChaCha8([32]byte{1}), size)}
}

// hasty sends bodies without asking first.
type hasty struct{ http.RoundTripper }

func (h hasty) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("Expect")
	return h.RoundTripper.RoundTrip(r)
}

// TestRefusalIsHeard puts more than the buffers between the two sides hold to
// servers that refuse it, and hears why, whether it waits for their go-ahead
// or not.
func TestRefusalIsHeard(t *testing.T) {
	const size = 32 << 20
	full := serve(t, engine(t, t.TempDir(), filestorage.Options{MinFree: math.MaxInt64}), storagehttp.Options{})
	small := serve(t, engine(t, t.TempDir(), filestorage.Options{}), storagehttp.Options{MaxBytes: 1 << 20})
	for name, c := range map[string]struct {
		server    *httptest.Server
		announced int64
		waits     bool
		want      error
		mayRead   int64
	}{
		"full disk":                    {full, size, true, storage.ErrNoSpace, 0},
		"full disk, unknown":           {full, storage.Unknown, true, storage.ErrNoSpace, 1 << 20},
		"full disk, at once":           {full, size, false, storage.ErrNoSpace, size},
		"full disk, at once, unknown":  {full, storage.Unknown, false, storage.ErrNoSpace, size},
		"over the limit":               {small, size, true, fault.ErrTooLarge, 0},
		"over the limit, unknown":      {small, storage.Unknown, true, fault.ErrTooLarge, size},
		"over the limit, at once":      {small, size, false, fault.ErrTooLarge, size},
		"over the limit, both of them": {small, storage.Unknown, false, fault.ErrTooLarge, size},
	} {
		t.Run(name, func(t *testing.T) {
			transport := httpx.NewTransport()
			defer transport.CloseIdleConnections()
			var rt http.RoundTripper = transport
			if !c.waits {
				rt = hasty{transport}
			}
			s := storagehttp.NewClient(httpx.NewClient(c.server.URL, rt))
			for range 5 {
				r := noise(size)
				_, err := s.Put(t.Context(), storage.Finished, "a", r, storage.PutOptions{Size: c.announced})
				is(t, err, c.want)
				if r.n > c.mayRead {
					t.Errorf("%d bytes were read, want at most %d", r.n, c.mayRead)
				}
			}
		})
	}
}

// filling is a store whose disk is full after a part of an image.
type filling struct{ storage.Store }

func (filling) Put(_ ctx, _ storage.State, _ string, r io.Reader, _ storage.PutOptions) (storage.Info, error) {
	_, err := io.CopyN(io.Discard, r, 3<<20)
	return storage.Info{}, errors.Join(storage.ErrNoSpace, err)
}

// TestRefusalInTheMiddleIsHeard also holds where the connection would be reset
// while the caller, who had the go-ahead, is still sending.
func TestRefusalInTheMiddleIsHeard(t *testing.T) {
	s := client(t, serve(t, filling{}, storagehttp.Options{}))
	for i := range 40 {
		_, err := s.Put(t.Context(), storage.Finished, "a", noise(32<<20), storage.PutOptions{Size: []int64{32 << 20, storage.Unknown}[i%2]})
		is(t, err, storage.ErrNoSpace)
	}
}

// answering is a server that answers every request so.
func answering(t *testing.T, h http.HandlerFunc) *storagehttp.Client {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return client(t, server)
}

func readAll(t *testing.T, s storage.Store, part storage.Part) (string, error) {
	t.Helper()
	obj, err := s.Get(t.Context(), storage.Finished, "a", part)
	if err != nil {
		return "", err
	}
	defer obj.Body.Close()
	data, err := io.ReadAll(obj.Body)
	return string(data), err
}

func describe(h http.Header) {
	h.Set("Repr-Digest", abcDigest)
	h.Set("Last-Modified", "Thu, 29 Feb 2024 12:00:00 GMT")
}

func TestOtherBytesThanTheDigestSays(t *testing.T) {
	s := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		describe(w.Header())
		io.WriteString(w, "abd")
	})
	_, err := readAll(t, s, storage.Part{})
	is(t, err, storage.ErrCorrupt)
	obj, err := s.Get(t.Context(), storage.Finished, "a", storage.Part{})
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Body.Close()
	n, err := io.ReadFull(obj.Body, make([]byte, 4)) // does not wait for the end
	is(t, err, storage.ErrCorrupt)
	if n == 3 {
		t.Error("all the bytes came before the error: whoever passes them on has passed on a whole image")
	}
}

func TestCutAnswer(t *testing.T) {
	s := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		describe(w.Header())
		w.Header().Set("Content-Length", "3")
		io.WriteString(w, "ab")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	data, err := readAll(t, s, storage.Part{})
	if data != "ab" || !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("got %q, %v", data, err)
	}
}

func TestNonsensicalAnswers(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"no headers": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "abc") },
		"another part": func(w http.ResponseWriter, r *http.Request) {
			describe(w.Header())
			w.Header().Set("Content-Range", "bytes 0-0/3")
			w.WriteHeader(http.StatusPartialContent)
			io.WriteString(w, "a")
		},
		"the whole instead of a part": func(w http.ResponseWriter, r *http.Request) {
			describe(w.Header())
			io.WriteString(w, "abc")
		},
		"a part of nobody knows what": func(w http.ResponseWriter, r *http.Request) {
			describe(w.Header())
			w.Header().Set("Content-Range", "bytes 1-1/*")
			w.WriteHeader(http.StatusPartialContent)
			io.WriteString(w, "b")
		},
		"a page of a proxy": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			io.WriteString(w, "<h1>Oops</h1>")
		},
	} {
		_, err := readAll(t, answering(t, h), storage.Part{Offset: 1, Length: 1})
		if fault.KindOf(err) != fault.BadGateway {
			t.Errorf("%s: got the error %v", name, err)
		}
	}
}

// TestPathsHaveNoSteps looks at what goes over the wire: a proxy cleans paths.
func TestPathsHaveNoSteps(t *testing.T) {
	var got string
	s := answering(t, func(_ http.ResponseWriter, r *http.Request) { got = r.RequestURI })
	for key, want := range map[string]string{
		"a.1": "a.1", ".": "%2E", "..": "%2E%2E", "../x": "%2E%2E%2Fx", "a/./b.c": "a%2F%2E%2Fb%2Ec", "a//b/": "a%2F%2Fb%2F", "?#%": "%3F%23%25",
	} {
		if err := s.Delete(t.Context(), storage.Finished, key); err != nil {
			t.Fatal(err)
		}
		if got != "/images/finished/"+want {
			t.Errorf("the key %q goes as %s", key, got)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := storagehttp.NewClient(httpx.NewClient("http://"+l.Addr().String(), httpx.NewTransport()))
	_, err = s.Stat(t.Context(), storage.Finished, "a")
	is(t, err, fault.ErrUnavailable)
	_, err = s.Get(t.Context(), storage.Finished, "a", storage.Part{})
	is(t, err, fault.ErrUnavailable)
	r := noise(1 << 20)
	_, err = s.Put(t.Context(), storage.Finished, "a", r, storage.PutOptions{Size: 1 << 20})
	is(t, err, fault.ErrUnavailable)
	if r.n > 0 {
		t.Errorf("%d bytes were read for nobody", r.n)
	}
}

// TestMemory puts and gets 200 MB through client, handler and engine, and looks
// at what they hold while it does.
func TestMemory(t *testing.T) {
	const size, allowed = 200_000_000, 4 << 20
	s := client(t, serve(t, engine(t, t.TempDir(), filestorage.Options{}), storagehttp.Options{}))
	put(t, s, "warm", strings.Repeat("x", 100_000))
	before := inUse()
	watch := func(r io.Reader) io.Reader { return &watching{t: t, r: r, limit: before + allowed} }
	if _, err := s.Put(t.Context(), storage.Finished, "large", watch(noise(size)), storage.PutOptions{Size: storage.Unknown}); err != nil {
		t.Fatal(err)
	}
	obj, err := s.Get(t.Context(), storage.Finished, "large", storage.Part{})
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Body.Close()
	if n, err := io.Copy(io.Discard, watch(obj.Body)); n != size || err != nil {
		t.Fatalf("read %d bytes, %v", n, err)
	}
}

// watching measures the heap every 10 MB.
type watching struct {
	t     *testing.T
	r     io.Reader
	limit int64
	n     int64
}

func (w *watching) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	before := w.n
	if w.n += int64(n); before/10_000_000 != w.n/10_000_000 {
		if used := inUse(); used > w.limit {
			w.t.Errorf("%d bytes are in use after %d, want at most %d", used, w.n, w.limit)
		}
	}
	return n, err
}

func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

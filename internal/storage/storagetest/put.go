package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing/iotest"

	"minilab/internal/storage"
)

var putCases = []testCase{
	{"what was put is what is read, of known and of unknown size", putSizes},
	{"the content type is kept as it is", contentTypes},
	{"what is no media type is refused", refusedTypes},
	{"an announced digest that is right is fine", rightDigest},
	{"an overwrite replaces whole", overwrite},
	{"an image may be empty", emptyImage},
}

// sizes are those around which buffers end.
var sizes = []int{0, 1, 511, 512, 513, 4096, 32<<10 - 1, 32 << 10, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128 << 10, 128<<10 + 1, 300_000}

func putSizes(s *suite) {
	for i, n := range sizes {
		for j, announced := range []int64{int64(n), storage.Unknown} {
			data := some(n, uint64(2*i+j))
			info, err := s.Put(s.Context(), storage.InProgress, "a", bytes.NewReader(data), storage.PutOptions{Size: announced})
			if err != nil {
				s.Fatalf("Put %d bytes, announced %d: %v", n, announced, err)
			}
			s.describes(info, storage.InProgress, "a", data)
			s.has(storage.InProgress, "a", data)
		}
	}
	data := some(70_000, 99)
	for _, r := range []io.Reader{iotest.OneByteReader(bytes.NewReader(data)), iotest.DataErrReader(bytes.NewReader(data))} {
		if _, err := s.Put(s.Context(), storage.InProgress, "b", r, storage.PutOptions{Size: int64(len(data))}); err != nil {
			s.Errorf("Put from a %T: %v", r, err)
		}
		s.has(storage.InProgress, "b", data)
	}
}

func contentTypes(s *suite) {
	kept := []string{
		"image/jpeg", "Image/JPEG", "image/svg+xml; charset=utf-8", `text/plain; name="a b"`, "application/x-www-form-urlencoded",
		"a/" + strings.Repeat("b", storage.MaxContentType-2),
	}
	for _, ct := range append(kept, "") {
		info, err := s.Put(s.Context(), storage.Finished, "a", strings.NewReader("x"), storage.PutOptions{Size: 1, ContentType: ct})
		if err != nil {
			s.Fatalf("Put as %q: %v", ct, err)
		}
		if ct == "" {
			ct = storage.DefaultContentType
		}
		stat, err := s.Stat(s.Context(), storage.Finished, "a")
		got := []string{info.ContentType, stat.ContentType, s.get(storage.Finished, "a", storage.Part{}).ContentType, s.all(storage.Finished, 0)[0].ContentType}
		for i, way := range []string{"Put", "Stat", "Get", "List"} {
			if err != nil || got[i] != ct {
				s.Errorf("%s says %q, %v; want %q", way, got[i], err, ct)
			}
		}
	}
}

func refusedTypes(s *suite) {
	for _, ct := range []string{"jpeg", "/", "image/", " image/jpeg", "image/jpeg\r\nX: y", "image/é", "a/" + strings.Repeat("b", storage.MaxContentType-1)} {
		s.unchanged(func() {
			_, err := s.Put(s.Context(), storage.Finished, "a", strings.NewReader("x"), storage.PutOptions{Size: 1, ContentType: ct})
			s.is(err, storage.ErrContentType)
		})
	}
}

func rightDigest(s *suite) {
	for i, n := range sizes {
		data := some(n, uint64(i))
		_, err := s.Put(s.Context(), storage.Finished, "a", bytes.NewReader(data), storage.PutOptions{Size: storage.Unknown, SHA256: digest(data)})
		if err != nil {
			s.Errorf("%d bytes: %v", n, err)
		}
		s.has(storage.Finished, "a", data)
	}
}

func overwrite(s *suite) {
	for i, n := range []int{100_000, 10, 0, 200_000} {
		data := some(n, uint64(i))
		s.put(storage.Finished, "a", data)
		s.has(storage.Finished, "a", data)
	}
	if n := len(s.all(storage.Finished, 0)); n != 1 {
		s.Errorf("%d images after overwriting one", n)
	}
}

func emptyImage(s *suite) {
	s.put(storage.Finished, "empty", nil)
	s.has(storage.Finished, "empty", nil)
	s.describes(s.all(storage.Finished, 0)[0], storage.Finished, "empty", nil)
}

var failureCases = []testCase{
	{"after an error of the reader nothing has changed", cutStream},
	{"a size that is not the announced one is ErrCut", wrongSize},
	{"a digest that is not the announced one is ErrDigest", wrongDigest},
	{"a cancelled Put changes nothing and does not read on", canceledPut},
	{"a cancelled context is noticed by every method", canceledCalls},
}

// refuses fails unless the Put fails with want, once where there is nothing
// and once over an image, and leaves both as they are.
func (s *suite) refuses(ctx func() context.Context, r func() io.Reader, opts storage.PutOptions, want error) {
	s.Helper()
	old := []byte("the old version")
	s.put(storage.Finished, "old", old)
	for _, key := range []string{"new", "old"} {
		s.unchanged(func() {
			_, err := s.Put(ctx(), storage.Finished, key, r(), opts)
			s.is(err, want)
		})
	}
	s.hasNot(storage.Finished, "new")
	s.has(storage.Finished, "old", old)
	if n := len(s.all(storage.Finished, 0)); n != 1 {
		s.Errorf("%d images are listed, want 1", n)
	}
}

func cutStream(s *suite) {
	errTest := errors.New("the cable was pulled")
	for _, n := range []int{0, 100, 64 << 10, 300_000} {
		for _, size := range []int64{storage.Unknown, int64(n), int64(n + 1), 2_000_000} {
			r := func() io.Reader { return &failing{r: bytes.NewReader(some(n, 1)), err: errTest} }
			s.refuses(s.Context, r, storage.PutOptions{Size: size}, errTest)
		}
	}
}

func wrongSize(s *suite) {
	for _, n := range []int{0, 1, 100, 64 << 10, 300_000} {
		for _, size := range []int{0, n - 1, n + 1, 2*n + 1, n / 2} {
			if size < 0 || size == n {
				continue
			}
			r := func() io.Reader { return bytes.NewReader(some(n, 1)) }
			s.refuses(s.Context, r, storage.PutOptions{Size: int64(size)}, storage.ErrCut)
		}
	}
}

func wrongDigest(s *suite) {
	for _, n := range []int{0, 100, 300_000} {
		for _, d := range []string{digest([]byte("other")), strings.ToUpper(digest(some(n, 1))), digest(some(n, 1))[1:], "x"} {
			r := func() io.Reader { return bytes.NewReader(some(n, 1)) }
			s.refuses(s.Context, r, storage.PutOptions{Size: storage.Unknown, SHA256: d}, storage.ErrDigest)
		}
	}
}

func canceledPut(s *suite) {
	for _, n := range []int{100, 10_000, 1_000_000} {
		for _, size := range []int64{storage.Unknown, int64(n)} {
			var cancel context.CancelFunc
			var body *canceling
			ctx := func() (ctx context.Context) { ctx, cancel = context.WithCancel(s.Context()); return ctx }
			r := func() io.Reader {
				body = &canceling{r: bytes.NewReader(some(n, 1)), rest: n / 2, cancel: cancel}
				return body
			}
			s.refuses(ctx, r, storage.PutOptions{Size: size}, context.Canceled)
			if body.reads == 0 {
				s.Errorf("nothing of %d bytes was read", n)
			}
		}
	}
}

func canceledCalls(s *suite) {
	s.put(storage.Finished, "a", []byte("x"))
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	_, err := s.Put(ctx, storage.Finished, "a", strings.NewReader("y"), unknown)
	s.is(err, context.Canceled)
	_, err = s.Get(ctx, storage.Finished, "a", storage.Part{})
	s.is(err, context.Canceled)
	_, err = s.Stat(ctx, storage.Finished, "a")
	s.is(err, context.Canceled)
	_, err = s.Copy(ctx, storage.Finished, "a", "b")
	s.is(err, context.Canceled)
	s.is(s.Delete(ctx, storage.Finished, "a"), context.Canceled)
	_, err = s.List(ctx, storage.Finished, "", 0)
	s.is(err, context.Canceled)
	s.has(storage.Finished, "a", []byte("x"))
}

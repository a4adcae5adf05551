package storage_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"minilab/internal/storage"
)

func TestExactly(t *testing.T) {
	for n := range 10 {
		for size := range 10 {
			data := bytes.Repeat([]byte("x"), n)
			for _, r := range []io.Reader{bytes.NewReader(data), iotest.OneByteReader(bytes.NewReader(data)), iotest.DataErrReader(bytes.NewReader(data))} {
				got, err := io.ReadAll(storage.Exactly(r, int64(size)))
				if n == size && (err != nil || len(got) != n) {
					t.Errorf("%d of %d bytes: got %d, %v", n, size, len(got), err)
				}
				if n != size && !errors.Is(err, storage.ErrCut) {
					t.Errorf("%d of %d bytes: got the error %v", n, size, err)
				}
				if n > size && size > 0 && len(got) == size {
					t.Errorf("%d of %d bytes: got all that were announced", n, size)
				}
			}
		}
	}
}

func TestExactlyPassesErrorsOn(t *testing.T) {
	errTest := errors.New("test")
	for _, size := range []int64{storage.Unknown, 0, 2, 3, 4} {
		r := io.MultiReader(bytes.NewReader([]byte("abc")[:min(max(size, 0), 3)]), iotest.ErrReader(errTest))
		if _, err := io.ReadAll(storage.Exactly(r, size)); !errors.Is(err, errTest) {
			t.Errorf("announced %d: got the error %v", size, err)
		}
	}
}

func TestResolve(t *testing.T) {
	if _, err := (storage.Part{}).Resolve(0); err != nil {
		t.Errorf("all of nothing: %v", err)
	}
	if _, err := (storage.Part{Offset: 1}).Resolve(1); !errors.Is(err, storage.ErrRange) {
		t.Errorf("behind the end: %v", err)
	}
}

package engine_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"minilab/internal/engine"
	"minilab/internal/fault"
)

func newBuffer(tb testing.TB, max int64) *engine.Buffer {
	tb.Helper()
	b, err := engine.NewBuffer("test", max)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Close() })
	return b
}

func TestBufferHoldsItsLimitAndNoMore(t *testing.T) {
	for _, size := range []int{0, 9, 10, 11, 100} {
		b := newBuffer(t, 10)
		n, err := b.ReadFrom(strings.NewReader(strings.Repeat("x", size)))
		if size <= 10 && (err != nil || n != int64(size) || b.Size() != n) {
			t.Errorf("%d bytes: %d, %v", size, n, err)
		}
		if size > 10 && !errors.Is(err, fault.ErrTooLarge) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	b := newBuffer(t, 3)
	if _, err := b.Write([]byte("abc")); err != nil {
		t.Error(err)
	}
	if _, err := b.Write([]byte("d")); !errors.Is(err, fault.ErrTooLarge) || b.Size() != 3 {
		t.Errorf("one more: %v, size %d", err, b.Size())
	}
}

func TestBufferPassesOnErrorsOfItsSource(t *testing.T) {
	cut := errors.New("cut")
	source := io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(cut))
	for _, limit := range []int64{3, 10} {
		if _, err := newBuffer(t, limit).ReadFrom(source); !errors.Is(err, cut) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

func TestBufferIsReadFromItsStartByEachReader(t *testing.T) {
	b := newBuffer(t, 10)
	if _, err := b.Write([]byte("abcdef")); err != nil {
		t.Fatal(err)
	}
	if err := b.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := b.Seal(); err != nil {
		t.Errorf("sealing again: %v", err)
	}
	if _, err := b.Write([]byte("g")); err == nil {
		t.Error("a sealed buffer was written to")
	}
	f, err := b.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("what Open gives can be written to")
	}
	first, second := b.Reader(), b.Reader()
	for _, r := range []io.Reader{first, second, f} {
		if data, err := io.ReadAll(r); err != nil || !bytes.Equal(data, []byte("abcdef")) {
			t.Errorf("read %q, %v", data, err)
		}
	}
	_ = b.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Error(err)
	}
	if data, err := io.ReadAll(f); err != nil || len(data) != 6 {
		t.Errorf("after Close: %q, %v", data, err)
	}
}

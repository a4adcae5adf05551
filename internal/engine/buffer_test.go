package engine_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// TestBufferTakesPartsOfFiles: the kernel copies what is there of a part, from
// where the file is, and the rest can be read on.
func TestBufferTakesPartsOfFiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	all := make([]byte, 1<<20+17)
	for i := range all {
		all[i] = byte(rng.Uint32())
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, part, limit int64
		want              []byte
		err               error
	}{
		{0, 1 << 40, 1 << 40, all, nil}, // cut off
		{5, 1 << 20, 1 << 20, all[5 : 5+1<<20], nil},
		{5, 100, 1 << 20, all[5:105], nil},
		{5, 0, 10, nil, nil},
		{int64(len(all)), 10, 10, nil, nil},
		{0, 101, 100, all[:100], fault.ErrTooLarge},
	} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seek(c.from, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		b := newBuffer(t, c.limit)
		part := &io.LimitedReader{R: f, N: c.part}
		n, err := b.ReadFrom(part)
		got, _ := io.ReadAll(b.Reader())
		if !errors.Is(err, c.err) || n != int64(len(c.want)) || !bytes.Equal(got, c.want) {
			t.Errorf("%d bytes from %d: %d, %v, size %d", c.part, c.from, n, err, b.Size())
		}
		if err == nil && part.N != c.part-n {
			t.Errorf("%d bytes from %d: %d are left of the part", c.part, c.from, part.N)
		}
		f.Close()
	}
}

// TestBufferReadsWhatIsNoPlainFile: a pipe is a file too.
func TestBufferReadsWhatIsNoPlainFile(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("abcdef"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	b := newBuffer(t, 10)
	n, err := b.ReadFrom(&io.LimitedReader{R: r, N: 4})
	if got, _ := io.ReadAll(b.Reader()); err != nil || n != 4 || string(got) != "abcd" {
		t.Errorf("%q, %v", got, err)
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

// TestBufferOfSealedMemory takes memory as it is, and only what can never change.
func TestBufferOfSealedMemory(t *testing.T) {
	b := newBuffer(t, 10)
	if _, err := b.Write([]byte("abcdef")); err != nil {
		t.Fatal(err)
	}
	if m := b.Reader().Memory(); m != nil {
		t.Error("memory is given that may change")
	}
	open, err := b.Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Sealed(open); err == nil {
		t.Error("memory is taken that may change")
	}
	if _, err := open.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("what was refused is not closed: %v", err)
	}
	if err := b.Seal(); err != nil {
		t.Fatal(err)
	}
	of, err := engine.Sealed(b.Reader().Memory())
	if err != nil {
		t.Fatal(err)
	}
	defer of.Close()
	_ = b.Close()
	if err := of.Seal(); err != nil || of.Size() != 6 {
		t.Errorf("%d bytes, sealing again: %v", of.Size(), err)
	}
	if data, err := io.ReadAll(of.Reader()); err != nil || string(data) != "abcdef" {
		t.Errorf("read %q, %v", data, err)
	}
	if _, err := of.Write([]byte("g")); err == nil {
		t.Error("it was written to")
	}
}

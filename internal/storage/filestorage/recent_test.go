package filestorage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"minilab/internal/storage"
)

func openStore(t *testing.T) (*Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(dir, Options{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if s.folders[storage.Finished].recent == nil {
		t.Fatalf("%s takes no direct writes: choose another by TMPDIR", dir)
	}
	return s, dir
}

func noise(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(p)
	return p
}

func putSized(t *testing.T, s *Store, state storage.State, key string, data []byte) {
	t.Helper()
	if _, err := s.Put(t.Context(), state, key, bytes.NewReader(data), storage.PutOptions{Size: int64(len(data))}); err != nil {
		t.Fatal(err)
	}
}

// taken is how many bytes of the room are.
func (rc *recent) taken() int64 {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return rc.used
}

// got reads an image and says whether it came from memory.
func got(t *testing.T, s *Store, state storage.State, key string, part storage.Part) (data []byte, recent bool) {
	t.Helper()
	o, err := s.Get(t.Context(), state, key, part)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	if m := storage.MemoryOf(o.Body); m != nil {
		defer m.Close()
		recent = true
		if !storage.IsSealed(m) {
			t.Errorf("%s: the memory may change", key)
		}
	}
	if data, err = io.ReadAll(o.Body); err != nil {
		t.Fatal(err)
	}
	return data, recent
}

// TestRecent reads each image twice: what just came from memory, and then from
// its file, which has the same bytes. The sizes are about those of blocks and of
// pieces.
func TestRecent(t *testing.T) {
	s, dir := openStore(t)
	for size, kept := range map[int]bool{
		1: false, recentLeast - 1: false, recentLeast: true, recentLeast + 1: true,
		1<<20 - 1: true, 1 << 20: true, 1<<20 + 1: true, 1<<20 + block: true, 2<<20 + 3*block + 17: true,
		recentMost: true, recentMost + 1: false,
	} {
		for _, state := range []storage.State{storage.InProgress, storage.Finished} {
			data := noise(size)
			putSized(t, s, state, "a", data)
			if file, err := os.ReadFile(filepath.Join(dir, string(state), "a")); err != nil || !bytes.Equal(file, data) {
				t.Errorf("the file of %d bytes has %d others, %v", size, len(file), err)
			}
			if part, recent := got(t, s, state, "a", storage.Part{Length: int64(size) / 2}); recent && size > 1 || !bytes.Equal(part, data[:len(part)]) {
				t.Errorf("a part of %d bytes came from memory: %v", size, recent)
			}
			for _, want := range []bool{kept, false} {
				if read, recent := got(t, s, state, "a", storage.Part{}); recent != want || !bytes.Equal(read, data) {
					t.Errorf("%d bytes came from memory: %v, want %v", size, recent, want)
				}
			}
			if used := s.folders[state].recent.taken(); used != 0 {
				t.Errorf("%d bytes of room are still taken", used)
			}
		}
	}
}

// TestRecentAndChanged: the file is what counts, whatever is in memory.
func TestRecentAndChanged(t *testing.T) {
	s, dir := openStore(t)
	data := noise(100_000)
	path := filepath.Join(dir, "finished", "a")
	for name, change := range map[string]func() error{
		"touched":   func() error { return os.Chmod(path, 0o600) },
		"rewritten": func() error { return os.WriteFile(path, noise(100_000)[1:], 0o600) },
		"replaced":  func() error { return os.Rename(filepath.Join(dir, "finished", "b"), path) },
	} {
		putSized(t, s, storage.Finished, "b", noise(100_000))
		putSized(t, s, storage.Finished, "a", data)
		if err := change(); err != nil {
			t.Fatal(err)
		}
		o, err := s.Get(t.Context(), storage.Finished, "a", storage.Part{})
		if err == nil {
			defer o.Body.Close()
			if storage.MemoryOf(o.Body) != nil {
				t.Errorf("%s: what was there before is served", name)
			}
		}
		if corrupt := errors.Is(err, storage.ErrCorrupt); corrupt != (name == "rewritten") {
			t.Errorf("%s: the error %v", name, err)
		}
	}
	putSized(t, s, storage.Finished, "a", data)
	if err := s.Delete(t.Context(), storage.Finished, "a"); err != nil {
		t.Fatal(err)
	}
	s.folders[storage.Finished].recent.forget("b")
	if used := s.folders[storage.Finished].recent.taken(); used != 0 {
		t.Errorf("%d bytes of deleted images are still in memory", used)
	}
}

// TestRecentGivesItsRoomBack after whatever befalls a put.
func TestRecentGivesItsRoomBack(t *testing.T) {
	s, dir := openStore(t)
	data := noise(200_000)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		r    io.Reader
		opts storage.PutOptions
		want error
	}{
		"cut":            {t.Context(), bytes.NewReader(data[1:]), storage.PutOptions{Size: 200_000}, storage.ErrCut},
		"too long":       {t.Context(), bytes.NewReader(data), storage.PutOptions{Size: 100_000}, storage.ErrCut},
		"other digest":   {t.Context(), bytes.NewReader(data), storage.PutOptions{Size: 200_000, SHA256: string(bytes.Repeat([]byte("0"), 64))}, storage.ErrDigest},
		"caller gone":    {gone, bytes.NewReader(data), storage.PutOptions{Size: 200_000}, context.Canceled},
		"given and gone": {gone, given(t, data), storage.PutOptions{Size: 200_000}, context.Canceled},
		"given, digest":  {t.Context(), given(t, data), storage.PutOptions{Size: 200_000, SHA256: string(bytes.Repeat([]byte("0"), 64))}, storage.ErrDigest},
		"given, cut":     {t.Context(), given(t, data), storage.PutOptions{Size: 200_001}, storage.ErrCut},
	} {
		if _, err := s.Put(c.ctx, storage.Finished, "a", c.r, c.opts); !errors.Is(err, c.want) {
			t.Errorf("%s: the error %v", name, err)
		}
		if used := s.folders[storage.Finished].recent.taken(); used != 0 {
			t.Errorf("%s: %d bytes of room are still taken", name, used)
		}
		if turns := len(pieceTurns); turns != 0 {
			t.Errorf("%s: %d pieces are still taken", name, turns)
		}
	}
	if names, err := os.ReadDir(filepath.Join(dir, "finished")); err != nil || len(names) > 0 {
		t.Errorf("left over are %v, %v", names, err)
	}
}

// inMemory is a reader whose bytes lie in memory.
type inMemory struct {
	io.Reader
	file *os.File
}

func (m inMemory) Memory() *os.File { return storage.Reopen(m.file) }

// given is a reader of data in memory, which is sealed.
func given(t *testing.T, data []byte) inMemory {
	t.Helper()
	m := unsealed(t, data)
	if err := storage.Seal(m.file); err != nil {
		t.Fatal(err)
	}
	return m
}

func unsealed(t *testing.T, data []byte) inMemory {
	t.Helper()
	f, err := newMemory()
	if err == nil {
		_, err = f.Write(data)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return inMemory{bytes.NewReader(data), f}
}

// TestGivenMemory is taken as it is when it can never change, else copied.
func TestGivenMemory(t *testing.T) {
	s, _ := openStore(t)
	data := noise(1<<20 + 5)
	opts := storage.PutOptions{Size: int64(len(data))}
	for name, m := range map[string]inMemory{"sealed": given(t, data), "open": unsealed(t, data)} {
		info, err := s.Put(t.Context(), storage.Finished, name, m, opts)
		if err != nil {
			t.Fatal(err)
		}
		if name == "open" {
			if _, err := m.file.WriteAt([]byte("changed"), 0); err != nil {
				t.Fatal(err)
			}
		}
		sealed := m.Reader.(*bytes.Reader).Len() == len(data) // nothing was read
		read, recent := got(t, s, storage.Finished, name, storage.Part{})
		if sealed != (name == "sealed") || !recent || !bytes.Equal(read, data) || info.Size != opts.Size {
			t.Errorf("%s: taken as it is: %v, from memory: %v, %d bytes", name, sealed, recent, len(read))
		}
		if read, _ := got(t, s, storage.Finished, name, storage.Part{}); !bytes.Equal(read, data) {
			t.Errorf("%s: the file has other bytes", name)
		}
	}
}

func fakeKeep(t *testing.T, name string, size int64) *keep {
	return &keep{name: name, memory: given(t, []byte(name)).file, size: size}
}

// TestRoomOfRecent: originals wait for room, results make some.
func TestRoomOfRecent(t *testing.T) {
	const part = recentBytes / 8
	for _, yields := range []bool{false, true} {
		rc := &recent{yields: yields}
		for i := range 10 {
			name := string(rune('a' + i))
			ok := rc.reserve(part)
			if want := yields || i < 8; ok != want {
				t.Fatalf("yields %v: room for the image %d: %v", yields, i, ok)
			}
			if ok {
				rc.keep(fakeKeep(t, name, part))
			}
		}
		first := "a"
		if yields {
			first = "c"
		}
		if rc.taken() != recentBytes || rc.list[0].name != first {
			t.Errorf("yields %v: %d bytes, the first is %s", yields, rc.used, rc.list[0].name)
		}
		rc.close()
		if rc.used != 0 || len(rc.list) != 0 {
			t.Errorf("%d bytes after the end", rc.used)
		}
	}
	rc := &recent{yields: true}
	for range recentBytes / part { // on their way, so that nothing can make room
		rc.reserve(part)
	}
	if rc.reserve(part) {
		t.Error("there is room beyond the limit")
	}
}

func TestRecentLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := &recent{}
		rc.reserve(recentLeast)
		k := fakeKeep(t, "a", recentLeast)
		rc.keep(k)
		<-time.After(recentTime - 1)
		synctest.Wait()
		if rc.taken() == 0 {
			t.Error("it has lapsed too early")
		}
		<-time.After(2)
		synctest.Wait()
		if _, err := k.memory.Stat(); rc.taken() != 0 || !errors.Is(err, os.ErrClosed) {
			t.Errorf("%d bytes are kept on, %v", rc.taken(), err)
		}
	})
}

// TestDirectWritesThatAreRefused go the ordinary way: memory that does not begin
// on a page, and a file that is not at a block.
func TestDirectWritesThatAreRefused(t *testing.T) {
	data := noise(3*block + 1)
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range [][]byte{data[:1], data[1 : block+2], data[block+2:]} {
		if err := writeDirect(f, p); err != nil {
			t.Fatal(err)
		}
	}
	if file, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(file, data) {
		t.Errorf("the file has %d other bytes, %v", len(file), err)
	}
}

// TestPiecesAreScarce: whoever finds none has its image written as any other.
func TestPiecesAreScarce(t *testing.T) {
	s, dir := openStore(t)
	data := noise(1<<20 + 5)
	for range pieceMost {
		pieceTurns <- struct{}{}
	}
	defer func() {
		for range pieceMost {
			<-pieceTurns
		}
	}()
	putSized(t, s, storage.Finished, "a", data)
	read, recent := got(t, s, storage.Finished, "a", storage.Part{})
	if file, err := os.ReadFile(filepath.Join(dir, "finished", "a")); recent || err != nil || !bytes.Equal(read, data) || !bytes.Equal(file, data) {
		t.Errorf("from memory: %v, %d bytes, %v", recent, len(read), err)
	}
	if used := s.folders[storage.Finished].recent.taken(); used != 0 {
		t.Errorf("%d bytes of room are still taken", used)
	}
	if _, err := s.Put(t.Context(), storage.Finished, "b", given(t, data), storage.PutOptions{Size: int64(len(data))}); err != nil {
		t.Fatal(err)
	}
	if _, recent := got(t, s, storage.Finished, "b", storage.Part{}); !recent {
		t.Error("memory that was given needs no piece")
	}
}

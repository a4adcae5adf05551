package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"minilab/internal/storage"
)

var copyCases = []testCase{
	{"a copy has the same bytes, type and digest", copies},
	{"keys of every kind are copied", copiesOfKeys},
	{"what becomes of one of the two does not touch the other", copiesApart},
	{"a copy replaces whole, and may be made again", copiesOver},
	{"what is not there is not copied", copiesOfNothing},
	{"damage is not copied", copiesOfDamage},
	{"of racing copies, puts and deletes one wins whole", racingCopies},
}

func (s *suite) copy(state storage.State, from, to string) storage.Info {
	s.Helper()
	info, err := s.Copy(s.Context(), state, from, to)
	if err != nil {
		s.Fatalf("Copy %s/%q to %q: %v", state, from, to, err)
	}
	return info
}

func copies(s *suite) {
	for i, n := range sizes {
		data := some(n, uint64(i))
		for _, state := range states {
			put, err := s.Put(s.Context(), state, "from", bytes.NewReader(data), storage.PutOptions{Size: int64(n), ContentType: "image/x-test; a=b"})
			if err != nil {
				s.Fatal(err)
			}
			got := s.copy(state, "from", "to")
			s.describes(got, state, "to", data)
			if got.ContentType != put.ContentType {
				s.Errorf("the copy is %q, want %q", got.ContentType, put.ContentType)
			}
			if stat, err := s.Stat(s.Context(), state, "to"); err != nil || stat.ContentType != put.ContentType {
				s.Errorf("Stat of the copy: %+v, %v; Copy said %+v", stat, err, got)
			}
			s.has(state, "from", data)
			s.has(state, "to", data)
		}
	}
	if n := len(s.all(storage.Finished, 0)); n != 2 {
		s.Errorf("%d images are listed, want 2", n)
	}
}

// kinds are keys that an engine may keep in different ways.
var kinds = []string{"a", "../a", "%2e", "A", "a b", "é", "x?from=a&b", strings.Repeat("l", storage.MaxKey), strings.Repeat("M", storage.MaxKey)}

func copiesOfKeys(s *suite) {
	for i, from := range kinds {
		data := some(1000+i, uint64(i))
		s.put(storage.Finished, from, data)
		for _, to := range kinds {
			s.copy(storage.Finished, from, to)
			s.has(storage.Finished, to, data)
			s.has(storage.Finished, from, data)
		}
	}
	if n := len(s.all(storage.Finished, 0)); n != len(kinds) {
		s.Errorf("%d images are listed, want %d", n, len(kinds))
	}
}

func copiesApart(s *suite) {
	old, young := some(70_000, 1), some(50_000, 2)
	for _, pair := range [][2]string{{"from", "to"}, {"to", "from"}} {
		s.put(storage.Finished, "from", old)
		s.copy(storage.Finished, "from", "to")
		open := s.get(storage.Finished, pair[0], storage.Part{})
		s.put(storage.Finished, pair[0], young)
		s.has(storage.Finished, pair[0], young)
		s.has(storage.Finished, pair[1], old)
		if err := s.Delete(s.Context(), storage.Finished, pair[0]); err != nil {
			s.Fatal(err)
		}
		s.hasNot(storage.Finished, pair[0])
		s.has(storage.Finished, pair[1], old)
		if got, err := io.ReadAll(open.Body); err != nil || !bytes.Equal(got, old) {
			s.Errorf("what was open before gives %d bytes, %v", len(got), err)
		}
	}
}

func copiesOver(s *suite) {
	data := some(60_000, 1)
	s.put(storage.Finished, "from", data)
	s.put(storage.Finished, "to", some(80_000, 2))
	s.unchanged(func() {
		for range 3 {
			s.copy(storage.Finished, "from", "to")
			s.copy(storage.Finished, "to", "from")
			s.copy(storage.Finished, "to", "to")
			s.has(storage.Finished, "from", data)
			s.has(storage.Finished, "to", data)
		}
	})
}

func copiesOfNothing(s *suite) {
	s.put(storage.InProgress, "from", []byte("of another state"))
	s.put(storage.Finished, "to", []byte("stays"))
	s.unchanged(func() {
		for _, to := range []string{"to", "new", "from"} {
			_, err := s.Copy(s.Context(), storage.Finished, "from", to)
			s.is(err, storage.ErrNotFound)
		}
		for _, keys := range [][2]string{{"", "a"}, {"to", ""}, {"to", "\x00"}, {strings.Repeat("a", storage.MaxKey+1), "a"}} {
			_, err := s.Copy(s.Context(), storage.Finished, keys[0], keys[1])
			s.is(err, storage.ErrKey)
		}
		_, err := s.Copy(s.Context(), "started", "to", "a")
		s.is(err, storage.ErrState)
	})
	s.has(storage.Finished, "to", []byte("stays"))
}

func copiesOfDamage(s *suite) {
	s.put(storage.Finished, "from", some(90_000, 1))
	s.put(storage.Finished, "to", []byte("stays"))
	s.Damage(storage.Finished, "from")
	s.unchanged(func() {
		_, err := s.Copy(s.Context(), storage.Finished, "from", "to")
		s.is(err, storage.ErrCorrupt)
	})
	s.has(storage.Finished, "to", []byte("stays"))
}

func racingCopies(s *suite) {
	versions := [][]byte{some(30_000, 1), some(50_000, 2)}
	s.put(storage.Finished, "a", versions[0])
	s.put(storage.Finished, "b", versions[1])
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 10 {
				from := string("ab"[i%2])
				if _, err := s.Copy(s.Context(), storage.Finished, from, fmt.Sprint("c", i/2)); err != nil && !errors.Is(err, storage.ErrNotFound) {
					s.Errorf("Copy: %v", err)
				}
				s.put(storage.Finished, from, versions[i%2])
			}
		})
		wg.Go(func() {
			for range 10 {
				if err := s.Delete(s.Context(), storage.Finished, "a"); err != nil {
					s.Errorf("Delete: %v", err)
				}
			}
		})
	}
	wg.Wait()
	for _, key := range []string{"a", "b", "c0", "c1"} {
		s.wholeOrGone(key, versions)
	}
}

func (s *suite) wholeOrGone(key string, versions [][]byte) {
	s.Helper()
	info, err := s.Stat(s.Context(), storage.Finished, key)
	if errors.Is(err, storage.ErrNotFound) {
		return
	}
	for _, v := range versions {
		if err == nil && info.SHA256 == digest(v) {
			s.has(storage.Finished, key, v)
			return
		}
	}
	s.Errorf("%q is %+v, %v: none of the versions", key, info, err)
}

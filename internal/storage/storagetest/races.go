package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"minilab/internal/storage"
)

var raceCases = []testCase{
	{"of racing writers one wins whole, and readers see whole images", racingWriters},
	{"puts of different keys do not disturb each other", parallelPuts},
	{"a put that races with deletes is whole or gone", racingDeletes},
}

func racingWriters(s *suite) {
	const writers, rounds = 8, 5
	versions := make([][]byte, writers)
	for i := range versions {
		versions[i] = some(50_000+i*10_000, uint64(i))
	}
	s.put(storage.Finished, "a", versions[0])
	s.unchanged(func() {
		var writing, reading sync.WaitGroup
		var done atomic.Bool
		for i := range versions {
			writing.Go(func() {
				for range rounds {
					s.put(storage.Finished, "a", versions[i])
				}
			})
		}
		for range 2 {
			reading.Go(func() {
				for !done.Load() {
					s.oneOf(versions)
				}
			})
		}
		writing.Wait()
		done.Store(true)
		reading.Wait()
	})
	s.oneOf(versions)
}

func (s *suite) oneOf(versions [][]byte) {
	obj, err := s.Get(s.Context(), storage.Finished, "a", storage.Part{})
	if err != nil {
		s.Errorf("Get: %v", err)
		return
	}
	defer obj.Body.Close()
	got, err := io.ReadAll(obj.Body)
	for _, v := range versions {
		if err == nil && bytes.Equal(got, v) && obj.SHA256 == digest(v) && obj.Size == int64(len(v)) {
			return
		}
	}
	s.Errorf("read %d bytes, %v, as %+v: none of the versions", len(got), err, obj.Info)
}

func parallelPuts(s *suite) {
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() { s.put(storage.InProgress, fmt.Sprint(i), some(20_000+i, uint64(i))) })
	}
	wg.Wait()
	for i := range 32 {
		s.has(storage.InProgress, fmt.Sprint(i), some(20_000+i, uint64(i)))
	}
}

func racingDeletes(s *suite) {
	data := some(30_000, 1)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				s.put(storage.Finished, "a", data)
			}
		})
		wg.Go(func() {
			for range 5 {
				if err := s.Delete(s.Context(), storage.Finished, "a"); err != nil {
					s.Errorf("Delete: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := s.Stat(s.Context(), storage.Finished, "a"); !errors.Is(err, storage.ErrNotFound) {
		s.has(storage.Finished, "a", data)
	}
}

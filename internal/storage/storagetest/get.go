package storagetest

import (
	"bytes"
	"io"
	"math"

	"minilab/internal/storage"
)

var getCases = []testCase{
	{"a part is exactly the bytes that were asked for", parts},
	{"what is not there is ErrNotFound", missing},
	{"deleting twice succeeds", doubleDelete},
	{"an image that is replaced while it is read is read to its end as it was", replacedWhileRead},
	{"an image that is deleted while it is read is read to its end as it was", deletedWhileRead},
	{"a body may be closed before its end", closedEarly},
	{"memory that a body gives instead of reading is the whole image, once and again", memory},
	{"a whole image that is damaged is ErrCorrupt before a byte of it comes", damaged},
}

func parts(s *suite) {
	const size = 100_000
	data := some(size, 1)
	s.put(storage.Finished, "a", data)
	s.put(storage.Finished, "empty", nil)
	for _, c := range []struct {
		key        string
		part, want storage.Part
		err        error
	}{
		{key: "a", want: storage.Part{Length: size}},
		{key: "a", part: storage.Part{Length: 1}, want: storage.Part{Length: 1}},
		{key: "a", part: storage.Part{Length: size - 1}, want: storage.Part{Length: size - 1}},
		{key: "a", part: storage.Part{Length: size}, want: storage.Part{Length: size}},
		{key: "a", part: storage.Part{Length: size + 1}, want: storage.Part{Length: size}},
		{key: "a", part: storage.Part{Offset: 1}, want: storage.Part{Offset: 1, Length: size - 1}},
		{key: "a", part: storage.Part{Offset: 10, Length: 20}, want: storage.Part{Offset: 10, Length: 20}},
		{key: "a", part: storage.Part{Offset: 70_000, Length: 20_000}, want: storage.Part{Offset: 70_000, Length: 20_000}},
		{key: "a", part: storage.Part{Offset: 1, Length: math.MaxInt64}, want: storage.Part{Offset: 1, Length: size - 1}},
		{key: "a", part: storage.Part{Offset: size - 1}, want: storage.Part{Offset: size - 1, Length: 1}},
		{key: "a", part: storage.Part{Offset: size - 1, Length: 2}, want: storage.Part{Offset: size - 1, Length: 1}},
		{key: "a", part: storage.Part{Offset: size}, err: storage.ErrRange},
		{key: "a", part: storage.Part{Offset: size + 1, Length: 1}, err: storage.ErrRange},
		{key: "a", part: storage.Part{Offset: math.MaxInt64, Length: math.MaxInt64}, err: storage.ErrRange},
		{key: "a", part: storage.Part{Offset: -1, Length: 1}, err: storage.ErrRange},
		{key: "a", part: storage.Part{Length: -1}, err: storage.ErrRange},
		{key: "empty"},
		{key: "empty", part: storage.Part{Length: 5}},
		{key: "empty", part: storage.Part{Offset: 1}, err: storage.ErrRange},
		{key: "missing", part: storage.Part{Offset: 1}, err: storage.ErrNotFound},
	} {
		obj, err := s.Get(s.Context(), storage.Finished, c.key, c.part)
		if c.err != nil {
			s.is(err, c.err)
			continue
		}
		if err != nil {
			s.Errorf("Get %q %+v: %v", c.key, c.part, err)
			continue
		}
		got, err := io.ReadAll(obj.Body)
		obj.Body.Close()
		if obj.Part != c.want || err != nil || !bytes.Equal(got, data[c.want.Offset:][:c.want.Length]) {
			s.Errorf("Get %q %+v gives %d bytes as %+v, %v; want %+v", c.key, c.part, len(got), obj.Part, err, c.want)
		}
		if c.key == "a" {
			s.describes(obj.Info, storage.Finished, "a", data)
		}
	}
}

func missing(s *suite) {
	for _, state := range states {
		s.hasNot(state, "a")
	}
	if got := s.all(storage.Finished, 0); len(got) != 0 {
		s.Errorf("an empty store lists %v", got)
	}
}

func doubleDelete(s *suite) {
	s.put(storage.Finished, "a", []byte("x"))
	s.put(storage.Finished, "b", []byte("y"))
	for range 2 {
		if err := s.Delete(s.Context(), storage.Finished, "a"); err != nil {
			s.Errorf("Delete: %v", err)
		}
		s.hasNot(storage.Finished, "a")
	}
	s.has(storage.Finished, "b", []byte("y"))
	s.put(storage.Finished, "a", []byte("again"))
	s.has(storage.Finished, "a", []byte("again"))
}

func replacedWhileRead(s *suite) {
	before, after := some(3_000_000, 1), some(2_000_000, 2)
	s.put(storage.Finished, "a", before)
	obj := s.get(storage.Finished, "a", storage.Part{})
	head := make([]byte, 10)
	if _, err := io.ReadFull(obj.Body, head); err != nil {
		s.Fatal(err)
	}
	s.put(storage.Finished, "a", after)
	tail, err := io.ReadAll(obj.Body)
	if err != nil || !bytes.Equal(append(head, tail...), before) {
		s.Errorf("read %d bytes, %v, not the old version", len(head)+len(tail), err)
	}
	s.has(storage.Finished, "a", after)
}

func deletedWhileRead(s *suite) {
	data := some(3_000_000, 1)
	s.put(storage.Finished, "a", data)
	obj := s.get(storage.Finished, "a", storage.Part{Offset: 5})
	if err := s.Delete(s.Context(), storage.Finished, "a"); err != nil {
		s.Fatal(err)
	}
	s.hasNot(storage.Finished, "a")
	got, err := io.ReadAll(obj.Body)
	if err != nil || !bytes.Equal(got, data[5:]) {
		s.Errorf("read %d bytes, %v, not the deleted image", len(got), err)
	}
}

func closedEarly(s *suite) {
	data := some(3_000_000, 1)
	s.put(storage.Finished, "a", data)
	for range 10 {
		obj := s.get(storage.Finished, "a", storage.Part{})
		if _, err := io.ReadFull(obj.Body, make([]byte, 10)); err != nil {
			s.Fatal(err)
		}
		if err := obj.Body.Close(); err != nil {
			s.Errorf("Close: %v", err)
		}
	}
	s.has(storage.Finished, "a", data)
}

func memory(s *suite) {
	data := some(100_000, 1)
	s.put(storage.Finished, "a", data)
	obj := s.get(storage.Finished, "a", storage.Part{})
	if _, err := io.ReadFull(obj.Body, make([]byte, 10)); err != nil {
		s.Fatal(err)
	}
	for range 2 {
		m := storage.MemoryOf(obj.Body)
		if m == nil {
			return // not every store has it
		}
		defer m.Close()
		if got, err := io.ReadAll(m); err != nil || !bytes.Equal(got, data) {
			s.Errorf("the memory has %d bytes, %v", len(got), err)
		}
		if _, err := m.WriteAt([]byte("x"), 0); err == nil {
			s.Error("the memory can be written to")
		}
	}
	if got, err := io.ReadAll(obj.Body); err != nil || !bytes.Equal(got, data[10:]) {
		s.Errorf("after that, the rest has %d bytes, %v", len(got), err)
	}
}

func damaged(s *suite) {
	for _, n := range []int{1, 4096, 300_000} {
		data := some(n, 1)
		s.put(storage.Finished, "a", data)
		s.put(storage.Finished, "b", data)
		s.Damage(storage.Finished, "a")
		for _, part := range []storage.Part{{}, {Length: int64(n)}, {Length: math.MaxInt64}} {
			obj, err := s.Get(s.Context(), storage.Finished, "a", part)
			if err == nil {
				obj.Body.Close()
			}
			s.is(err, storage.ErrCorrupt)
		}
		s.has(storage.Finished, "b", data)
		s.put(storage.Finished, "a", data) // it can be replaced,
		s.has(storage.Finished, "a", data)
		s.Damage(storage.Finished, "a")
		if err := s.Delete(s.Context(), storage.Finished, "a"); err != nil { // and deleted
			s.Errorf("Delete: %v", err)
		}
	}
}

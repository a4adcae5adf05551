package storagetest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"runtime"

	"minilab/internal/storage"
)

var largeCases = []testCase{
	{"memory use does not depend on the size", largeImage},
}

// largeImage counts what is allocated, which no collector can hide, while an
// image that is many times as large passes through in both directions.
func largeImage(s *suite) {
	size, allowed := cmp.Or(s.opts.Large, 64<<20), cmp.Or(s.opts.Allocated, 8<<20)
	for _, announced := range []int64{size, storage.Unknown} {
		before := allocated()
		sent := sha256.New()
		r := io.TeeReader(io.LimitReader(stream(7), size), sent)
		info, err := s.Put(s.Context(), storage.Finished, "large", r, storage.PutOptions{Size: announced})
		if err != nil || info.Size != size || info.SHA256 != hex.EncodeToString(sent.Sum(nil)) {
			s.Fatalf("Put: %+v, %v", info, err)
		}
		obj := s.get(storage.Finished, "large", storage.Part{})
		received := sha256.New()
		if n, err := io.Copy(received, obj.Body); err != nil || n != size || hex.EncodeToString(received.Sum(nil)) != info.SHA256 {
			s.Fatalf("read %d bytes, %v, that are not those that were put", n, err)
		}
		if used := allocated() - before; used > allowed {
			s.Errorf("%d bytes in and out allocated %d bytes, more than %d", size, used, allowed)
		}
	}
}

func allocated() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.TotalAlloc)
}

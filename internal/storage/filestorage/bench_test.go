package filestorage_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
)

// BenchmarkPut measures durable puts: of small images, whose number the fsyncs
// bound, by so many callers at once, and of large ones.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{10 << 10, 64 << 20} {
		for _, callers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%dKiB/%d", size>>10, callers), func(b *testing.B) {
				s := open(b, b.TempDir(), filestorage.Options{})
				data := bytes.Repeat([]byte("x"), size)
				b.SetBytes(int64(size))
				b.SetParallelism(callers)
				var n atomic.Int64
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						key := fmt.Sprint(n.Add(1) % 1000)
						_, err := s.Put(b.Context(), storage.Finished, key, bytes.NewReader(data), storage.PutOptions{Size: int64(size)})
						if err != nil {
							b.Error(err)
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
			})
		}
	}
}

// BenchmarkGet sends images over a socket: whole, when they are compared with
// their digest before, and all but the last byte, when they are not.
func BenchmarkGet(b *testing.B) {
	for _, size := range []int{10 << 10, 2 << 20, 64 << 20} {
		s := open(b, b.TempDir(), filestorage.Options{})
		if _, err := s.Put(b.Context(), storage.Finished, "a", bytes.NewReader(make([]byte, size)), storage.PutOptions{Size: int64(size)}); err != nil {
			b.Fatal(err)
		}
		for name, part := range map[string]storage.Part{"whole": {}, "part": {Length: int64(size - 1)}} {
			b.Run(fmt.Sprintf("%dKiB/%s", size>>10, name), func(b *testing.B) {
				to := sink(b)
				b.SetBytes(int64(size))
				for b.Loop() {
					obj, err := s.Get(b.Context(), storage.Finished, "a", part)
					if err == nil {
						_, err = io.Copy(to, obj.Body)
						obj.Body.Close()
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// sink is a connection to somebody who throws everything away.
func sink(b *testing.B) net.Conn {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.Copy(io.Discard, c)
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

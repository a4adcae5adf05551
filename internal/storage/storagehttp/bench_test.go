package storagehttp_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/storage/storagehttp"
)

// BenchmarkGet measures 64 MiB over the wire: as any client gets them, which
// is sendfile's speed, and checked against their digest.
func BenchmarkGet(b *testing.B) {
	const size = 64 << 20
	server := serve(b, engine(b, b.TempDir(), filestorage.Options{}), storagehttp.Options{})
	s := client(b, server)
	put(b, s, "a", strings.Repeat("x", size))
	for name, get := range map[string]func() (io.ReadCloser, error){
		"plain": func() (io.ReadCloser, error) {
			resp, err := http.Get(server.URL + "/images/finished/a")
			return resp.Body, err
		},
		"checked": func() (io.ReadCloser, error) {
			obj, err := s.Get(b.Context(), storage.Finished, "a", storage.Part{})
			return obj.Body, err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for range b.N {
				body, err := get()
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, body); n != size || err != nil {
					b.Fatal(n, err)
				}
				body.Close()
			}
		})
	}
}

// BenchmarkPut measures 64 MiB over the wire onto the disk.
func BenchmarkPut(b *testing.B) {
	const size = 64 << 20
	s := client(b, serve(b, engine(b, b.TempDir(), filestorage.Options{}), storagehttp.Options{}))
	data := strings.Repeat("x", size)
	b.SetBytes(size)
	for range b.N {
		put(b, s, "a", data)
	}
}

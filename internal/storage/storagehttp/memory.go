package storagehttp

import (
	"io"
	"net/http"
	"os"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/storage"
)

// errAway is the answer to memory that was offered in vain: the bytes are to come
// by the connection.
var errAway = fault.New(fault.Unprocessable, "memory-away", "the memory that was offered is out of reach")

// leastMemory is from how many bytes on it is worth a counter to hand memory over.
const leastMemory = 64 << 10

// brought gives the caller the memory in which the image lies, and the word to ask for
// it, or none if it could not.
func brought(r *http.Request, obj storage.Object) (word string) {
	at := r.Header.Get(HeaderMemory)
	if at == "" || obj.Size < leastMemory {
		return ""
	}
	host, err := call(at, os.Geteuid())
	if err != nil {
		return ""
	}
	defer host.Close()
	memory := storage.MemoryOf(obj.Body)
	if memory == nil {
		return ""
	}
	defer memory.Close()
	if word, err = host.bring(memory); err != nil {
		return ""
	}
	return word
}

// body is what a Put brings, by the connection or as memory, and its size.
func (h *handler) body(w http.ResponseWriter, r *http.Request) (io.ReadCloser, int64, error) {
	at := r.Header.Get(HeaderMemory)
	if at == "" {
		return io.NopCloser(httpx.Body(w, r, h.opts.MaxBytes, h.opts.Idle)), r.ContentLength, nil
	}
	memory, err := fetch(at)
	if err != nil {
		return nil, 0, errAway.Because(err)
	}
	info, err := memory.Stat()
	if err == nil && h.opts.MaxBytes > 0 && info.Size() > h.opts.MaxBytes {
		err = fault.ErrTooLarge.Detailf("the image has more than %d bytes", h.opts.MaxBytes)
	}
	if err != nil {
		memory.Close()
		return nil, 0, err
	}
	return storage.SealedBody(memory, info.Size()), info.Size(), nil
}

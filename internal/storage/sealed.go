package storage

import (
	"io"
	"os"
)

// Sealed is implemented by readers whose bytes may lie in memory that can never
// change again (memfd_create(2), with its seals). Whoever takes the memory
// instead of reading saves a copy: the body of an Object, the r of a Put.
type Sealed interface {
	io.Reader

	// Memory is all the bytes as a file of its own, at its start, whatever was
	// read before. It is nil when they do not lie in such memory: then they are to
	// be read. The caller closes it.
	Memory() *os.File
}

// MemoryOf is the memory in which r's bytes lie, or nil.
func MemoryOf(r io.Reader) *os.File {
	if s, ok := r.(Sealed); ok {
		return s.Memory()
	}
	return nil
}

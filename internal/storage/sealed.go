package storage

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
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

// SealedBody reads sealed memory of so many bytes, from where it stands, as the
// body of an Object. The memory is the body's from then on.
func SealedBody(memory *os.File, size int64) io.ReadCloser {
	return &sealedBody{memory, io.LimitedReader{R: memory, N: size}}
}

type sealedBody struct {
	memory *os.File
	rest   io.LimitedReader
}

// Read implements io.Reader.
func (b *sealedBody) Read(p []byte) (int, error) {
	n, err := b.rest.Read(p)
	if errors.Is(err, io.EOF) {
		err = b.end()
	}
	return n, err
}

// WriteTo implements io.WriterTo: a limited *os.File goes out by sendfile.
func (b *sealedBody) WriteTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, &b.rest)
	if err == nil && b.rest.N > 0 {
		err = b.end()
	}
	return n, err
}

// end is io.EOF only when all bytes have come: who passed the memory can move the
// position in it still.
func (b *sealedBody) end() error {
	if b.rest.N > 0 {
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}

// Memory implements Sealed.
func (b *sealedBody) Memory() *os.File { return Reopen(b.memory) }

// Close implements io.Closer.
func (b *sealedBody) Close() error { return b.memory.Close() }

var _ Sealed = (*sealedBody)(nil)

// Reopen gives memory with a position of its own, which nobody else can move, or
// nil where there is no /proc.
func Reopen(memory *os.File) *os.File {
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", memory.Fd()))
	if err != nil {
		return nil
	}
	return f
}

const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW

// Seal makes memory immutable, for this process and every other, unless it is.
func Seal(memory *os.File) error {
	if IsSealed(memory) {
		return nil
	}
	if _, err := fcntl(memory, unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("seal memory: %w", err)
	}
	return nil
}

// IsSealed says whether memory can never change. Other files can.
func IsSealed(memory *os.File) bool {
	has, err := fcntl(memory, unix.F_GET_SEALS, 0)
	return err == nil && has&seals == seals
}

func fcntl(f *os.File, cmd, arg int) (n int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	if closed := raw.Control(func(fd uintptr) { n, err = unix.FcntlInt(fd, cmd, arg) }); closed != nil {
		return 0, closed
	}
	return n, err
}

package engine

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"minilab/internal/fault"
	"minilab/internal/storage"
)

// Buffer holds bytes in memory outside the heap, in a file without a name that
// can be handed to another process and sent by the kernel. It takes up to its
// limit and, once sealed, can never change again. It is not safe for use by
// several goroutines while it is written.
type Buffer struct {
	file *os.File
	max  int64
	size int64
}

// bufferPrefix is what the names of all buffers begin with.
const bufferPrefix = "minilab-"

// NewBuffer makes an empty buffer for up to max bytes. The name is for people
// who look at the process.
func NewBuffer(name string, max int64) (*Buffer, error) {
	fd, err := unix.MemfdCreate(bufferPrefix+name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("engine: make a buffer: %w", err)
	}
	return &Buffer{file: os.NewFile(uintptr(fd), name), max: max}, nil
}

// Write implements io.Writer. What goes over the limit is fault.ErrTooLarge.
func (b *Buffer) Write(p []byte) (int, error) {
	if int64(len(p)) > b.max-b.size {
		return 0, b.tooLarge()
	}
	n, err := b.file.Write(p)
	b.size += int64(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom. What goes over the limit is
// fault.ErrTooLarge. A part of a file, as an io.LimitedReader, is copied by the
// kernel.
func (b *Buffer) ReadFrom(r io.Reader) (int64, error) {
	n, err := b.fill(r, b.max-b.size)
	b.size += n
	if err == nil && b.size == b.max {
		var more [1]byte
		if _, err := io.ReadFull(r, more[:]); err == nil {
			return n, b.tooLarge()
		} else if err != io.EOF {
			return n, err
		}
	}
	return n, err
}

func (b *Buffer) tooLarge() error {
	return fault.ErrTooLarge.Detailf("the data is larger than the %d bytes that are allowed", b.max)
}

// Size is the number of bytes.
func (b *Buffer) Size() int64 { return b.size }

// Seal makes the buffer immutable, for this process and every other. Sealing
// again does nothing.
func (b *Buffer) Seal() error {
	if err := storage.Seal(b.file); err != nil {
		return fmt.Errorf("engine: seal a buffer: %w", err)
	}
	return nil
}

// Sealed makes a buffer of memory that is sealed, which is the buffer's from then
// on, also after an error.
func Sealed(memory *os.File) (*Buffer, error) {
	b := &Buffer{file: memory}
	info, err := memory.Stat()
	if err == nil && !storage.IsSealed(b.file) {
		err = errors.New("it may change")
	}
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("engine: make a buffer of memory: %w", err)
	}
	b.size, b.max = info.Size(), info.Size()
	return b, nil
}

// Reader reads the bytes from the start. Any number may be in use at once,
// until the buffer is closed.
func (b *Buffer) Reader() *Reader {
	return &Reader{io.NewSectionReader(b.file, 0, b.size), b}
}

// Reader reads a buffer.
type Reader struct {
	*io.SectionReader
	buffer *Buffer
}

// Memory implements storage.Sealed: it is nil before the buffer is sealed.
func (r *Reader) Memory() *os.File {
	if !storage.IsSealed(r.buffer.file) {
		return nil
	}
	f, err := r.buffer.Open()
	if err != nil {
		return nil
	}
	return f
}

// Open returns a file with a position of its own that reads the bytes from the
// start; the kernel can send it to a socket by itself. The caller closes it. It
// stays good when the buffer is closed.
func (b *Buffer) Open() (*os.File, error) {
	var f *os.File
	err := control(b.file, func(fd int) (err error) {
		f, err = os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("engine: open a buffer: %w", err)
	}
	return f, nil
}

// Close frees the memory once nobody else has the buffer.
func (b *Buffer) Close() error { return b.file.Close() }

// adopt takes over what another process has written, which must be of the
// given size.
func (b *Buffer) adopt(size int64) error {
	info, err := b.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() != size || size > b.max {
		return fmt.Errorf("engine: %d bytes were written, %d announced, %d allowed", info.Size(), size, b.max)
	}
	b.size = size
	return nil
}

// taken is how much memory the buffer takes, whoever has written to it.
func (b *Buffer) taken() (bytes int64) {
	_ = control(b.file, func(fd int) error {
		var st unix.Stat_t
		err := unix.Fstat(fd, &st)
		bytes = st.Blocks * 512
		return err
	})
	return bytes
}

// control runs f on the file's descriptor, which stays open meanwhile.
func control(file *os.File, f func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

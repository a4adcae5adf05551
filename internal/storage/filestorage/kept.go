package filestorage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
)

// What is kept in memory is written to the file in large pieces. A slow caller
// holds one as long as it sends, so there are only so many at once.
const (
	pieceSize = 512 << 10
	pieceMost = 32
)

var (
	pieces     = sync.Pool{New: func() any { return new([pieceSize]byte) }}
	pieceTurns = make(chan struct{}, pieceMost)
)

// remember finds memory that keeps the bytes besides the file: the one in which
// they lie already, or an empty one and a piece to read into, or none.
func (d *draft) remember(r io.Reader, size int64) error {
	if !d.folder.recent.reserve(size) {
		return nil
	}
	d.reserved = size
	if m := storage.MemoryOf(r); m != nil {
		if info, err := m.Stat(); err == nil && info.Size() == size && storage.IsSealed(m) {
			d.memory = m
			return nil
		}
		m.Close() // what is wrong with it shows when it is read
	}
	select {
	case pieceTurns <- struct{}{}:
	default:
		d.lose()
		return nil
	}
	d.piece = pieces.Get().(*[pieceSize]byte)
	var err error
	d.memory, err = newMemory()
	return err
}

// adopt takes in memory that was given, which is mapped, and not copied.
func (d *draft) adopt(ctx context.Context, size int64) error {
	data, err := unix.Mmap(int(d.memory.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("storage: map memory: %w", err)
	}
	for at := 0; at < len(data) && err == nil; at += pieceSize {
		p := data[at:min(at+pieceSize, len(data))]
		d.digest.Write(p)
		d.size += int64(len(p))
		err = context.Cause(ctx)
	}
	if err == nil {
		err = diskFault(d.write(data))
	}
	return errors.Join(err, unix.Munmap(data))
}

// keep leaves the memory to those who read what was published under that name.
// Without it they read the file.
func (d *draft) keep(name string) {
	if d.memory == nil {
		return
	}
	if m, err := markOf(d.file); err == nil {
		d.folder.recent.keep(&keep{name: name, memory: d.memory, size: d.size, mark: m})
		d.memory, d.reserved = nil, 0
	}
}

// lose gives back what was taken to keep the bytes and does not keep them.
func (d *draft) lose() {
	if d.memory != nil {
		d.memory.Close()
	}
	if d.piece != nil {
		pieces.Put(d.piece)
		<-pieceTurns
	}
	if d.reserved > 0 {
		d.folder.recent.free(d.reserved)
	}
	d.memory, d.piece, d.reserved = nil, nil, 0
}

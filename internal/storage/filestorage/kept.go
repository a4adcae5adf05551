package filestorage

import (
	"context"
	"io"
	"sync"

	"minilab/internal/storage"
)

// remember finds memory that keeps the bytes besides the file: the one in which
// they lie already, which is given, or an empty one, or none.
func (d *draft) remember(r io.Reader, size int64) (given bool, err error) {
	if !d.folder.recent.reserve(size) {
		return false, nil
	}
	d.reserved = size
	if m := storage.MemoryOf(r); m != nil {
		if info, err := m.Stat(); err == nil && info.Size() == size && isSealed(m) {
			d.memory, d.size = m, size
			return true, nil
		}
		m.Close() // what is wrong with it shows when it is read
	}
	d.memory, err = newMemory()
	return false, err
}

// pieces are what bytes pass through on their way from memory to the file.
var pieces = sync.Pool{New: func() any { return new([1 << 20]byte) }}

// pour writes to the file what is only in memory so far. What was given is
// hashed on the way.
func (d *draft) pour(ctx context.Context, given bool) error {
	piece := pieces.Get().(*[1 << 20]byte)
	defer pieces.Put(piece)
	for at := int64(0); at < d.size; at += int64(len(piece)) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p := piece[:min(int64(len(piece)), d.size-at)]
		if _, err := d.memory.ReadAt(p, at); err != nil {
			return err
		}
		if given {
			d.digest.Write(p)
		}
		if err := writeDirect(d.file, p); err != nil {
			return diskFault(err)
		}
	}
	return nil
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

// lose gives the memory back that is not kept.
func (d *draft) lose() {
	if d.memory != nil {
		d.memory.Close()
	}
	if d.reserved > 0 {
		d.folder.recent.free(d.reserved)
	}
	d.memory, d.reserved = nil, 0
}

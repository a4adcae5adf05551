package filestorage

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// block is what direct writes are a multiple of, on every disk that is known.
const block = 4096

// writeDirect appends data past the page cache: it is in memory already, and to
// find and fill pages for a second copy costs more than the disk does. What is
// left of the last block goes the ordinary way, and so does all of it where the
// file system refuses, as it does unless data begins on a page of its own: all
// large arrays do.
func writeDirect(f *os.File, data []byte) error {
	whole := len(data) &^ (block - 1)
	if whole > 0 && setDirect(f, true) == nil {
		n, err := f.Write(data[:whole])
		data = data[n:]
		if back := setDirect(f, false); back != nil {
			return back
		}
		if err != nil && !errors.Is(err, unix.EINVAL) {
			return err
		}
	}
	_, err := f.Write(data)
	return err
}

func setDirect(f *os.File, on bool) error {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return err
	}
	if flags &^= unix.O_DIRECT; on {
		flags |= unix.O_DIRECT
	}
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags)
	return err
}

// takesDirect says whether a file's file system takes direct writes.
func takesDirect(f *os.File) bool {
	page, err := unix.Mmap(-1, 0, block, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Munmap(page) }() // it was mapped just now
	if setDirect(f, true) != nil {
		return false
	}
	_, err = f.Write(page)
	return errors.Join(err, setDirect(f, false)) == nil
}

package develop

import (
	"fmt"

	"golang.org/x/sys/unix"

	"minilab/internal/vips"
)

// WarmUp writes and reads a tiny image in every format. What the library loads
// for that it loads now, while it still can, and a format that it was built
// without is found out. It returns the content types of those that work; the
// others are not told from unknown ones from then on.
func WarmUp() ([]string, error) {
	if err := vips.Init(); err != nil {
		return nil, err
	}
	var types []string
	var working []format
	var failed error
	for _, f := range formats {
		if err := f.try(); err != nil {
			failed = fmt.Errorf("develop: try %s: %w", f.name, err)
			continue
		}
		working = append(working, f)
		types = append(types, f.contentType)
	}
	if len(working) == 0 {
		return nil, failed
	}
	formats = working
	return types, nil
}

func (f *format) try() error {
	const size, enough = 16, 1 << 20
	image, err := vips.Black(size, size, 3)
	if err != nil {
		return err
	}
	defer image.Close()
	fd, err := unix.MemfdCreate("warm-up", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if f.encode != nil {
		err = f.encode(image, fd, enough, nil)
	} else {
		err = image.Save(f.saver, fd, enough, f.fastest)
	}
	if err != nil {
		return err
	}
	data := make([]byte, enough)
	n, err := unix.Pread(fd, data, 0)
	if err != nil {
		return err
	}
	back, err := vips.Load(f.loader, data[:n], nil)
	if err != nil {
		return err
	}
	defer back.Close()
	return back.Drain()
}

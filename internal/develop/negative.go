package develop

import (
	"errors"
	"slices"
	"syscall"

	"minilab/internal/engine/wire"
	"minilab/internal/imagehead"
	"minilab/internal/vips"
)

// negative is the image that came in, its header read and found small enough.
type negative struct {
	format *format
	data   []byte
	image  *vips.Image // all pages, one above the other
	pages  int
}

// open reads the header, judges the size, and prepares to decode all pages.
func open(f *format, data []byte, maxPixels int64) (*negative, error) {
	n := &negative{format: f, data: data, pages: 1}
	if f.refuse != nil {
		if err := f.refuse(data); err != nil {
			return nil, err
		}
	}
	if f.size != nil {
		if err := n.judge(maxPixels, f.size); err != nil {
			return nil, err
		}
	}
	first, err := n.load(1)
	if err != nil {
		return nil, err
	}
	if pages, ok := first.Int("n-pages"); ok && f.paged {
		n.pages = max(pages, 1)
	}
	err = n.judge(maxPixels, func([]byte) (int64, int64) { return int64(first.Width()), int64(first.Height()) })
	if err == nil && n.pages == 1 {
		n.image = first
		return n, nil
	}
	first.Close()
	if err != nil {
		return nil, err
	}
	n.image, err = n.load(-1)
	return n, err
}

// judge compares a size of one page with what is allowed for all.
func (n *negative) judge(maxPixels int64, size func(data []byte) (width, height int64)) error {
	width, height := size(n.data) // each below 2^32
	switch {
	case max(width, height) > imagehead.MaxSide:
		return wire.ErrTooManyPixels.Detailf("the image has %d x %d pixels, more than the %d that are allowed on a side",
			width, height, imagehead.MaxSide)
	case n.pages > imagehead.MaxFrames:
		return wire.ErrTooManyPixels.Detailf("the image has %d frames or pages, more than the %d that are allowed",
			n.pages, imagehead.MaxFrames)
	case uint64(width)*uint64(height) <= uint64(maxPixels/int64(n.pages)):
		return nil
	}
	return wire.ErrTooManyPixels.Detailf("the image has %d x %d pixels on %d page(s), more than the %d that are allowed",
		width, height, n.pages, maxPixels)
}

func (n *negative) load(pages int) (*vips.Image, error) {
	options := vips.Options{"access": "sequential", "fail_on": "error"}
	if n.format.paged {
		options["n"] = pages
	}
	if n.format.end != nil {
		image, err := vips.LoadWatched(n.format.loader, n.data, n.format.end(n.data), options)
		return image, n.broken(err)
	}
	image, err := vips.Load(n.format.loader, n.data, options)
	return image, n.broken(err)
}

func (n *negative) facts() wire.Facts {
	f := wire.Facts{
		Format: n.format.name,
		Width:  n.image.Width(),
		Height: n.image.Height() / n.pages,
		Pages:  n.pages,
		Bits:   n.bits(),
		Bands:  n.image.Bands(),
	}
	if n.format.name == "jpeg" {
		f.Quality = readJPEG(n.data).quality()
	}
	return f
}

// bits is the depth of a channel, which may be less than it takes in memory.
func (n *negative) bits() int {
	if b, ok := n.image.Int("bits-per-sample"); ok {
		return b
	}
	if b, ok := n.image.Int("heif-bitdepth"); ok {
		return b
	}
	return n.image.Bits()
}

// grey says that there is no colour to reorder.
func (n *negative) grey() bool { return n.image.Bands() < 3 }

// rgb is the image in red, green and blue, at its depth. Print colours are
// converted through their profile, or a common one where the image has none.
func (n *negative) rgb() (*vips.Image, error) {
	space := n.image.Interpretation()
	if slices.Contains([]string{"srgb", "rgb", "rgb16", "scrgb", "multiband"}, space) {
		return n.image.Call("copy", nil)
	}
	depth, target := 8, "srgb"
	if n.image.Bits() > 8 {
		depth, target = 16, "rgb16"
	}
	if space == "cmyk" {
		return n.image.Call("icc_transform", vips.Options{
			"output_profile": "srgb", "embedded": true, "input_profile": "cmyk", "intent": "relative", "depth": depth,
		})
	}
	return n.image.Call("colourspace", vips.Options{"space": target})
}

func (n *negative) recolour(o order) ([]byte, error) {
	if n.format.recolour == nil {
		return nil, errNoTable
	}
	return n.format.recolour(n.data, o)
}

func (n *negative) save(image *vips.Image, job Job) error {
	if n.format.encode != nil {
		return n.format.encode(image, job.Output, job.MaxOutput, n.data)
	}
	err := image.Save(n.format.saver, job.Output, job.MaxOutput, n.format.save(n))
	if err != nil || n.format.retouch == nil {
		return err
	}
	return n.format.retouch(n, job.Output)
}

// whole finds out, once every pixel has been decoded, whether they all came
// from the file. It asks again, and more closely, only where the decoder warned
// or did not need all of the data.
func (n *negative) whole() error {
	if n.format.check == nil || len(vips.Warnings()) == 0 && n.image.Read() >= n.format.end(n.data) {
		return nil
	}
	return n.format.check(n.data)
}

// writeAll writes data to the start of an empty file.
func writeAll(fd int, data []byte) error {
	for at := 0; at < len(data); {
		w, err := syscall.Pwrite(fd, data[at:], int64(at))
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		at += w
	}
	return nil
}

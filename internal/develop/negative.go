package develop

import (
	"errors"
	"slices"
	"sync"
	"syscall"

	"minilab/internal/darkroom"
	"minilab/internal/engine/wire"
	"minilab/internal/imagehead"
	"minilab/internal/vips"
)

// negative is the image that came in, its header read and found small enough.
type negative struct {
	format *format
	data   []byte
	image  *vips.Image // all pages that are wanted, one above the other
	pages  int         // so many
	total  int         // pages that there are
	end    func() int  // where the data ends; see format.end
	by     int         // how many times smaller it is decoded; 0: not
	cut    bool        // operations may leave some of the pixels out
	wish   wish
}

// open reads the header, judges the size, and prepares to decode what is wanted.
func open(f *format, data []byte, l Limits, w wish) (*negative, error) {
	n := &negative{format: f, data: data, pages: 1, total: 1, wish: w}
	if err := f.judge(data, w); err != nil {
		return nil, err
	}
	if f.size != nil {
		if err := n.judge(l, f.size); err != nil {
			return nil, err
		}
	}
	if f.count != nil {
		if err := n.tooMany(f.count(data), l); err != nil {
			return nil, err
		}
	}
	first, err := n.load(1, 1)
	if err != nil {
		return nil, err
	}
	there := 1
	if pages, ok := first.Int("n-pages"); ok && f.paged {
		there = max(pages, 1)
	}
	if err := n.count(there, l); err != nil {
		first.Close()
		return nil, err
	}
	err = n.judge(l, func([]byte) (int64, int64) { return int64(first.Width()), int64(first.Height()) })
	if err == nil && n.pages == 1 && w.pages.from <= 1 {
		n.image = first
		return n, nil
	}
	first.Close()
	if err != nil {
		return nil, err
	}
	n.image, err = n.load(max(w.pages.from, 1), n.pages)
	return n, err
}

// timing leaves the delays of those frames that were taken.
func (n *negative) timing(image *vips.Image) {
	delays := image.Ints("delay")
	if from := max(n.wish.pages.from, 1); n.pages > 1 && len(delays) >= from-1+n.pages {
		image.SetInts("delay", delays[from-1:from-1+n.pages])
	}
}

// tooMany is the error of more pages than are allowed.
func (n *negative) tooMany(there int, l Limits) error {
	most := l.MaxFrames
	if n.format.name == "tiff" {
		most = l.MaxPages
	}
	if there <= most {
		return nil
	}
	return wire.ErrTooManyPixels.Detailf("the image has %d %s, more than the %d that are allowed", there, n.format.parts(), most)
}

// judge refuses what must not be decoded, or not in this way. What is broken may
// be taken as far as it goes.
func (f *format) judge(data []byte, w wish) error {
	if f.bound != nil {
		if err := f.bound(data); err != nil {
			return err
		}
	}
	if f.refuse == nil {
		return nil
	}
	if err := f.refuse(data); !w.partial || !errors.Is(err, wire.ErrBroken) {
		return err
	}
	return nil
}

// count judges how many pages there are and finds out how many are wanted.
func (n *negative) count(there int, l Limits) error {
	if err := n.tooMany(there, l); err != nil {
		return err
	}
	n.total = there
	from, to := max(n.wish.pages.from, 1), n.wish.pages.to
	if n.wish.pages == (pages{}) || to == 0 {
		to = there
	}
	if from > there {
		return wire.ErrNoPage.Detailf("the image has %d %s, so there is no number %d", there, n.format.parts(), from)
	}
	n.pages = min(to, there) - from + 1
	return nil
}

// judge compares a size of one page with what is allowed for all.
func (n *negative) judge(l Limits, size func(data []byte) (width, height int64)) error {
	width, height := size(n.data) // each below 2^32
	switch {
	case max(width, height) > imagehead.MaxSide:
		return wire.ErrTooManyPixels.Detailf("the image has %d x %d pixels, more than the %d that are allowed on a side",
			width, height, imagehead.MaxSide)
	case uint64(width)*uint64(height) <= uint64(l.MaxPixels/int64(n.pages)):
		return nil
	}
	return wire.ErrTooManyPixels.Detailf("the image has %d x %d pixels on %d page(s), more than the %d that are allowed",
		width, height, n.pages, l.MaxPixels)
}

// load prepares to decode so many pages from one on.
func (n *negative) load(from, pages int) (*vips.Image, error) {
	options := vips.Options{"access": "sequential", "fail_on": "error"}
	if n.wish.partial {
		options["fail_on"] = "none"
	}
	if n.format.paged {
		options["page"], options["n"] = from-1, pages
	}
	if n.by > 1 {
		options["shrink"] = n.by
	}
	if n.format.end != nil {
		if n.end == nil {
			n.end = sync.OnceValue(func() int { return n.format.end(n.data) }) // not each lane has to know
		}
		image, err := vips.LoadJPEG(n.data, n.end, options)
		return image, n.broken(err)
	}
	image, err := vips.Load(n.format.loader, n.data, options)
	return image, n.broken(err)
}

func (n *negative) close() { n.image.Close() }

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
	if space == "cmyk" {
		return n.image.Call("icc_transform", cmykToRGB(n.image.Bits()))
	}
	target := "srgb"
	if n.image.Bits() > 8 {
		target = "rgb16"
	}
	return n.image.Call("colourspace", vips.Options{"space": target})
}

// plain is the image as a sheet may be: grey or red, green and blue, of 8 or 16
// bits, with one channel of alpha at most.
func (n *negative) plain(tray *darkroom.Tray) (*vips.Image, error) {
	image, err := n.image.Call("copy", nil)
	if err != nil {
		return nil, err
	}
	tray.Keep(image)
	n.timing(image)
	for _, change := range n.changes() {
		if image, err = image.Call(change.operation, change.options); err != nil {
			return nil, err
		}
		tray.Keep(image)
	}
	return image, nil
}

type change struct {
	operation string
	options   vips.Options
}

// changes are what makes the image plain.
func (n *negative) changes() (list []change) {
	space, bits, bands := n.image.Interpretation(), n.image.Bits(), n.image.Bands()
	rgb, grey := "srgb", "b-w"
	if bits > 8 {
		rgb, grey = "rgb16", "grey16"
	}
	switch {
	case space == "cmyk":
		return []change{{"icc_transform", cmykToRGB(bits)}}
	case n.image.Float() || bits > 16 || !slices.Contains([]string{"srgb", "rgb", "rgb16", "b-w", "grey16", "multiband"}, space):
		if bands < 3 {
			rgb = grey
		}
		list = append(list, change{"colourspace", vips.Options{"space": rgb}})
	case bands < 3:
		list = append(list, change{"copy", vips.Options{"interpretation": grey}})
	default:
		list = append(list, change{"copy", vips.Options{"interpretation": rgb}})
	}
	if most := 4; bands > most {
		list = append(list, change{"extract_band", vips.Options{"band": 0, "n": most}})
	}
	return list
}

func cmykToRGB(bits int) vips.Options {
	depth := 8
	if bits > 8 {
		depth = 16
	}
	return vips.Options{"output_profile": "srgb", "embedded": true, "input_profile": "cmyk", "intent": "relative", "depth": depth}
}

func (n *negative) recolour(r recolouring) ([]byte, error) {
	if n.format.recolour == nil {
		return nil, errNoTable
	}
	return n.format.recolour(n.data, r)
}

// save writes the image in all the ways of the source.
func (n *negative) save(image *vips.Image, file int, limit int64) error {
	if n.format.encode != nil {
		return limited(n.format.encode(image, file, limit, n.data), limit)
	}
	err := image.Save(n.format.saver, file, limit, n.format.save(n))
	if err != nil || n.format.retouch == nil {
		return limited(err, limit)
	}
	return n.format.retouch(n, file)
}

func limited(err error, limit int64) error {
	if errors.Is(err, vips.ErrLimit) {
		return tooLarge(limit)
	}
	return err
}

// whole finds out, once every pixel that is wanted has been decoded, whether all
// that there are come from the file. It asks again, and more closely, only where
// the decoder warned or did not need all of the data.
func (n *negative) whole() error {
	switch {
	case n.wish.partial:
		return nil
	case n.format.check == nil:
		return n.rest()
	}
	if err := n.image.ReadOn(); err != nil {
		return err
	}
	if len(vips.Warnings()) == 0 && n.image.Read() >= n.end() {
		return nil
	}
	return n.format.check(n.data)
}

// rest decodes all of an image that operations may have left a part of unread,
// such as the rows below a crop. Other formats are decoded as a whole, or have a
// check of their own.
func (n *negative) rest() error {
	if n.format.name != "png" && n.format.name != "tiff" {
		return nil
	}
	if n.cut {
		if err := n.drainAnew(); err != nil {
			return err
		}
	}
	if n.format.name == "tiff" && len(vips.Warnings()) > 0 && readTIFF(n.data).tag(tiffTileWidth, 0) > 0 {
		return errTiles
	}
	return nil
}

// errTiles is an error because the library makes a tile black that it cannot
// decode, and goes on.
var errTiles = &vips.Error{Text: "the data of a tile is damaged"}

func (n *negative) drainAnew() error {
	all, err := n.load(max(n.wish.pages.from, 1), n.pages)
	if err != nil {
		return err
	}
	defer all.Close()
	return all.Drain()
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

package develop

import (
	"golang.org/x/sys/unix"

	"minilab/internal/darkroom"
	"minilab/internal/engine/wire"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// printer writes one sheet to one file.
type printer struct {
	n     *negative
	sheet *darkroom.Sheet
	file  int   // descriptor of an empty file
	limit int64 // bytes
}

// write writes the sheet: in the format that was chosen, else in the ways of
// the source as far as they still fit.
func (n *negative) write(s *darkroom.Sheet, step pipeline.Step, chosen bool, file int, limit int64) (wire.Output, error) {
	p := printer{n, s, file, limit}
	name := n.format.name
	if chosen {
		name = step.Op()
	}
	var err error
	switch {
	case chosen && name == "auto":
		name, err = p.auto(step)
	case chosen && step.Has("maxbytes"):
		err = p.search(step, int64(step.Int("maxbytes")))
	case chosen:
		err = p.print(step)
	default:
		err = p.asSource()
	}
	return wire.Output{ContentType: formatNamed(name).contentType, Width: p.sheet.Width(), Height: p.sheet.PageHeight(), Pages: p.sheet.Pages, Measured: s.Measured}, err
}

func formatNamed(name string) *format {
	for i, f := range formats {
		if f.name == name {
			return &formats[i]
		}
	}
	return &format{}
}

// print writes the sheet in the chosen format.
func (p *printer) print(step pipeline.Step) error {
	f := formatNamed(step.Op())
	if f.name == "" {
		return wire.ErrOperation.Detailf("%s cannot be written by this engine", step.Op())
	}
	if err := p.sheet.Upright(); err != nil {
		return err
	}
	if err := p.fitPages(f.name); err != nil {
		return err
	}
	if err := p.fits(f); err != nil {
		return err
	}
	image, err := p.finish(f.name)
	if err != nil {
		return err
	}
	defer image.Close()
	if f.name == "jpeg" {
		return limited(chosenJPEG(image, step, p.file, p.limit), p.limit)
	}
	options := p.keep(writers[f.name](p.sheet, step))
	return limited(image.Save(f.saver, p.file, p.limit, options), p.limit)
}

// asSource writes the sheet in all the ways of the source that still fit.
func (p *printer) asSource() error {
	if p.sheet.Strip.All {
		if err := p.sheet.Upright(); err != nil { // the orientation goes with the rest
			return err
		}
	}
	f := p.n.format
	if err := p.fits(f); err != nil {
		return err
	}
	image, err := p.finish(f.name)
	if err != nil {
		return err
	}
	defer image.Close()
	if f.name == "jpeg" {
		return limited(sourceJPEG(image, p.n.data, p.file, p.limit), p.limit)
	}
	options := p.keep(f.save(p.n))
	if options["predictor"] == "float" { // sheets have whole numbers
		options["predictor"] = "horizontal"
	}
	if options["compression"] == "jpeg" && image.Bits() > 8 {
		options["compression"] = "deflate"
	}
	err = limited(image.Save(f.saver, p.file, p.limit, options), p.limit)
	if err != nil || f.retouch == nil {
		return err
	}
	return f.retouch(p.n, p.file)
}

// sides are the longest that formats have, in pixels; the others have all that
// an image may have here.
var sides = map[string]int{"jpeg": 65500, "webp": 16383, "avif": 16384, "gif": 65535}

// fits judges whether the format has images of that size.
func (p *printer) fits(f *format) error {
	most, ok := sides[f.name]
	if width, height := p.sheet.Width(), p.sheet.PageHeight(); ok && max(width, height) > most {
		return wire.ErrOutputTooLarge.Detailf("the result would have %d x %d pixels, and a %s has at most %d on a side", width, height, f.title, most)
	}
	return nil
}

// finish is the image as it is to be written, with its metadata in order.
func (p *printer) finish(format string) (*vips.Image, error) {
	if err := p.colours(format); err != nil {
		return nil, err
	}
	image, err := p.sheet.Call("copy", nil)
	if err != nil {
		return nil, err
	}
	tidy(image, p.sheet)
	return image, nil
}

// fitPages leaves the first page where the format has but one, and of a document
// that becomes an animation.
func (p *printer) fitPages(format string) error {
	several := format == "gif" || format == "webp" || format == "tiff"
	document := p.n.format.name == "tiff" && format != "tiff"
	if p.sheet.Pages > 1 && (!several || document) {
		return p.sheet.First()
	}
	return nil
}

// colours converts to sRGB what would lose its profile.
func (p *printer) colours(format string) error {
	strip := p.sheet.Strip
	stays := (!strip.All || strip.KeepICC) && p.holdsProfile(format)
	if stays || p.sheet.Blob(iccField) == nil {
		return nil
	}
	return p.sheet.Apply(toSRGB[0])
}

// holdsProfile says that the format has a place for the sheet's profile. One of
// grey does not fit to what has become red, green and blue.
func (p *printer) holdsProfile(format string) bool {
	switch format {
	case "gif":
		return false
	case "webp", "avif":
		return p.sheet.Bands() >= 3
	case "jpeg":
		return p.sheet.Bands() != 2
	}
	return true
}

var toSRGB = must(pipeline.Parse("profile:srgb"))

func must(p pipeline.Pipeline, err error) pipeline.Pipeline {
	if err != nil {
		panic(err)
	}
	return p
}

// copyFile writes what is in one file to another, empty one.
func copyFile(to, from int) error {
	data, err := readAll(from)
	if err != nil {
		return err
	}
	return writeAll(to, data)
}

func readAll(fd int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	data := make([]byte, st.Size)
	for at := 0; at < len(data); {
		n, err := unix.Pread(fd, data[at:], int64(at))
		if err != nil || n == 0 {
			return nil, err
		}
		at += n
	}
	return data, nil
}

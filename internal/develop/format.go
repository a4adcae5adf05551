package develop

import (
	"bytes"
	"errors"
	"slices"

	"minilab/internal/engine/wire"
	"minilab/internal/vips"
)

// format is one of the image formats that are read and written.
type format struct {
	name, title string
	contentType string
	loader      string
	saver       string
	paged       bool // may hold several pages or frames
	matches     func(data []byte) bool
	bound       func(data []byte) error                          // refuses what is made to keep a decoder busy; nil: nothing of the kind is known
	refuse      func(data []byte) error                          // nil: nothing that would be lost is known of
	size        func(data []byte) (width, height int64)          // nil: sizes are small enough for the library to tell
	count       func(data []byte) int                            // of pages; nil: the library tells soon enough
	recolour    func(data []byte, r recolouring) ([]byte, error) // nil: has no table of colours
	save        func(n *negative) vips.Options
	fastest     vips.Options // to save a trial image with

	// What the saver does not write, once it has; nil for most.
	retouch func(n *negative, output int) error

	// Of a format whose decoder makes pixels up where data is missing: where the
	// data ends, and whether it is whole. Nil for others.
	end   func(data []byte) int
	check func(data []byte) error

	// Instead of a saver of the library; source may be empty.
	encode func(image *vips.Image, fd int, limit int64, source []byte) error
}

var (
	errNoTable = errors.New("develop: the colours are not in a table")
	errCut     = &vips.Error{Text: "the data ends too early"}
)

var formats = []format{
	{
		name: "jpeg", title: "JPEG", contentType: "image/jpeg",
		loader:  "jpegload_source",
		matches: starts("\xff\xd8\xff"),
		encode:  encodeJPEG,
		end:     endJPEG,
		bound:   boundJPEG,
		check:   vips.CheckJPEG,
	},
	{
		name: "png", title: "PNG", contentType: "image/png",
		loader: "pngload_source", saver: "pngsave_target",
		matches:  starts("\x89PNG\r\n\x1a\n"),
		refuse:   refusePNG,
		size:     sizePNG,
		recolour: recolourPNG,
		save:     savePNG,
	},
	{
		name: "webp", title: "WebP", contentType: "image/webp", paged: true,
		loader: "webpload_source", saver: "webpsave_target",
		matches: func(data []byte) bool {
			return len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP"
		},
		bound: boundWebP,
		save:  saveWebP,
	},
	{
		name: "gif", title: "GIF", contentType: "image/gif", paged: true,
		loader: "gifload_source", saver: "gifsave_target",
		matches:  starts("GIF87a", "GIF89a"),
		recolour: recolourGIF,
		save:     saveGIF,
	},
	{
		name: "tiff", title: "TIFF", contentType: "image/tiff", paged: true,
		loader: "tiffload_source", saver: "tiffsave_target",
		matches: starts("II*\x00", "MM\x00*", "II+\x00", "MM\x00+"),
		bound:   boundTIFF,
		refuse:  refuseTIFF,
		size:    sizeTIFF,
		count:   countTIFF,
		save:    saveTIFF,
	},
	{
		name: "avif", title: "AVIF", contentType: "image/avif", paged: true,
		loader: "heifload_source", saver: "heifsave_target",
		matches: isAVIF,
		refuse:  refuseAVIF,
		save:    saveAVIF,
		retouch: labelAVIF,
		fastest: vips.Options{"compression": "av1", "effort": 0},
	},
}

// parts is what the pages of a format are called.
func (f *format) parts() string {
	if f.name == "tiff" {
		return "pages"
	}
	return "frames"
}

func starts(magics ...string) func([]byte) bool {
	return func(data []byte) bool {
		return slices.ContainsFunc(magics, func(m string) bool { return bytes.HasPrefix(data, []byte(m)) })
	}
}

// isAVIF looks for an AVIF brand in the file type box, the first one of a HEIF
// file. HEIF files of other brands hold HEVC, which is not read here.
func isAVIF(data []byte) bool {
	if len(data) < 16 || string(data[4:8]) != "ftyp" {
		return false
	}
	size := min(int(data[2])<<8|int(data[3]), len(data))
	for at := 8; at+4 <= size; at += 4 {
		if brand := string(data[at : at+4]); at != 12 && (brand == "avif" || brand == "avis") {
			return true
		}
	}
	return false
}

// sniff tells the format by the first bytes; names and declared types are not
// asked.
func sniff(data []byte) (*format, error) {
	if len(data) == 0 {
		return nil, wire.ErrNotImage.Detailf("the file is empty")
	}
	i := slices.IndexFunc(formats, func(f format) bool { return f.matches(data) })
	if i < 0 {
		return nil, wire.ErrNotImage.Detailf("this is not a JPEG, PNG, WebP, GIF, TIFF or AVIF image")
	}
	return &formats[i], nil
}

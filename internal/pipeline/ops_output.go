package pipeline

import (
	"fmt"
	"slices"
	"strings"
)

// outputOps choose what is written. The formats stand last.
var outputOps = []Op{
	{
		Name: "strip", Group: Output,
		Summary: "Removes what the file says about the picture: Exif, GPS, XMP, IPTC, comments, previews. Colours stay right: without a profile the pixels are converted to sRGB.",
		Params: []Param{
			{Name: "what", Kind: Choice, Default: "all", Choices: []string{"all", "gps"}, Doc: "All of it, or only where the picture was taken."},
			{Name: "copyright", Kind: Flag, Default: "false", Doc: "Keeps the copyright and the artist."},
			{Name: "icc", Kind: Flag, Default: "false", Doc: "Keeps the colour profile."},
		},
		Example: "strip",
	},
	{
		Name: "facts", Group: Output,
		Summary: "Measures the image at this place of the pipeline; the task's facts tell what was found. Without a name, everything.",
		Params: []Param{
			{Name: "blurhash", Kind: Flag, Default: "false", Doc: "BlurHash, a blurred preview in some 30 characters."},
			{Name: "thumbhash", Kind: Flag, Default: "false", Doc: "ThumbHash, a preview in some 28 bytes of base64."},
			{Name: "phash", Kind: Flag, Default: "false", Doc: "Perceptual hash, 64 bits in hexadecimal; similar images differ in few bits."},
			{Name: "colours", Kind: Flag, Default: "false", Doc: "The dominant colours and their shares."},
		},
		Example: "facts",
	},
	{
		Name: "jpeg", Group: Output, place: last,
		Summary: "Writes a JPEG.",
		Params: []Param{
			quality("80"),
			{Name: "progressive", Kind: Flag, Default: "false", Doc: "Shows a coarse image first."},
			sampling("auto", "444", "422", "440", "420"),
			maxBytes(),
			{Name: "background", Kind: Colours, Default: "ffffff", Doc: "Behind what is transparent."},
		},
		Example: "jpeg:60",
	},
	{
		Name: "webp", Group: Output, place: last,
		Summary: "Writes a WebP.",
		Params: []Param{
			quality("80"), lossless(), effort("4", 0, 6), maxBytes(),
		},
		Example: "webp:60",
	},
	{
		Name: "avif", Group: Output, place: last,
		Summary: "Writes an AVIF.",
		Params: []Param{
			quality("55"), lossless(), effort("1", 0, 9), sampling("auto", "444", "420"), maxBytes(),
		},
		Example: "avif:50",
	},
	{
		Name: "png", Group: Output, place: last,
		Summary: "Writes a PNG.",
		Params: []Param{
			{Name: "quality", Kind: Integer, Default: "100", Min: 1, Max: 100, Doc: "100: every colour is kept; below: at most 256 colours, so well chosen."},
			{Name: "progressive", Kind: Flag, Default: "false", Doc: "Shows a coarse image first (Adam7)."},
			effort("4", 0, 9),
		},
		Example: "png:70",
	},
	{
		Name: "gif", Group: Output, place: last,
		Summary: "Writes a GIF.",
		Params: []Param{
			{Name: "quality", Kind: Integer, Default: "100", Min: 1, Max: 100, Doc: "100: 256 colours; fewer for less, down to 2."},
			{Name: "dither", Kind: Number, Default: "1", Min: 0, Max: 1, Doc: "How much missing colours are mixed from dots of others."},
			effort("3", 1, 10),
		},
		Example: "gif:30",
	},
	{
		Name: "tiff", Group: Output, place: last,
		Summary: "Writes a TIFF. The library has no way to put Exif into one: copyright and artist are lost.",
		Params: []Param{
			quality("90"),
			{Name: "compression", Kind: Choice, Default: "deflate", Choices: []string{"deflate", "lzw", "packbits", "jpeg", "none"},
				Doc: "Only jpeg loses something, by the quality."},
		},
		Example: "tiff",
	},
	{
		Name: "auto", Group: Output, place: last,
		Summary: "Writes the smallest of the formats that the viewer takes.",
		Params: []Param{
			quality("80"),
			{Name: "accept", Kind: Text, Limit: 100, Doc: "What the viewer takes, such as avif,webp; JPEG, PNG and GIF always. Left out: by the Accept header of the request that hands the image in."},
			maxBytes(),
		},
		Example: "auto:accept=webp",
		check: func(s Step) error {
			for name := range strings.SplitSeq(s.Value("accept"), ",") {
				if formats := []string{"", "avif", "webp", "jpeg", "png", "gif", "tiff"}; !slices.Contains(formats, name) {
					return fmt.Errorf("accept has %q, expected names of formats such as avif,webp%s", clip(name), suggest(name, formats))
				}
			}
			return nil
		},
	},
}

// unwritten are formats that people ask for and why they cannot have them.
var unwritten = map[string]string{
	"jpg": "its name here is jpeg", "tif": "its name here is tiff",
	"jxl": "the library has no JPEG XL", "jpegxl": "the library has no JPEG XL",
	"heic": "the library has no HEVC", "heif": "the library has no HEVC",
	"jp2": "the library has no JPEG 2000", "bmp": "BMP has no compression", "ico": "there is no writer of icons",
	"pdf": "PDF is not a format of images", "svg": "SVG is not a format of pixels",
}

func quality(def string) Param {
	return Param{Name: "quality", Kind: Integer, Default: def, Min: 1, Max: 100, Doc: "Of the picture, 100 is best."}
}

func lossless() Param {
	return Param{Name: "lossless", Kind: Flag, Default: "false", Doc: "Keeps every pixel."}
}

func effort(def string, lo, hi float64) Param {
	return Param{Name: "effort", Kind: Integer, Default: def, Min: lo, Max: hi, Doc: "Time spent on a smaller file."}
}

func sampling(choices ...string) Param {
	return Param{Name: "sampling", Kind: Choice, Default: "auto", Choices: choices, Doc: "How much colour is kept: 444 all, 420 a quarter; auto: all from quality 90 on."}
}

func maxBytes() Param {
	return Param{Name: "maxbytes", Kind: Integer, Unit: "bytes", Min: 100, Max: 1 << 30, Doc: "Lowers the quality until the file is no larger."}
}

package develop

import (
	"math"

	"minilab/internal/darkroom"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// writers turn the operations that choose formats into options of the library's
// savers.
var writers = map[string]func(s *darkroom.Sheet, step pipeline.Step) vips.Options{
	"webp": func(_ *darkroom.Sheet, step pipeline.Step) vips.Options {
		if step.Flag("lossless") {
			return vips.Options{"lossless": true, "exact": true, "effort": step.Int("effort")}
		}
		return vips.Options{"Q": step.Int("quality"), "effort": step.Int("effort")}
	},
	"avif": writeAVIF,
	"png":  writePNG,
	"gif": func(_ *darkroom.Sheet, step pipeline.Step) vips.Options {
		return vips.Options{
			"bitdepth": gifBits(step.Int("quality")), "dither": step.Float("dither"), "effort": step.Int("effort"),
		}
	},
	"tiff": writeTIFF,
}

func writeAVIF(s *darkroom.Sheet, step pipeline.Step) vips.Options {
	o := vips.Options{"compression": "av1", "effort": step.Int("effort")}
	if s.Bits() > 8 {
		o["bitdepth"] = 12
	} else {
		o["bitdepth"] = 8
	}
	if step.Flag("lossless") {
		o["lossless"] = true
		return o
	}
	o["Q"] = step.Int("quality")
	o["subsample_mode"] = map[string]string{"auto": "auto", "444": "off", "420": "on"}[step.Value("sampling")]
	return o
}

func writePNG(_ *darkroom.Sheet, step pipeline.Step) vips.Options {
	o := vips.Options{"compression": step.Int("effort"), "interlace": step.Flag("progressive"), "filter": pngFilterAll}
	if step.Int("effort") <= 2 {
		o["filter"] = pngFilterSub
	}
	if q := step.Int("quality"); q < 100 {
		o["palette"], o["Q"], o["filter"] = true, q, pngFilterNone
	}
	return o
}

const (
	pngFilterNone = 0x08
	pngFilterAll  = 0xf8
)

// gifBits is the depth of the table: 2 to 256 colours.
func gifBits(quality int) int {
	return max(1, int(math.Ceil(8*float64(quality)/100)))
}

func writeTIFF(s *darkroom.Sheet, step pipeline.Step) vips.Options {
	o := vips.Options{"compression": step.Value("compression"), "predictor": "horizontal"}
	if o["compression"] == "jpeg" {
		if s.Bits() > 8 {
			o["compression"] = "deflate" // the other cannot have so much
			return o
		}
		o["Q"], o["predictor"] = step.Int("quality"), "none"
	}
	return o
}

// keep says which metadata the saver writes, besides what tidy has left.
func (p *printer) keep(o vips.Options) vips.Options {
	strip := p.sheet.Strip
	if !strip.All {
		return o
	}
	flags := 0
	if strip.KeepCopyright {
		flags |= keepExif
	}
	if strip.KeepICC {
		flags |= keepICC
	}
	o["keep"] = flags
	return o
}

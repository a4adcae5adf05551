package develop

import (
	"golang.org/x/sys/unix"

	"minilab/internal/darkroom"
	"minilab/internal/engine/wire"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// write writes the sheet: in the format that was chosen, else in the ways of
// the source as far as they still fit.
func (n *negative) write(s *darkroom.Sheet, step pipeline.Step, chosen bool, file int, limit int64) (wire.Output, error) {
	if !chosen {
		return wire.Output{ContentType: n.format.contentType}, n.save(s.Image, file, limit)
	}
	if err := s.Upright(); err != nil {
		return wire.Output{}, err
	}
	f := formatNamed(step.Op())
	return wire.Output{ContentType: f.contentType}, limited(s.Save(f.savers(), file, limit, writers[step.Op()](step)), limit)
}

func formatNamed(name string) *format {
	for i, f := range formats {
		if f.name == name {
			return &formats[i]
		}
	}
	return nil
}

func (f *format) savers() string {
	if f.saver == "" {
		return "jpegsave_target"
	}
	return f.saver
}

// writers turn the operations that choose formats into options of savers.
var writers = map[string]func(pipeline.Step) vips.Options{
	"jpeg": func(s pipeline.Step) vips.Options {
		return vips.Options{"Q": s.Int("quality"), "interlace": s.Flag("progressive")}
	},
	"webp": func(s pipeline.Step) vips.Options {
		return vips.Options{"Q": s.Int("quality"), "lossless": s.Flag("lossless"), "effort": s.Int("effort")}
	},
	"avif": func(s pipeline.Step) vips.Options {
		return vips.Options{"compression": "av1", "Q": s.Int("quality"), "lossless": s.Flag("lossless"), "effort": s.Int("effort")}
	},
	"png": func(s pipeline.Step) vips.Options {
		return vips.Options{"compression": s.Int("effort"), "interlace": s.Flag("progressive")}
	},
	"gif": func(s pipeline.Step) vips.Options {
		return vips.Options{"effort": s.Int("effort"), "dither": s.Float("dither")}
	},
	"tiff": func(s pipeline.Step) vips.Options {
		return vips.Options{"compression": s.Value("compression"), "Q": s.Int("quality")}
	},
}

// copyFile writes what is in one file to another, empty one.
func copyFile(to, from int) error {
	var st unix.Stat_t
	if err := unix.Fstat(from, &st); err != nil {
		return err
	}
	data, err := unix.Mmap(from, 0, int(st.Size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Munmap(data) }()
	return writeAll(to, data)
}

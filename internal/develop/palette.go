package develop

import (
	"minilab/internal/darkroom"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// recolouring alters the colours of a file where they are in tables.
type recolouring interface {
	// colours alters colours in place: three bytes each, red first. It is
	// errNoTable if they become something that tables cannot hold.
	colours(table []byte) error

	// bits alters the list of how many bits of each channel count.
	bits(significant []byte)
}

// points is a pipeline that makes each pixel of the same pixel alone, so that
// it can be run over a table of colours in the image's place.
type points pipeline.Pipeline

// pointsOf is the pipeline of a job that is one of points and nothing else.
func pointsOf(targets []Target) (p points, ok bool) {
	if len(targets) != 1 {
		return nil, false
	}
	for _, step := range targets[0].Pipeline {
		switch {
		case step.Op() == "lane":
		case !step.Declaration().Point():
			return nil, false
		default:
			p = append(p, step)
		}
	}
	return p, true
}

// colours implements recolouring: the table is an image one pixel high.
func (p points) colours(table []byte) error {
	if len(table) == 0 {
		return nil
	}
	tray := darkroom.NewTray(darkroom.Limits{MaxPixels: int64(len(table))})
	defer tray.Close()
	values, err := vips.OfPixels(table, len(table)/3, 1, 3, 1)
	if err != nil {
		return err
	}
	image, err := tray.Keep(values).Call("copy", vips.Options{"interpretation": "srgb"})
	if err != nil {
		return err
	}
	return p.run(tray.Sheet(tray.Keep(image), 1), table)
}

// run writes the table as the pipeline makes it of the sheet.
func (p points) run(s *darkroom.Sheet, table []byte) error {
	for _, step := range p {
		if err := s.Apply(step); err != nil {
			return err
		}
	}
	bands := s.Bands()
	if bands == 2 || bands == 4 {
		return errNoTable // alpha, which is kept elsewhere
	}
	out, err := s.Pixels()
	if err != nil {
		return err
	}
	for i := range table {
		table[i] = out[i/3*bands+i%3*(bands/3)]
	}
	return nil
}

// bits implements recolouring: all of them count in what has been computed.
func (points) bits(significant []byte) {
	for i := range significant {
		significant[i] = 8
	}
}

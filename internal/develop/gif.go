package develop

import (
	"slices"

	"minilab/internal/vips"
)

// saveGIF is for a GIF whose tables cannot simply be rewritten.
func saveGIF(*negative) vips.Options {
	return vips.Options{"dither": 0, "effort": 10, "interframe_maxerror": 0}
}

// recolourGIF rewrites the tables of colours, the global one and those of the
// frames. Everything else stays as it is, byte for byte. A file that ends in
// the middle of a block is cut off, which the library's decoder forgives.
func recolourGIF(data []byte, r recolouring) ([]byte, error) {
	g := gifWalk{data: slices.Clone(data)}
	g.walk()
	if g.at > len(g.data) {
		return nil, errCut
	}
	return g.data, g.recolour(r)
}

const (
	gifHead      = 13 // bytes of signature and logical screen
	gifFlags     = 10 // where the screen's flags are
	gifExtension = 0x21
	gifFrame     = 0x2c
	gifFrameHead = 10
	gifTrailer   = 0x3b
	gifHasTable  = 0x80
	gifTableBits = 0x07
)

// gifWalk goes through the blocks of a GIF. It is beyond the end of the data
// when they are cut off.
type gifWalk struct {
	data   []byte
	at     int
	tables [][]byte // of colours, parts of the data
}

// recolour alters all tables at once: there may be thousands.
func (g *gifWalk) recolour(r recolouring) error {
	colours := slices.Concat(g.tables...)
	if err := r.colours(colours); err != nil {
		return err
	}
	for _, table := range g.tables {
		colours = colours[copy(table, colours):]
	}
	return nil
}

func (g *gifWalk) walk() {
	g.at = gifHead
	if len(g.data) < gifHead {
		return
	}
	g.table(g.data[gifFlags])
	for g.at < len(g.data) {
		switch g.data[g.at] {
		case gifExtension:
			g.at += 2 // and the kind
			g.blocks()
		case gifFrame:
			g.frame()
		case gifTrailer:
			return
		default:
			g.at++ // padding, which decoders skip too
		}
	}
}

func (g *gifWalk) frame() {
	g.at += gifFrameHead
	if g.at > len(g.data) {
		return
	}
	g.table(g.data[g.at-1])
	g.at++ // the code size
	g.blocks()
}

// table notes the table that starts here, if the flags announce one.
func (g *gifWalk) table(flags byte) {
	if flags&gifHasTable == 0 {
		return
	}
	start := g.at
	g.at += 3 << (flags&gifTableBits + 1)
	if g.at <= len(g.data) {
		g.tables = append(g.tables, g.data[start:g.at])
	}
}

// blocks goes to the end of a chain of data blocks, which is an empty one.
func (g *gifWalk) blocks() {
	for g.at < len(g.data) {
		size := int(g.data[g.at])
		g.at += 1 + size
		if size == 0 {
			return
		}
	}
	g.at = len(g.data) + 1
}

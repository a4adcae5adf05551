package imagehead

import "encoding/binary"

// Tags and types of a TIFF directory.
const (
	tiffWidth  = 256
	tiffHeight = 257

	tiffByte  = 1
	tiffShort = 3
	tiffLong  = 4
	tiffLong8 = 16
)

func isTIFF(b []byte) bool {
	return hasPrefix("II*\x00")(b) || hasPrefix("MM\x00*")(b) || hasPrefix("II+\x00")(b) || hasPrefix("MM\x00+")(b)
}

// tiff is how a file writes its numbers. BigTIFF is TIFF with wider ones.
type tiff struct {
	b      []byte
	order  binary.ByteOrder
	count  uint64 // bytes of a directory's number of entries
	word   uint64 // bytes of an offset, and of a value within an entry
	budget int    // entries that may still be read
}

// parseTIFF follows the chain of directories, one per page, as far as the
// bytes go. A chain may lead anywhere: the budget is what so many bytes hold
// at most, so that neither a circle nor overlapping directories cost more.
func parseTIFF(b []byte, h *Header) error {
	t, at, err := openTIFF(b, h)
	if err != nil {
		return err
	}
	var pixels int64
	pages := 0
	for ; at != 0; pages++ {
		width, height, next, err := t.directory(at, h)
		if err != nil {
			h.Pixels = pixels
			return err
		}
		page := Header{Format: h.Format}
		if err := page.setSize(width, height); err != nil {
			return err
		}
		if pages == 0 {
			h.Width, h.Height = page.Width, page.Height
		}
		pixels = plus(pixels, int64(page.Width)*int64(page.Height))
		at = next
	}
	if pages == 0 {
		return h.broken("it has no pages")
	}
	h.Frames, h.Pixels = pages, pixels
	return nil
}

// openTIFF reads the file's header and says where the first directory is.
func openTIFF(b []byte, h *Header) (*tiff, uint64, error) {
	t := &tiff{b: b, order: binary.LittleEndian, count: 2, word: 4, budget: len(b) / 12}
	if b[0] == 'M' {
		t.order = binary.BigEndian
	}
	at := uint64(4)
	if t.order.Uint16(b[2:]) == 43 {
		t.count, t.word, at = 8, 8, 8
		sizes, err := cut(b, 4, 4)
		if err != nil {
			return nil, 0, err
		}
		if t.order.Uint16(sizes) != 8 || t.order.Uint16(sizes[2:]) != 0 {
			return nil, 0, h.broken("its offsets are of no known size")
		}
	}
	first, err := t.read(at, t.word)
	return t, first, err
}

// directory reads one page's sizes and where the next page's directory is.
func (t *tiff) directory(at uint64, h *Header) (width, height, next uint64, err error) {
	entries, err := t.read(at, t.count)
	if err != nil {
		return 0, 0, 0, err
	}
	if entries == 0 {
		return 0, 0, 0, h.broken("a directory is empty")
	}
	at += t.count
	for range entries {
		if err := t.entry(at, &width, &height); err != nil {
			return 0, 0, 0, err
		}
		if t.budget--; t.budget < 0 {
			return 0, 0, 0, h.broken("its directories overlap")
		}
		at += 4 + 2*t.word
	}
	next, err = t.read(at, t.word)
	return width, height, next, err
}

// entry looks at one entry: tag, type, count, value.
func (t *tiff) entry(at uint64, width, height *uint64) error {
	e, err := cut(t.b, at, 4+2*t.word)
	if err != nil {
		return err
	}
	var into *uint64
	switch t.order.Uint16(e) {
	case tiffWidth:
		into = width
	case tiffHeight:
		into = height
	default:
		return nil
	}
	size := map[uint16]uint64{tiffByte: 1, tiffShort: 2, tiffLong: 4, tiffLong8: 8}[t.order.Uint16(e[2:])]
	if size == 0 || size > t.word {
		return nil // stays 0, which no image has
	}
	value := e[4+t.word:]
	*into = number(t.order, value[:size])
	return nil
}

func (t *tiff) read(at, size uint64) (uint64, error) {
	f, err := cut(t.b, at, size)
	if err != nil {
		return 0, err
	}
	return number(t.order, f), nil
}

// plus adds without overflow.
func plus(a, b int64) int64 {
	if sum := a + b; sum >= a {
		return sum
	}
	return 1<<63 - 1
}

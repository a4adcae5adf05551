package develop

import (
	"encoding/binary"

	"minilab/internal/imagehead"
)

// The tags that are looked at, of TIFF 6.0 and its technical notes.
const (
	tiffWidth        = 256
	tiffLength       = 257
	tiffCompression  = 259
	tiffStripOffsets = 273
	tiffChannels     = 277
	tiffPlanes       = 284
	tiffPredictor    = 317
	tiffTileWidth    = 322
	tiffTileLength   = 323
	tiffTileOffsets  = 324
)

// tiffHeader is what a page's directory says in whole numbers.
type tiffHeader struct {
	big    bool // offsets have 64 bits
	tags   map[uint16]int
	counts map[uint16]uint64 // of each tag's values
}

func (h tiffHeader) tag(id uint16, otherwise int) int {
	if v, ok := h.tags[id]; ok {
		return v
	}
	return otherwise
}

// readTIFF reads the first directory. What it cannot make sense of it leaves
// out: whether the image is whole is the decoder's business.
func readTIFF(data []byte) tiffHeader {
	for h := range pagesOfTIFF(data) {
		return h
	}
	return tiffHeader{}
}

// tiffFile is how a file writes its numbers.
type tiffFile struct {
	data  []byte
	order binary.ByteOrder
	big   bool
	count uint64 // bytes of a directory's number of entries
	entry uint64 // bytes of an entry
}

// pagesOfTIFF goes through the directories as far as they can be read, one more
// than are allowed at most. They may lead anywhere: it ends when more has been
// read than there is.
func pagesOfTIFF(data []byte) func(yield func(h tiffHeader) bool) {
	return func(yield func(h tiffHeader) bool) {
		if len(data) < 16 {
			return
		}
		f := tiffFile{data: data, order: binary.LittleEndian, count: 2, entry: 12}
		if data[0] == 'M' {
			f.order = binary.BigEndian
		}
		at := uint64(f.order.Uint32(data[4:]))
		if f.big = f.order.Uint16(data[2:]) == 43; f.big {
			at, f.count, f.entry = f.order.Uint64(data[8:]), 8, 20
		}
		left := uint64(len(data))
		for pages := 0; at != 0 && pages <= imagehead.MaxFrames; pages++ {
			h, next, read := f.directory(at)
			if read == 0 || read > left || !yield(h) {
				return
			}
			at, left = next, left-read
		}
	}
}

// directory reads the directory at an offset, says where the next one is, 0 for
// nowhere, and how many bytes it has read.
func (f tiffFile) directory(start uint64) (h tiffHeader, next, read uint64) {
	h = tiffHeader{big: f.big, tags: map[uint16]int{}, counts: map[uint16]uint64{}}
	size := uint64(len(f.data))
	if start > size || size-start < f.count {
		return h, 0, 0
	}
	count := uint64(f.order.Uint16(f.data[start:]))
	if f.big {
		count = f.order.Uint64(f.data[start:])
	}
	at := start + f.count
	for ; count > 0 && size-at >= f.entry; count-- {
		h.read(f.order, f.data[at:at+f.entry])
		at += f.entry
	}
	if count == 0 {
		next = f.offset(at)
	}
	return h, next, at - start
}

// offset is the one that stands at a place, 0 behind the end.
func (f tiffFile) offset(at uint64) uint64 {
	switch left := uint64(len(f.data)) - at; {
	case f.big && left >= 8:
		return f.order.Uint64(f.data[at:])
	case !f.big && left >= 4:
		return uint64(f.order.Uint32(f.data[at:]))
	}
	return 0
}

// read takes an entry's count and, if that is one short or long, which lies in
// the entry itself, its value.
func (h tiffHeader) read(order binary.ByteOrder, entry []byte) {
	const short, long = 3, 4
	count, value := uint64(order.Uint32(entry[4:])), entry[8:]
	if h.big {
		count, value = order.Uint64(entry[4:]), entry[12:]
	}
	id, kind := order.Uint16(entry), order.Uint16(entry[2:])
	h.counts[id] = count
	switch {
	case kind == short && count == 1:
		h.tags[id] = int(order.Uint16(value))
	case kind == long && count == 1:
		h.tags[id] = int(order.Uint32(value))
	}
}

package corpus

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// field is one of a TIFF directory (TIFF 6.0, section 2), which Exif has too.
type field struct {
	tag, kind uint16
	shorts    []uint16 // of kind short
	longs     []uint32 // of kinds long and rational, two for each of those
	bytes     []byte   // of any other kind
	fields    []field  // of a directory
	blocks    [][]byte // of what offsets point to
}

const (
	kindByte      = 1
	kindASCII     = 2
	kindShort     = 3
	kindLong      = 4
	kindRational  = 5
	kindUndefined = 7
)

func short(tag uint16, v ...uint16) field { return field{tag: tag, kind: kindShort, shorts: v} }
func long(tag uint16, v ...uint32) field  { return field{tag: tag, kind: kindLong, longs: v} }
func ratio(tag uint16, v ...uint32) field { return field{tag: tag, kind: kindRational, longs: v} }
func ascii(tag uint16, v string) field {
	return field{tag: tag, kind: kindASCII, bytes: []byte(v + "\x00")}
}
func octets(tag, kind uint16, v []byte) field {
	return field{tag: tag, kind: kind, bytes: v}
}

// below is a directory of its own, which the field points to.
func below(tag uint16, fields ...field) field { return field{tag: tag, kind: kindLong, fields: fields} }

// data are blocks, such as strips, whose offsets the field has.
func data(tag uint16, blocks ...[]byte) field { return field{tag: tag, kind: kindLong, blocks: blocks} }

// tiffOf makes a file of directories, one for each page.
func tiffOf(order binary.AppendByteOrder, pages ...[]field) []byte {
	b := []byte("II")
	if order.AppendUint16(nil, 1)[0] == 0 {
		b = []byte("MM")
	}
	b = order.AppendUint16(b, 42)
	w := directoryWriter{order, append(b, 0, 0, 0, 0)}
	next := 4
	for _, p := range pages {
		at := w.write(p)
		w.put32(next, uint32(at))
		next = len(w.b) - 4
	}
	return w.b
}

type directoryWriter struct {
	order binary.AppendByteOrder
	b     []byte
}

func (w *directoryWriter) put32(at int, v uint32) { copy(w.b[at:], w.order.AppendUint32(nil, v)) }

// write appends what the fields point to, and then the directory.
func (w *directoryWriter) write(fields []field) (at int) {
	slices.SortStableFunc(fields, func(a, b field) int { return cmp.Compare(a.tag, b.tag) })
	entries := w.order.AppendUint16(nil, uint16(len(fields)))
	for _, f := range fields {
		value, count := w.value(f)
		entries = w.order.AppendUint16(w.order.AppendUint16(entries, f.tag), f.kind)
		entries = w.order.AppendUint32(entries, uint32(count))
		if len(value) > 4 {
			value = w.order.AppendUint32(nil, uint32(w.place(value)))
		}
		entries = append(entries, append(value, 0, 0, 0, 0)[:4]...)
	}
	return w.place(append(entries, 0, 0, 0, 0))
}

func (w *directoryWriter) value(f field) (value []byte, count int) {
	switch {
	case f.fields != nil:
		return w.order.AppendUint32(nil, uint32(w.write(f.fields))), 1
	case f.blocks != nil:
		for _, block := range f.blocks {
			value = w.order.AppendUint32(value, uint32(w.place(block)))
		}
		return value, len(f.blocks)
	case f.kind == kindShort:
		for _, v := range f.shorts {
			value = w.order.AppendUint16(value, v)
		}
		return value, len(f.shorts)
	case f.kind == kindLong, f.kind == kindRational:
		for _, v := range f.longs {
			value = w.order.AppendUint32(value, v)
		}
		if f.kind == kindRational {
			return value, len(f.longs) / 2
		}
		return value, len(f.longs)
	}
	return slices.Clone(f.bytes), len(f.bytes)
}

func (w *directoryWriter) place(block []byte) (at int) {
	w.b = append(w.b, make([]byte, len(w.b)&1)...)
	at = len(w.b)
	w.b = append(w.b, block...)
	return at
}

package images

import (
	"encoding/binary"
	"fmt"
)

// tiffFields are each directory's count, entries and way to the next.
func tiffFields(data []byte) []field {
	var order binary.ByteOrder = binary.LittleEndian
	if data[0] == 'M' {
		order = binary.BigEndian
	}
	head, count, entry, word := 4, 2, 12, 4
	if order.Uint16(data[2:]) == 43 {
		head, count, entry, word = 8, 8, 20, 8
	}
	of := func(name string, at, width int) field { return field{name, at, width, order} }
	all := []field{of("first", head, word)}
	at := int(all[0].get(data))
	for at > 0 && at+count < len(data) {
		n := of("entries", at, count)
		all = append(all, n)
		entries := int(n.get(data))
		for at += count; entries > 0; entries, at = entries-1, at+entry {
			tag := of("tag", at, 2)
			name := fmt.Sprint("tag ", tag.get(data), " ")
			all = append(all, tag, of(name+"type", at+2, 2), of(name+"count", at+4, word), of(name+"value", at+4+word, word),
				of(name+"low value", at+4+word, 2))
		}
		next := of("next", at, word)
		all = append(all, next)
		at = int(next.get(data))
	}
	return all
}

// avifBoxes are boxes that hold boxes, and what is before those.
var avifBoxes = map[string]int{"meta": 4, "iprp": 0, "ipco": 0, "iinf": 6, "iref": 4, "moov": 0, "trak": 0, "dinf": 0}

// avifFields are the boxes' sizes and kinds, and all numbers of those that
// describe the items.
func avifFields(data []byte) []field { return boxFields(data, 0, len(data)) }

func boxFields(data []byte, at, end int) []field {
	var all []field
	for at+8 <= end {
		size, kind := int(binary.BigEndian.Uint32(data[at:])), string(data[at+4:at+8])
		if size < 8 || at+size > end {
			break
		}
		all = append(all, big(kind+" size", at, 4), big(kind+" kind", at+4, 4))
		if skip, ok := avifBoxes[kind]; ok {
			all = append(all, boxFields(data, at+8+skip, at+size)...)
		} else if kind != "mdat" {
			all = append(all, bodyFields(kind, at+8, size-8)...)
		}
		at += size
	}
	return all
}

// bodyFields take a box's body for words of 32 bits, and its first bytes one by
// one.
func bodyFields(kind string, at, size int) []field {
	var all []field
	for i := 0; i+4 <= size && i < 40; i += 4 {
		all = append(all, big(kind, at+i, 4))
	}
	for i := range min(size, 20) {
		all = append(all, big(kind, at+i, 1))
	}
	return all
}

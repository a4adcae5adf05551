package images

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// tag is an entry of a directory, whose value is in the entry.
type tag struct {
	id, kind     uint16
	count, value uint32
}

// Types of a tag's value.
const (
	tiffShort = 3
	tiffLong  = 4
)

// grey are the tags of an image of 8 bits with its pixels at an offset.
func grey(width, height, offset, size uint32) []tag {
	return []tag{
		{256, tiffLong, 1, width}, {257, tiffLong, 1, height}, {258, tiffShort, 1, 8}, {259, tiffShort, 1, 1},
		{262, tiffShort, 1, 1}, {273, tiffLong, 1, offset}, {277, tiffShort, 1, 1}, {278, tiffLong, 1, height},
		{279, tiffLong, 1, size},
	}
}

// with puts other values into a copy of the tags, or further tags.
func with(tags []tag, others ...tag) []tag {
	tags = slices.Clone(tags)
	for _, o := range others {
		if i := slices.IndexFunc(tags, func(t tag) bool { return t.id == o.id }); i >= 0 {
			tags[i] = o
			continue
		}
		tags = append(tags, o)
	}
	slices.SortStableFunc(tags, func(a, b tag) int { return int(a.id) - int(b.id) })
	return tags
}

// directory is one of a TIFF.
func directory(tags []tag, next uint32) []byte {
	order := binary.LittleEndian
	b := order.AppendUint16(nil, uint16(len(tags)))
	for _, t := range tags {
		b = order.AppendUint16(order.AppendUint16(b, t.id), t.kind)
		b = order.AppendUint32(order.AppendUint32(b, t.count), t.value)
	}
	return order.AppendUint32(b, next)
}

// tiffOf is a file whose first directory is behind the first 8 bytes.
func tiffOf(parts ...[]byte) []byte {
	return slices.Concat([]byte("II*\x00\x08\x00\x00\x00"), slices.Concat(parts...))
}

// tiffPages are so many directories, each behind the other, the last of which
// leads to an offset.
func tiffPages(tags []tag, n int, last func(size uint32) uint32) []byte {
	size := uint32(2 + 12*len(tags) + 4)
	out := tiffOf()
	for i := range n {
		next := uint32(len(out)) + size
		if i == n-1 {
			next = last(size)
		}
		out = append(out, directory(tags, next)...)
	}
	return out
}

func end(uint32) uint32 { return 0 }

func tiffBombs() []Image {
	small := grey(8, 8, 0, 64)
	one := func(others ...tag) func() []byte {
		return func() []byte { return tiffOf(directory(with(small, others...), 0), make([]byte, 256)) }
	}
	packed := func(width, height uint32, pixels int) func() []byte {
		return func() []byte {
			data := zeros(pixels)
			tags := with(grey(width, height, 8+2+9*12+4, uint32(len(data))), tag{259, tiffShort, 1, 8})
			return tiffOf(directory(tags, 0), data)
		}
	}
	all := []Image{
		bomb("tiff of 10000 pages", func() []byte { return tiffPages(small, 10_000, end) }),
		bomb("tiff of 10000 pages of 100 megapixels", func() []byte { return tiffPages(grey(10_000, 10_000, 0, 64), 10_000, end) }),
		bomb("tiff of 1000 pages of 1 megapixel", func() []byte { return tiffPages(grey(1000, 1000, 0, 64), 1000, end) }),
		bomb("tiff whose page follows itself", func() []byte { return tiffPages(small, 1, func(uint32) uint32 { return 8 }) }),
		bomb("tiff whose pages go round", func() []byte { return tiffPages(small, 100, func(uint32) uint32 { return 8 }) }),
		bomb("tiff whose pages end in a circle", func() []byte { return tiffPages(small, 100, func(size uint32) uint32 { return 8 + 50*size }) }),
		bomb("tiff whose pages overlap", func() []byte { return tiffPages(small, 100, func(uint32) uint32 { return 9 }) }),
		bomb("tiff whose page follows behind the end", func() []byte { return tiffPages(small, 2, func(uint32) uint32 { return 1 << 30 }) }),
		bomb("tiff whose pixels are its header", one(tag{273, tiffLong, 1, 0})),
		bomb("tiff with 2^32-1 strips", one(tag{273, tiffLong, 1<<32 - 1, 8}, tag{279, tiffLong, 1<<32 - 1, 8}, tag{278, tiffLong, 1, 1})),
		bomb("tiff with a strip of 4 GB", one(tag{279, tiffLong, 1, 1<<32 - 1})),
		bomb("tiff with a strip of nothing", one(tag{279, tiffLong, 1, 0})),
		bomb("tiff with no rows in a strip", one(tag{278, tiffLong, 1, 0})),
		bomb("tiff with 65535 channels", one(tag{277, tiffShort, 1, 65_535})),
		bomb("tiff with channels of 1000 bits", one(tag{258, tiffShort, 1, 1000})),
		bomb("tiff with tiles of nothing", one(tag{322, tiffLong, 1, 0}, tag{323, tiffLong, 1, 0})),
		bomb("tiff with tiles of 2^31", one(tag{322, tiffLong, 1, 1 << 31}, tag{323, tiffLong, 1, 1 << 31}, tag{324, tiffLong, 1, 8}, tag{325, tiffLong, 1, 8})),
		bomb("tiff with tiles of 30000 squared", one(tag{322, tiffLong, 1, 30_000}, tag{323, tiffLong, 1, 30_000}, tag{324, tiffLong, 1, 8}, tag{325, tiffLong, 1, 8})),
		bomb("tiff whose part is itself", one(tag{330, tiffLong, 1, 8})),
		bomb("tiff whose Exif is itself", one(tag{34665, tiffLong, 1, 8})),
		bomb("tiff with a profile of 4 GB", one(tag{34675, 7, 1<<32 - 1, 8})),
		bomb("tiff with the tag of its width 5000 times", func() []byte {
			return tiffOf(directory(append(slices.Repeat([]tag{{256, tiffLong, 1, 8}}, 5000), small[1:]...), 0), make([]byte, 256))
		}),
		bomb("tiff of 900 megapixels, deflated", packed(30_000, 30_000, 900_000_000)),
		bomb("tiff of 100 megapixels without pixels", packed(10_000, 10_000, 0)),
		bomb("tiff with a gigabyte of pixels too many", packed(8, 8, 1<<30)),
		bomb("tiff of 1 x 60000", packed(1, 60_000, 60_000)),
		bomb("tiff of 60000 x 1", packed(60_000, 1, 60_000)),
		bomb("tiff of 2^31-1 squared", packed(1<<31-1, 1<<31-1, 1000)),
	}
	for _, compression := range []uint32{0, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32809, 32946, 34661, 34676, 34677, 34712, 34925, 50000, 50001, 65535} {
		all = append(all, bomb(fmt.Sprint("tiff, compressed by ", compression), one(tag{259, tiffShort, 1, compression})))
	}
	return all
}

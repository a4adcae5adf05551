package images

import (
	"bytes"
	"slices"
)

// pixi says 8 bits of three channels.
var pixi = box("pixi", u32(0), []byte{3, 8, 8, 8})

// The numbers of an AVIF bomb's properties, and those of its tiles.
const (
	avifConfig = 1
	avifTile   = 2
	avifDepth  = 3
	avifWhole  = 4
)

var tileProperties = []byte{avifConfig, avifTile, avifDepth}

// tiled is an AVIF of so many equal tiles, each the same item, that says of
// itself to have a size.
func tiled(columns, rows int, width, height uint32) avif {
	data, config := av1()
	return avif{
		properties: [][]byte{config, ispe(40, 28), pixi, ispe(width, height)},
		items: []avifItem{
			{"grid", grid(columns, rows, width, height), []byte{avifWhole, avifDepth}, slices.Repeat([]uint16{2}, columns*rows), "dimg"},
			{"av01", data, tileProperties, nil, ""},
		},
	}
}

// sized is an AVIF of one picture that says of itself to have a size.
func sized(width, height uint32) avif {
	data, config := av1()
	return avif{
		properties: [][]byte{config, ispe(width, height), pixi},
		items:      []avifItem{{"av01", data, tileProperties, nil, ""}},
	}
}

// changed is a.bytes after a change.
func changed(a avif, change func(a *avif)) func() []byte {
	return func() []byte {
		b := avif{slices.Clone(a.properties), slices.Clone(a.items), a.extra, a.repeat}
		change(&b)
		return b.bytes()
	}
}

func avifBombs() []Image {
	return []Image{
		bomb("avif put together rightly", sized(40, 28).bytes),
		bomb("avif of 2^31-1 squared", sized(1<<31-1, 1<<31-1).bytes),
		bomb("avif of 2^32-1 squared", sized(1<<32-1, 1<<32-1).bytes),
		bomb("avif of 30000 squared", sized(30_000, 30_000).bytes),
		bomb("avif of 10000 squared with a picture of 40 x 28", sized(10_000, 10_000).bytes),
		bomb("avif of 1 x 1 with a picture of 40 x 28", sized(1, 1).bytes),
		bomb("avif of 4 tiles", tiled(2, 2, 80, 56).bytes),
		bomb("avif of 400 tiles", tiled(20, 20, 800, 560).bytes),
		bomb("avif of 40000 tiles", tiled(200, 200, 8000, 5600).bytes),
		bomb("avif of 65025 tiles", tiled(255, 255, 10_200, 7140).bytes),
		bomb("avif of 4 tiles of 30000 squared", tiled(2, 2, 30_000, 30_000).bytes),
		bomb("avif of 4 tiles that do not fill it", tiled(2, 2, 9000, 9000).bytes),
		bomb("avif whose tiles are itself", changed(tiled(2, 2, 80, 56), func(a *avif) { a.items[0].from = []uint16{1, 1, 1, 1} })),
		bomb("avif whose tiles are tiles of it", changed(tiled(2, 2, 80, 56), func(a *avif) {
			a.items[1] = a.items[0]
			a.items[1].from = []uint16{1, 1, 1, 1}
		})),
		bomb("avif of tiles of tiles of tiles", nestedTiles),
		bomb("avif that lies upon itself", changed(tiled(2, 2, 80, 56), func(a *avif) { a.items[0].kind = "iovl" })),
		bomb("avif that is itself", changed(tiled(1, 1, 40, 28), func(a *avif) {
			a.items[0].kind, a.items[0].from = "iden", []uint16{1}
		})),
		bomb("avif that is another", changed(tiled(1, 1, 40, 28), func(a *avif) { a.items[0].kind = "iden" })),
		bomb("avif whose alpha is itself", changed(sized(40, 28), func(a *avif) {
			a.items[0].from, a.items[0].refer = []uint16{1}, "auxl"
		})),
		bomb("avif with a tile that is missing", changed(tiled(2, 2, 80, 56), func(a *avif) { a.items[0].from[3] = 99 })),
		bomb("avif of the same bytes 65535 times", changed(sized(40, 28), func(a *avif) {
			a.repeat = 65_535
			a.items[0].data = append(a.items[0].data, make([]byte, 1<<20)...)
		})),
		bomb("avif turned 250 times", changed(sized(40, 28), func(a *avif) {
			a.properties = append(a.properties, box("irot", []byte{1}))
			a.items[0].properties = append(slices.Clone(tileProperties), bytes.Repeat([]byte{4}, 250)...)
		})),
		bomb("avif cut out of nothing", changed(sized(40, 28), func(a *avif) {
			a.properties = append(a.properties, box("clap", u32(1<<31-1, 1, 1<<31-1, 1, 0, 0, 0, 0)))
			a.items[0].properties = append(slices.Clone(tileProperties), 4)
		})),
		bomb("avif of 20000 sizes", changed(sized(40, 28), func(a *avif) {
			a.properties = append(a.properties, bytes.Repeat(ispe(1, 1), 20_000))
		})),
		bomb("avif of 60000 items", changed(sized(40, 28), func(a *avif) {
			a.items = slices.Concat(a.items, slices.Repeat([]avifItem{{"av01", nil, tileProperties, nil, ""}}, 60_000))
		})),
		bomb("avif of boxes 5000 deep", changed(sized(40, 28), func(a *avif) {
			for range 5000 {
				a.extra = box("meta", u32(0), a.extra)
			}
		})),
		bomb("avif of 100000 empty boxes", changed(sized(40, 28), func(a *avif) { a.extra = bytes.Repeat(box("free"), 100_000) })),
		bomb("avif with a profile of 20 MB", changed(sized(40, 28), func(a *avif) {
			a.properties = append(a.properties, box("colr", []byte("prof"), make([]byte, 20<<20)))
			a.items[0].properties = append(slices.Clone(tileProperties), 4)
		})),
	}
}

// nestedTiles are 8 levels of 16 times the level below: 16^8 pictures.
func nestedTiles() []byte {
	data, config := av1()
	const levels = 8
	a := avif{properties: [][]byte{config, ispe(40, 28), pixi, ispe(160, 112)}}
	for i := range levels {
		a.items = append(a.items, avifItem{
			"grid", grid(4, 4, 160, 112), []byte{avifWhole, avifDepth}, slices.Repeat([]uint16{uint16(i + 2)}, 16), "dimg",
		})
	}
	a.items = append(a.items, avifItem{"av01", data, tileProperties, nil, ""})
	return a.bytes()
}

package images

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// field is a number in a file: a size, a length, an offset or a count.
type field struct {
	name  string
	at    int
	width int // bytes
	order binary.ByteOrder
}

func big(name string, at, width int) field    { return field{name, at, width, binary.BigEndian} }
func little(name string, at, width int) field { return field{name, at, width, binary.LittleEndian} }

// fields finds the numbers in a file of a format.
var fields = map[string]func(data []byte) []field{
	"jpeg": jpegFields, "png": pngFields, "gif": gifFields, "webp": webpFields, "tiff": tiffFields, "avif": avifFields,
}

// lies say something else in every field of every file.
func lies(good []Seed) []Image {
	var all []Image
	for _, s := range good {
		for _, f := range fields[s.Format](s.Data) {
			if f.at < 0 || f.at+f.width > len(s.Data) {
				continue
			}
			for _, value := range f.wrong(s.Data) {
				all = append(all, lie(s, f, value))
			}
		}
	}
	return all
}

func lie(s Seed, f field, value uint64) Image {
	return Image{"lie", fmt.Sprintf("%s %s@%d=%d", s.Name, f.name, f.at, value), func() []byte {
		data := bytes.Clone(s.Data)
		f.set(data, value)
		if s.Format == "png" {
			sign(data)
		}
		return data
	}}
}

// wrong is what the field does not say: nothing, little, much, negative, and a
// little beside the truth.
func (f field) wrong(data []byte) []uint64 {
	truth := f.get(data)
	seen := map[uint64]bool{truth: true}
	var all []uint64
	for _, v := range []uint64{0, 1, 65535, 1<<31 - 1, 1<<63 - 1, 1<<64 - 1, truth - 1, truth + 1, 2 * truth, uint64(len(data))} {
		v &= 1<<(8*f.width) - 1
		if !seen[v] {
			seen[v] = true
			all = append(all, v)
		}
	}
	return all
}

func (f field) get(data []byte) uint64 {
	var wide [8]byte
	part := data[f.at : f.at+f.width]
	if f.order == binary.LittleEndian {
		copy(wide[:], part)
		return binary.LittleEndian.Uint64(wide[:])
	}
	copy(wide[8-f.width:], part)
	return binary.BigEndian.Uint64(wide[:])
}

func (f field) set(data []byte, value uint64) {
	var wide [8]byte
	if f.order == binary.LittleEndian {
		binary.LittleEndian.PutUint64(wide[:], value)
		copy(data[f.at:], wide[:f.width])
		return
	}
	binary.BigEndian.PutUint64(wide[:], value)
	copy(data[f.at:], wide[8-f.width:])
}

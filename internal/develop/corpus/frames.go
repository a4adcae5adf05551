package corpus

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

func (c *Contents) readGIF(data []byte) error {
	const screen, frame = 13, 10
	c.Depth, c.Loop = 8, 1
	at := screen + gifTableSize(data[10])
	delay := time.Duration(0)
	for at < len(data) {
		switch data[at] {
		case 0x3b:
			if at+1 < len(data) {
				c.Others = append(c.Others, "data behind the end")
			}
			return nil
		case 0x2c:
			c.Delays, delay = append(c.Delays, delay), 0
			at += frame + gifTableSize(data[at+9]) + 1
			_, at = gifBlocks(data, at)
		case 0x21:
			kind := data[at+1]
			start := at + 2
			var body []byte
			body, at = gifBlocks(data, start)
			switch {
			case kind == 0xf9:
				delay = 10 * time.Millisecond * time.Duration(binary.LittleEndian.Uint16(body[1:]))
				c.Alpha = c.Alpha || body[0]&1 == 1
			case kind == 0xfe:
				c.Texts = append(c.Texts, body)
			case kind == 0xff && bytes.HasPrefix(body, []byte("NETSCAPE2.0\x01")):
				if c.Loop = int(binary.LittleEndian.Uint16(body[12:])); c.Loop > 0 {
					c.Loop++
				}
			case kind == 0xff && bytes.HasPrefix(body, []byte("XMP DataXMP")):
				c.XMP = data[start:at]
			default:
				c.Others = append(c.Others, fmt.Sprintf("extension %x", kind))
			}
		default:
			return fmt.Errorf("corpus: a GIF has no block %x", data[at])
		}
	}
	return errShort
}

func gifTableSize(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

func gifBlocks(data []byte, at int) (body []byte, end int) {
	for at < len(data) {
		size := int(data[at])
		if size == 0 {
			return body, at + 1
		}
		body = append(body, data[at+1:min(at+1+size, len(data))]...)
		at += 1 + size
	}
	return body, at
}

func (c *Contents) readWebP(data []byte) error {
	c.Depth = 8
	if len(data) < 12 || int(binary.LittleEndian.Uint32(data[4:]))+8 > len(data) {
		return errShort
	}
	if int(binary.LittleEndian.Uint32(data[4:]))+8 < len(data) {
		c.Others = append(c.Others, "data behind the end")
	}
	chunks, err := riffChunks(data[12:])
	for _, r := range chunks {
		switch r.name {
		case "VP8X":
			c.Alpha = r.body[0]&webpAlpha != 0
		case "VP8L":
			c.Alpha = c.Alpha || r.body[4]&0x10 != 0
		case "ICCP":
			c.Profile = r.body
		case "EXIF":
			c.Exif = bytes.TrimPrefix(r.body, []byte("Exif\x00\x00"))
		case "XMP ":
			c.XMP = r.body
		case "ANIM":
			c.Loop = int(binary.LittleEndian.Uint16(r.body[4:]))
		case "ANMF":
			c.parts = append(c.parts, r)
			c.Delays = append(c.Delays, time.Millisecond*time.Duration(unpack(r.body[12:])))
		case "VP8 ", "ALPH":
		default:
			c.Others = append(c.Others, r.name)
		}
	}
	return err
}

func riffChunks(data []byte) (chunks []chunk, err error) {
	for len(data) > 0 {
		if len(data) < 8 {
			return chunks, errShort
		}
		size := int(binary.LittleEndian.Uint32(data[4:]))
		if size > len(data)-8 {
			return chunks, errShort
		}
		chunks = append(chunks, chunk{string(data[:4]), data[8 : 8+size]})
		data = data[min(8+size+size&1, len(data)):]
	}
	return chunks, nil
}

// unpack is a number of three bytes.
func unpack(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// directory is one of a TIFF structure's.
type directory struct {
	order  binary.ByteOrder
	values map[uint16][]byte // of each tag
	kinds  map[uint16]uint16
	next   int
}

// directoryAt reads a directory; the first one is at 0.
func directoryAt(data []byte, at int) (*directory, error) {
	if len(data) < 8 {
		return nil, errShort
	}
	d := &directory{order: binary.LittleEndian, values: map[uint16][]byte{}, kinds: map[uint16]uint16{}}
	if data[0] == 'M' {
		d.order = binary.BigEndian
	}
	if at == 0 {
		at = int(d.order.Uint32(data[4:]))
	}
	if at+2 > len(data) || at+6+12*int(d.order.Uint16(data[at:])) > len(data) {
		return nil, errShort
	}
	for range d.order.Uint16(data[at:]) {
		e := data[at+2:]
		tag, kind := d.order.Uint16(e), d.order.Uint16(e[2:])
		size := int(d.order.Uint32(e[4:])) * []int{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4}[kind]
		value := e[8:12]
		if start := int(d.order.Uint32(value)); size > 4 {
			if start+size > len(data) {
				return nil, errShort
			}
			value = data[start:]
		}
		d.values[tag], d.kinds[tag] = value[:size], kind
		at += 12
	}
	d.next = int(d.order.Uint32(data[at+2:]))
	return d, nil
}

// number is the first of a tag's, 0 if it is not there.
func (d *directory) number(tag uint16) uint32 {
	switch v := d.values[tag]; {
	case len(v) >= 4 && d.kinds[tag] == kindLong:
		return d.order.Uint32(v)
	case len(v) >= 2 && d.kinds[tag] == kindShort:
		return uint32(d.order.Uint16(v))
	case len(v) >= 1 && d.kinds[tag] == kindByte:
		return uint32(v[0])
	}
	return 0
}

// Tags that are needed to see a TIFF, or say nothing of anybody.
var harmless = []uint16{
	254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 296, 297, 317, 320,
	322, 323, 324, 325, 338, 339, 347, 530, 531, 532, 34675,
}

func (c *Contents) readTIFF(data []byte) error {
	for at := int(0); at != 0 || c.pages == nil; {
		d, err := directoryAt(data, at)
		if err != nil {
			return err
		}
		if at == 0 {
			at = int(d.order.Uint32(data[4:]))
			c.Orientation, c.Profile, c.Depth = int(d.number(274)), d.values[34675], max(int(d.number(258)), 1)
			c.Alpha = d.number(338) != 0 || d.number(277) == 4 && d.number(262) == tiffRGB || d.number(277) == 2
			if d.number(262) == tiffIndexed {
				c.Depth = 8
			}
		}
		c.pages, c.Delays = append(c.pages, at), append(c.Delays, 0)
		for tag, value := range d.values {
			switch {
			case tag == 34665 || tag == 34853 || tag == 315 || tag == 33432 || tag >= 270 && tag <= 272:
				c.Exif = data // it is the file itself
			case tag == 700:
				c.XMP = value
			case tag == 33723 || tag == 34377:
				c.IPTC = value
			case !slices.Contains(harmless, tag):
				c.Others = append(c.Others, fmt.Sprintf("tag %d", tag))
			}
		}
		at = d.next
		if slices.Contains(c.pages, at) {
			return fmt.Errorf("corpus: the TIFF's directories lead to themselves")
		}
	}
	return nil
}

package corpus

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// box is one of the ISO base media file format (ISO/IEC 14496-12).
type box struct {
	kind string
	body []byte
}

func boxes(data []byte) (list []box, err error) {
	for len(data) > 0 {
		if len(data) < 8 {
			return list, errShort
		}
		head, size := 8, uint64(binary.BigEndian.Uint32(data))
		switch size {
		case 0:
			size = uint64(len(data))
		case 1:
			if len(data) < 16 {
				return list, errShort
			}
			head, size = 16, binary.BigEndian.Uint64(data[8:])
		}
		if size < uint64(head) || size > uint64(len(data)) {
			return list, errShort
		}
		list = append(list, box{string(data[4:8]), data[head:size]})
		data = data[size:]
	}
	return list, nil
}

// item is one of an AVIF's (ISO/IEC 14496-12, 8.11).
type item struct{ kind, content string }

func (c *Contents) readAVIF(data []byte) error {
	top, err := boxes(data)
	if err != nil {
		return err
	}
	for _, b := range top {
		switch b.kind {
		case "ftyp", "mdat", "free":
		case "meta":
			if err := c.readMeta(data, b.body[4:]); err != nil {
				return err
			}
		default:
			c.Others = append(c.Others, b.kind)
		}
	}
	return nil
}

func (c *Contents) readMeta(data, meta []byte) error {
	list, err := boxes(meta)
	if err != nil {
		return err
	}
	items := map[uint32]item{}
	for _, b := range list {
		switch b.kind {
		case "iinf":
			err = readItems(b.body, items)
		case "iprp":
			err = c.readProperties(b.body)
		}
		if err != nil {
			return err
		}
	}
	for _, b := range list {
		if b.kind == "iloc" {
			err = c.readPlaces(data, b.body, items)
		}
	}
	return err
}

// readItems reads the entries of an item information box.
func readItems(body []byte, items map[uint32]item) error {
	head := 6
	if body[0] > 0 {
		head = 8
	}
	list, err := boxes(body[head:])
	for _, b := range list {
		if b.kind != "infe" || b.body[0] < 2 {
			return fmt.Errorf("corpus: no item entry is a %s of version %d", b.kind, b.body[0])
		}
		id, rest := uint32(binary.BigEndian.Uint16(b.body[4:])), b.body[8:]
		if b.body[0] == 3 {
			id, rest = binary.BigEndian.Uint32(b.body[4:]), b.body[10:]
		}
		_, content, _ := bytes.Cut(rest[4:], []byte{0}) // behind the name
		items[id] = item{string(rest[:4]), string(content)}
	}
	return err
}

func (c *Contents) readProperties(body []byte) error {
	list, err := boxes(body)
	if err != nil || len(list) == 0 {
		return err
	}
	list, err = boxes(list[0].body)
	for _, b := range list {
		switch {
		case b.kind == "colr" && (string(b.body[:4]) == "prof" || string(b.body[:4]) == "rICC"):
			c.Profile = b.body[4:]
		case b.kind == "auxC" && bytes.Contains(b.body, []byte("alpha")):
			c.Alpha = true
		case b.kind == "pixi":
			c.Depth = int(b.body[5])
		}
	}
	return err
}

// readPlaces finds the items' bytes by the item location box.
func (c *Contents) readPlaces(data, body []byte, items map[uint32]item) error {
	version := body[0]
	r := reader{body[4:]}
	sizes := r.number(2)
	count := 2
	if version == 2 {
		count = 4
	}
	for range r.number(count) {
		id := uint32(r.number(count))
		if version > 0 {
			r.number(2) // how it is constructed: here
		}
		r.number(2)
		base := r.number(int(sizes >> 4 & 15))
		var all []byte
		for range r.number(2) {
			if version > 0 {
				r.number(int(sizes & 15))
			}
			at, size := base+r.number(int(sizes>>12&15)), r.number(int(sizes>>8&15))
			if at+size > uint64(len(data)) {
				return errShort
			}
			all = append(all, data[at:at+size]...)
		}
		c.readItem(items[id], all)
	}
	return nil
}

func (c *Contents) readItem(i item, body []byte) {
	switch {
	case i.kind == "Exif" && len(body) > 4:
		c.Exif = body[4+binary.BigEndian.Uint32(body):]
	case i.kind == "mime" && bytes.HasPrefix([]byte(i.content), []byte("application/rdf+xml")):
		c.XMP = body
	case i.kind != "av01" && i.kind != "grid":
		c.Others = append(c.Others, i.kind)
	}
}

// reader takes numbers off the front.
type reader struct{ b []byte }

func (r *reader) number(size int) (v uint64) {
	size = min(size, len(r.b))
	for _, b := range r.b[:size] {
		v = v<<8 | uint64(b)
	}
	r.b = r.b[size:]
	return v
}

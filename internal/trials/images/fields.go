package images

import "encoding/binary"

// pngFields are the chunks' lengths, and the numbers of the headers.
func pngFields(data []byte) []field {
	var all []field
	for _, at := range pngChunks(data) {
		kind := string(data[at+4 : at+8])
		all = append(all, big(kind+" length", at, 4))
		body := at + 8
		switch kind {
		case "IHDR":
			all = append(all, big("width", body, 4), big("height", body+4, 4), big("depth", body+8, 1), big("colour", body+9, 1),
				big("compression", body+10, 1), big("filter", body+11, 1), big("interlace", body+12, 1))
		case "acTL":
			all = append(all, big("frames", body, 4), big("plays", body+4, 4))
		case "fcTL":
			all = append(all, big("frame width", body+4, 4), big("frame height", body+8, 4), big("x", body+12, 4))
		case "IDAT":
			all = append(all, big("zlib head", body, 2), big("zlib end", at+4+int(binary.BigEndian.Uint32(data[at:])), 4))
		}
	}
	return all
}

// jpegFields are the segments' lengths and all that stands in the headers of
// frame, scan and tables.
func jpegFields(data []byte) []field {
	var all []field
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		marker, size := data[at+1], int(binary.BigEndian.Uint16(data[at+2:]))
		name := markerNames[marker]
		all = append(all, big(name+" marker", at+1, 1), big(name+" length", at+2, 2))
		if name == "SOF" {
			all = append(all, big("precision", at+4, 1), big("height", at+5, 2), big("width", at+7, 2))
		}
		if name != "APP" {
			for i := range min(size-2, 20) {
				all = append(all, big(name, at+4+i, 1))
			}
		}
		at += 2 + size
		if name == "SOS" {
			break
		}
	}
	return all
}

var markerNames = map[byte]string{
	0xc0: "SOF", 0xc1: "SOF", 0xc2: "SOF", 0xc4: "DHT", 0xda: "SOS", 0xdb: "DQT", 0xdd: "DRI", 0xe0: "APP", 0xe1: "APP", 0xee: "APP",
}

// gifFields are those of the screen, the frames and the blocks.
func gifFields(data []byte) []field {
	all := []field{little("width", 6, 2), little("height", 8, 2), little("flags", 10, 1), little("background", 11, 1)}
	at := 13 + gifTable(data[10])
	for at+10 < len(data) {
		switch data[at] {
		case 0x21:
			all = append(all, little("extension", at+1, 1))
			at += 2
		case 0x2c:
			all = append(all, little("left", at+1, 2), little("top", at+3, 2), little("frame width", at+5, 2),
				little("frame height", at+7, 2), little("frame flags", at+9, 1))
			at += 10 + gifTable(data[at+9])
			all = append(all, little("code size", at, 1), little("codes", at+2, 4))
			at++
		default:
			return all
		}
		for at < len(data) {
			size := int(data[at])
			all = append(all, little("block", at, 1))
			at += 1 + size
			if size == 0 {
				break
			}
		}
	}
	return all
}

func gifTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// webpFields are the lengths of the chunks, those within frames too, and the
// sizes in each kind of header.
func webpFields(data []byte) []field {
	return append([]field{little("RIFF length", 4, 4)}, riffFields(data, 12, len(data))...)
}

func riffFields(data []byte, at, end int) []field {
	var all []field
	for at+8 <= end {
		kind, size := string(data[at:at+4]), int(binary.LittleEndian.Uint32(data[at+4:]))
		body := at + 8
		all = append(all, little(kind+" length", at+4, 4))
		switch kind {
		case "VP8X":
			all = append(all, little("flags", body, 1), little("canvas width", body+4, 3), little("canvas height", body+7, 3))
		case "VP8 ":
			all = append(all, little("frame tag", body, 3), little("width", body+6, 2), little("height", body+8, 2))
		case "VP8L":
			all = append(all, little("size", body+1, 4), little("transform", body+5, 1))
		case "ANIM":
			all = append(all, little("loops", body+4, 2))
		case "ANMF":
			all = append(all, little("x", body, 3), little("y", body+3, 3), little("frame width", body+6, 3),
				little("frame height", body+9, 3), little("duration", body+12, 3))
			all = append(all, riffFields(data, body+16, min(body+size, end))...)
		}
		at = body + size + size&1
	}
	return all
}

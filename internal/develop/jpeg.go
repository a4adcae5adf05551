package develop

import "minilab/internal/vips"

// saveJPEG keeps the quality, the kind of scan and, as far as the library can,
// the chroma sampling of the source.
func saveJPEG(n *negative) vips.Options {
	h := readJPEG(n.data)
	subsample := "off"
	if h.halved {
		subsample = "on"
	}
	return vips.Options{"Q": h.quality(), "interlace": h.progressive, "subsample_mode": subsample}
}

// jpegHeader is what a JPEG's header says and the library does not tell.
type jpegHeader struct {
	progressive bool
	halved      bool // chroma has half the width and half the height: 4:2:0
	components  int
	tables      [4]*[64]int // quantisation, in zigzag order
}

const (
	markSOF0  = 0xc0
	markDHT   = 0xc4
	markJPG   = 0xc8
	markDAC   = 0xcc
	markSOF15 = 0xcf
	markSOS   = 0xda
	markDQT   = 0xdb
)

// readJPEG reads the segments up to the first scan. What it cannot make sense
// of it leaves out: whether the image is whole is the decoder's business.
func readJPEG(data []byte) jpegHeader {
	var h jpegHeader
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		mark := data[at+1]
		if mark == 0xff { // padding
			at++
			continue
		}
		size := int(data[at+2])<<8 | int(data[at+3])
		if mark == markSOS || size < 2 || at+2+size > len(data) {
			break
		}
		body := data[at+4 : at+2+size]
		switch {
		case mark == markDQT:
			h.readTables(body)
		case mark >= markSOF0 && mark <= markSOF15 && mark != markDHT && mark != markJPG && mark != markDAC:
			h.readFrame(mark, body)
		}
		at += 2 + size
	}
	return h
}

func (h *jpegHeader) readTables(body []byte) {
	for len(body) > 0 {
		wide, id := body[0]>>4 != 0, body[0]&3
		size := 64
		if wide {
			size = 128
		}
		if len(body) < 1+size {
			return
		}
		t := new([64]int)
		for i := range t {
			if wide {
				t[i] = int(body[1+2*i])<<8 | int(body[2+2*i])
			} else {
				t[i] = int(body[1+i])
			}
		}
		h.tables[id] = t
		body = body[1+size:]
	}
}

func (h *jpegHeader) readFrame(mark byte, body []byte) {
	h.progressive = mark&3 == 2
	if len(body) < 6 {
		return
	}
	h.components = int(body[5])
	if h.components == 3 && len(body) >= 15 {
		h.halved = body[7] == 0x22 && body[10] == 0x11 && body[13] == 0x11
	}
}

// annexK are the tables of ITU-T T.81, annex K.1, for luminance and
// chrominance, in zigzag order.
var annexK = [2][64]int{
	{
		16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40,
		26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51,
		56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87,
		95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
	},
	{
		17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
	},
}

// defaultQuality is for an image whose tables are not in its header.
const defaultQuality = 90

// quality is the one of 1 to 100 whose tables come closest to the image's, as
// the sum of differences. The Independent JPEG Group's library scales the
// tables of annex K by s/100, s = 5000/q below 50 and 200 - 2q from there on
// (jpeg_quality_scaling in jcparam.c), rounds, and keeps within 1 to 255.
func (h jpegHeader) quality() int {
	best, least := defaultQuality, -1
	for q := 1; q <= 100 && h.tables[0] != nil; q++ {
		d := distance(h.tables[0], &annexK[0], q)
		if h.tables[1] != nil {
			d += distance(h.tables[1], &annexK[1], q)
		}
		if least < 0 || d <= least {
			best, least = q, d
		}
	}
	return best
}

func distance(t, base *[64]int, quality int) int {
	scale := 200 - 2*quality
	if quality < 50 {
		scale = 5000 / quality
	}
	sum := 0
	for i, b := range base {
		d := t[i] - min(max((b*scale+50)/100, 1), 255)
		sum += max(d, -d)
	}
	return sum
}

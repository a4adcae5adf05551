package develop

import "minilab/internal/vips"

// annexK are the tables of ITU-T T.81, annex K.1, for luminance and
// chrominance, in zigzag order.
var annexK = [2]vips.Table{
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
func (h *jpegHeader) quality() int {
	best, least := defaultQuality, -1
	for q := 1; q <= 100 && h.tables[0] != nil; q++ {
		d := distance(h.tables[0], 0, q)
		if h.tables[1] != nil {
			d += distance(h.tables[1], 1, q)
		}
		if least < 0 || d <= least {
			best, least = q, d
		}
	}
	return best
}

func distance(t *vips.Table, base, quality int) int {
	sum := 0
	for i, step := range tableOf(base, quality) {
		d := int(t[i]) - int(step)
		sum += max(d, -d)
	}
	return sum
}

// tableOf is the library's table for luminance (0) or chrominance (1).
func tableOf(base, quality int) vips.Table {
	scale := 200 - 2*quality
	if quality < 50 {
		scale = 5000 / quality
	}
	var t vips.Table
	for i, b := range annexK[base] {
		t[i] = uint16(min(max((int(b)*scale+50)/100, 1), 255))
	}
	return t
}

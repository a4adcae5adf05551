package corpus

import "image"

// upright turns and mirrors a picture as an orientation says: 1 leaves it, 3
// turns it by half, 6 a quarter clockwise (Exif 2.32, 4.6.4, tag 274).
func upright(m *image.NRGBA64, orientation int) *image.NRGBA64 {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	from := [9]func(x, y int) (int, int){
		2: func(x, y int) (int, int) { return w - 1 - x, y },
		3: func(x, y int) (int, int) { return w - 1 - x, h - 1 - y },
		4: func(x, y int) (int, int) { return x, h - 1 - y },
		5: func(x, y int) (int, int) { return y, x },
		6: func(x, y int) (int, int) { return y, h - 1 - x },
		7: func(x, y int) (int, int) { return w - 1 - y, h - 1 - x },
		8: func(x, y int) (int, int) { return w - 1 - y, x },
	}
	if orientation < 2 || orientation > 8 {
		return m
	}
	size := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	out := image.NewNRGBA64(size)
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			sx, sy := from[orientation](x, y)
			out.SetNRGBA64(x, y, m.NRGBA64At(sx, sy))
		}
	}
	return out
}

// laid is how a picture lies in a file that has it upright by the orientation.
func laid(m *image.NRGBA64, orientation int) *image.NRGBA64 {
	return upright(m, [9]int{0, 1, 2, 3, 4, 5, 8, 7, 6}[orientation])
}

// Oriented are images with each orientation, in each format that has them.
func Oriented() []*Image {
	var all []*Image
	for o := 1; o <= 8; o++ {
		all = append(all, orientedImages(o)...)
	}
	return all
}

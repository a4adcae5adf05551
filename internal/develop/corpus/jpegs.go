package corpus

import (
	"encoding/binary"
	"fmt"
	"image"
)

// Samplings are the factors of luma and chroma, common and odd.
var Samplings = []struct {
	Name    string
	Factors [][2]int
	Odd     bool // beyond Go's decoder
}{
	{"4:4:4", [][2]int{{1, 1}, {1, 1}, {1, 1}}, false},
	{"4:4:0", [][2]int{{1, 2}, {1, 1}, {1, 1}}, false},
	{"4:2:2", [][2]int{{2, 1}, {1, 1}, {1, 1}}, false},
	{"4:2:0", [][2]int{{2, 2}, {1, 1}, {1, 1}}, false},
	{"4:1:1", [][2]int{{4, 1}, {1, 1}, {1, 1}}, false},
	{"4:1:0", [][2]int{{4, 2}, {1, 1}, {1, 1}}, false},
	{"4:4:1", [][2]int{{1, 4}, {1, 1}, {1, 1}}, true},
	{"2x2 1x2 1x2", [][2]int{{2, 2}, {1, 2}, {1, 2}}, false},
	{"2x1 2x1 2x1", [][2]int{{2, 1}, {2, 1}, {2, 1}}, false},
	{"2x2 2x1 1x2", [][2]int{{2, 2}, {2, 1}, {1, 2}}, true},
	{"3x1 1x1 1x1", [][2]int{{3, 1}, {1, 1}, {1, 1}}, true},
	{"1x1 2x2 2x2", [][2]int{{1, 1}, {2, 2}, {2, 2}}, true}, // more chroma than luma
}

// JPEGs are of every sampling, baseline and progressive, with restart markers,
// grey, in red, green and blue, and for print.
func JPEGs() []*Image {
	var all []*Image
	for _, s := range Samplings {
		for _, f := range []jpegFile{{}, {progressive: true}, {restart: 3}, {progressive: true, restart: 2}} {
			f.factors = s.Factors
			all = append(all, ycbcrJPEG("jpeg "+s.Name, f, slopes(width, height), s.Odd))
		}
	}
	for _, size := range []image.Point{{1, 1}, {8, 1}, {1, 17}, {16, 16}} {
		f := jpegFile{factors: Samplings[3].Factors}
		all = append(all, ycbcrJPEG(fmt.Sprintf("jpeg %d x %d", size.X, size.Y), f, within(slopes(width, height), size), false))
	}
	return append(append(all, greyJPEGs()...), otherJPEGs()...)
}

// within is the upper left of a picture.
func within(m *image.NRGBA64, size image.Point) *image.NRGBA64 {
	return plain(m.SubImage(image.Rectangle{Max: size}))
}

func (f jpegFile) suffix() string {
	s := map[bool]string{true: " progressive"}[f.progressive]
	if f.restart > 0 {
		s += " with restarts"
	}
	return s
}

func ycbcrJPEG(name string, f jpegFile, m *image.NRGBA64, odd bool) *Image {
	if f.before == nil {
		f.before = []chunk{jfif}
	}
	out := &Image{
		Name: name + f.suffix(), Format: "jpeg", Data: f.encode(m.Rect.Size(), luma(m), chroma(m, 2), chroma(m, 0)),
		Frames: still(m), Within: Lossy, Near: Lossy, Depth: 8,
	}
	switch {
	case odd:
		out.Blind = "Go's decoder does not know the sampling"
	case f.progressive && f.restart > 0 && f.factors[0] != [2]int{1, 1}:
		out.Blind = "Go's decoder miscounts the restart markers of progressive scans"
	}
	return out
}

var jfif = chunk{"\xe0", []byte("JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x00\x00")}

// luma and chroma are those of JFIF: Cb is of blue (2), Cr of red (0).
func luma(m *image.NRGBA64) plane {
	return func(x, y int) float64 {
		c := channels(m.NRGBA64At(x, y))
		return 255 * (0.299*c[0] + 0.587*c[1] + 0.114*c[2])
	}
}

func chroma(m *image.NRGBA64, of int) plane {
	whole, y := map[int]float64{0: 1.402, 2: 1.772}[of], luma(m)
	return func(px, py int) float64 {
		return 128 + (255*channels(m.NRGBA64At(px, py))[of]-y(px, py))/whole
	}
}

func channel(m *image.NRGBA64, of int) plane {
	return func(x, y int) float64 { return 255 * channels(m.NRGBA64At(x, y))[of] }
}

func greyJPEGs() []*Image {
	var all []*Image
	m := grey()
	for _, f := range []jpegFile{{}, {progressive: true}, {restart: 5}} {
		for _, factors := range [][2]int{{1, 1}, {2, 2}} {
			f.factors, f.before = [][2]int{factors}, []chunk{jfif}
			all = append(all, &Image{
				Name: fmt.Sprintf("jpeg grey %dx%d%s", factors[0], factors[1], f.suffix()), Format: "jpeg",
				Data: f.encode(m.Rect.Size(), luma(m)), Frames: still(m), Within: Lossy, Near: Lossy, Depth: 8,
			})
		}
	}
	return all
}

// adobe is Adobe's segment, which says what the components are: 0 colours as
// they are, 1 YCbCr, 2 YCCK.
func adobe(transform byte) chunk {
	return chunk{"\xee", append([]byte("Adobe\x00\x64\x00\x00\x00\x00"), transform)}
}

// otherJPEGs are in other colours than luma and chroma.
func otherJPEGs() []*Image {
	m := slopes(width, height)
	rgb := jpegFile{factors: Samplings[0].Factors, before: []chunk{adobe(0)}}
	named := jpegFile{factors: Samplings[0].Factors, ids: []byte("RGB")}
	all := []*Image{
		{Name: "jpeg RGB, told by Adobe", Data: rgb.encode(m.Rect.Size(), channel(m, 0), channel(m, 1), channel(m, 2))},
		{Name: "jpeg RGB, told by the components", Data: named.encode(m.Rect.Size(), channel(m, 0), channel(m, 1), channel(m, 2))},
	}
	for _, i := range all {
		i.Format, i.Frames, i.Within, i.Near, i.Depth = "jpeg", still(m), Lossy, Lossy, 8
	}
	for _, transform := range []byte{0, 2} {
		for _, profile := range [][]byte{nil, Press()} {
			for _, progressive := range []bool{false, true} {
				all = append(all, pressJPEG(transform, profile, progressive))
			}
		}
	}
	return all
}

// pressJPEG is in print colours, inverted, as Adobe writes them.
func pressJPEG(transform byte, profile []byte, progressive bool) *Image {
	m := slopes(width, height)
	ink := mapped(m, func(c [4]float64) [4]float64 { return inks(c, shade) })
	f := jpegFile{factors: [][2]int{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, progressive: progressive, before: []chunk{adobe(transform)}}
	out := &Image{Format: "jpeg", Name: "jpeg CMYK" + f.suffix(), Frames: still(m), Within: Guessed, Near: Guessed, Depth: 8, Press: true}
	if profile != nil {
		f.before = append(f.before, jpegProfile(profile)...)
		out.Name, out.Within, out.Near, out.Profile = out.Name+" with a profile", Lossy, Lossy, profile
	}
	inverted := func(of int) plane { return func(x, y int) float64 { return 255 - channel(ink, of)(x, y) } }
	planes := []plane{inverted(0), inverted(1), inverted(2), inverted(3)}
	if transform == 2 {
		out.Name = "jpeg YCCK" + out.Name[len("jpeg CMYK"):]
		planes = []plane{luma(ink), chroma(ink, 2), chroma(ink, 0), inverted(3)}
		f.factors[0], f.factors[3] = [2]int{2, 2}, [2]int{2, 2}
	}
	out.Data = f.encode(m.Rect.Size(), planes...)
	return out
}

// jpegProfile cuts a profile into segments, here of 1,000 bytes.
func jpegProfile(icc []byte) (segments []chunk) {
	const most = 1000
	for i := 0; i*most < len(icc); i++ {
		head := append([]byte("ICC_PROFILE\x00"), byte(i+1), byte(ceil(len(icc), most)))
		segments = append(segments, chunk{"\xe2", append(head, icc[i*most:min((i+1)*most, len(icc))]...)})
	}
	return segments
}

// jpegExif, jpegXMP and jpegIPTC are segments of metadata.
func jpegExif(exif []byte) chunk { return chunk{"\xe1", append([]byte("Exif\x00\x00"), exif...)} }

func jpegXMP() chunk {
	return chunk{"\xe1", append([]byte("http://ns.adobe.com/xap/1.0/\x00"), xmp()...)}
}

func jpegIPTC() chunk { return chunk{"\xed", append([]byte("Photoshop 3.0\x00"), photoshop()...)} }

// jpegTraces are segments with all the traces.
func jpegTraces(order binary.AppendByteOrder) []chunk {
	return []chunk{jpegExif(exifOf(order, 0)), jpegXMP(), jpegIPTC(), {"\xfe", []byte(remark)}}
}

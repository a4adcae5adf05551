package darkroom

import (
	"fmt"
	"image"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gobolditalic"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// fonts are the typefaces by the names of the parameter font. They are in the
// executable: an engine process can open no file.
var fonts = map[string]func() (*opentype.Font, error){
	"regular":     parsed(goregular.TTF),
	"bold":        parsed(gobold.TTF),
	"italic":      parsed(goitalic.TTF),
	"bold-italic": parsed(gobolditalic.TTF),
	"mono":        parsed(gomono.TTF),
}

func parsed(data []byte) func() (*opentype.Font, error) {
	return sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(data) })
}

// faceOf is a typeface with letters of that size in pixels.
func faceOf(name string, size float64) (font.Face, error) {
	f, err := fonts[name]()
	if err != nil {
		return nil, fmt.Errorf("darkroom: typeface %s: %w", name, err)
	}
	const pixelsArePoints = 72
	return opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: pixelsArePoints, Hinting: font.HintingNone})
}

// typeset is text broken into lines.
type typeset struct {
	face          font.Face
	lines         []line
	width, height int // pixels
	em            int // more than any letter reaches beyond its place
}

type line struct {
	text  string
	width fixed.Int26_6
}

// newTypeset breaks text into lines of at most so many pixels, between words
// where there are any, else within one. A line has at least one letter.
func newTypeset(face font.Face, text string, room int) typeset {
	t := typeset{face: face, em: face.Metrics().Height.Ceil()}
	for paragraph := range strings.SplitSeq(text, "\n") {
		t.lines = append(t.lines, broken(face, []rune(paragraph), fixed.I(room))...)
	}
	var widest fixed.Int26_6
	for _, l := range t.lines {
		widest = max(widest, l.width)
	}
	t.width, t.height = widest.Ceil(), (face.Metrics().Height * fixed.Int26_6(len(t.lines))).Ceil()
	return t
}

// broken breaks one paragraph. The typefaces have no pairs of letters that stand
// closer to each other than others, so widths add up.
func broken(face font.Face, text []rune, room fixed.Int26_6) []line {
	var lines []line
	text = []rune(strings.TrimRight(string(text), " "))
	for {
		fits, width, words, wordsWidth := 0, fixed.Int26_6(0), 0, fixed.Int26_6(0)
		for _, r := range text {
			if r == ' ' && fits > 0 && text[fits-1] != ' ' {
				words, wordsWidth = fits, width
			}
			advance, _ := face.GlyphAdvance(r)
			if r != ' ' && width+advance > room && fits > 0 { // spaces may hang over the edge
				break
			}
			fits, width = fits+1, width+advance
		}
		if fits == len(text) {
			return append(lines, line{string(text), width})
		}
		if words > 0 {
			fits, width = words, wordsWidth
		}
		lines = append(lines, line{string(text[:fits]), width})
		text = trimLeft(text[fits:])
	}
}

// trimLeft takes the spaces away at which a line was broken.
func trimLeft(text []rune) []rune {
	for len(text) > 0 && text[0] == ' ' {
		text = text[1:]
	}
	return text
}

// reach is where letters may be drawn, from the upper left corner of the text.
func (t typeset) reach() image.Rectangle { return image.Rect(0, 0, t.width, t.height).Inset(-t.em) }

// draw makes a mask of what of the text is in an area of its reach.
func (t typeset) draw(align string, area image.Rectangle) *image.Alpha {
	mask := image.NewAlpha(area)
	m := t.face.Metrics()
	for i, l := range t.lines {
		dot := fixed.Point26_6{X: l.start(align, fixed.I(t.width)), Y: m.Ascent + fixed.Int26_6(i)*m.Height}
		if y := dot.Y.Round(); y < area.Min.Y-t.em || y > area.Max.Y+t.em {
			continue
		}
		for _, r := range l.text {
			advance, _ := t.face.GlyphAdvance(r)
			if x := dot.X.Round(); x > area.Min.X-2*t.em && x < area.Max.X+t.em {
				t.letter(mask, dot, r)
			}
			dot.X += advance
		}
	}
	return mask
}

// start is where a line begins in a text of that width.
func (l line) start(align string, width fixed.Int26_6) fixed.Int26_6 {
	switch align {
	case "left":
		return 0
	case "right":
		return width - l.width
	}
	return (width - l.width) / 2
}

// letter draws one. Where letters overlap, what one leaves open the next covers
// its share of.
func (t typeset) letter(mask *image.Alpha, dot fixed.Point26_6, r rune) {
	at, glyph, from, _, ok := t.face.Glyph(dot, r)
	shape, isMask := glyph.(*image.Alpha)
	if !ok || !isMask {
		return
	}
	in := at.Intersect(mask.Rect)
	for y := in.Min.Y; y < in.Max.Y; y++ {
		to := mask.Pix[mask.PixOffset(in.Min.X, y):][:in.Dx()]
		with := shape.Pix[shape.PixOffset(in.Min.X-at.Min.X+from.X, y-at.Min.Y+from.Y):][:in.Dx()]
		for i, v := range with {
			to[i] = uint8(255 - ((255-int(to[i]))*(255-int(v))+127)/255)
		}
	}
}

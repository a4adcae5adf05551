package darkroom_test

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gobolditalic"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"

	"minilab/internal/pipeline"
)

var typefaces = map[string][]byte{
	"regular": goregular.TTF, "bold": gobold.TTF, "italic": goitalic.TTF, "bold-italic": gobolditalic.TTF, "mono": gomono.TTF,
}

func faceFor(tb testing.TB, name string, size float64) font.Face {
	tb.Helper()
	f, err := opentype.Parse(typefaces[name])
	if err != nil {
		tb.Fatal(err)
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		tb.Fatal(err)
	}
	return face
}

// psnr compares a result with a picture, in decibels.
func psnr(r result, want image.Image) float64 {
	sum := 0.
	for y := range r.height {
		for x := range r.width {
			c := color.NRGBAModel.Convert(want.At(x, y)).(color.NRGBA) //nolint:forcetypeassert // it is that model's
			for b, v := range []uint8{c.R, c.G, c.B} {
				d := r.at(x, y, min(b, r.bands-1)) - float64(v)/255
				sum += d * d
			}
		}
	}
	return -10 * math.Log10(max(sum, 1e-9)/float64(3*r.width*r.height))
}

// TestTextBesideDrawer: what is drawn is what font.Drawer draws with the same
// typeface at the place that the gravity and the letters' metrics say.
func TestTextBesideDrawer(t *testing.T) {
	const w, h = 420, 120
	for name := range typefaces {
		for gravity, at := range map[string][2]float64{"northwest": {0, 0}, "center": {.5, .5}, "southeast": {1, 1}, "east": {1, .5}} {
			for _, words := range []string{"Grüße, Ђукa", "Ω AVA fj…"} {
				face := faceFor(t, name, 40)
				want := image.NewNRGBA(image.Rect(0, 0, w, h))
				for i := range want.Pix {
					want.Pix[i] = [4]byte{20, 60, 90, 255}[i%4]
				}
				m := face.Metrics()
				width, height := font.MeasureString(face, words), m.Height.Ceil()
				left, top := math.Floor(at[0]*float64(w-width.Ceil())), math.Floor(at[1]*float64(h-height))
				pen := fixed.Point26_6{X: fixed.I(int(left)) + (fixed.I(width.Ceil())-width)/2, Y: fixed.I(int(top)) + m.Ascent}
				d := font.Drawer{Dst: want, Src: image.NewUniform(color.NRGBA{250, 200, 0, 255}), Face: face, Dot: pen}
				d.DrawString(words)
				step := "text:" + strings.ReplaceAll(words, " ", "%20") + ":40:fac800:" + gravity + ":" + name
				r := plain(w, h, false, 20./255, 60./255, 90./255).must(t, step)
				if db := psnr(r, want); db < 50 {
					t.Errorf("%s: %.1f dB away from what font.Drawer draws", step, db)
				}
			}
		}
	}
}

// ink is where a result differs from a plain background, and how much of that
// there is, in pixels that are covered as a whole.
func inked(r result, background float64) (box image.Rectangle, area float64) {
	for y := range r.height {
		for x := range r.width {
			if d := math.Abs(r.at(x, y, 0) - background); d > 0 {
				box = box.Union(image.Rect(x, y, x+1, y+1))
				area += d
			}
		}
	}
	return box, area
}

// TestTextWraps: lines end between words, within the width; a word that is wider
// is broken; new lines are kept; lines are aligned to each other.
func TestTextWraps(t *testing.T) {
	s := plain(300, 400, false, 0)
	face := faceFor(t, "mono", 20) // all letters are as wide
	advance, _ := face.GlyphAdvance('m')
	column := float64(advance) / 64
	lineHeight := float64(face.Metrics().Height) / 64
	for words, lines := range map[string][]string{
		"mm mm mm":          {"mm mm", "mm"},
		"mmm mmm mmm":       {"mmm", "mmm", "mmm"},
		"mmmmmmmm":          {"mmmmm", "mmm"},
		"m mmmmmmmm":        {"m", "mmmmm", "mmm"},
		"mm\nm\n\nmm":       {"mm", "m", "", "mm"},
		"mmmmm mmmmm":       {"mmmmm", "mmmmm"},
		"mm    mmmm mm    ": {"mm", "mmmm", "mm"},
		"  mm mm":           {"  mm", "mm"},
	} {
		for align, share := range map[string]float64{"left": 0, "center": .5, "right": 1} {
			text := strings.NewReplacer(" ", "%20", "\n", "%0A").Replace(words)
			r := s.must(t, fmt.Sprintf("text:%s:20:white:northwest:mono:width=%d:align=%s", text, int(5.5*column), align))
			widest := 0
			for _, l := range lines {
				widest = max(widest, len(l))
			}
			for i, l := range lines {
				top, bottom := int(float64(i)*lineHeight)+1, int(float64(i+1)*lineHeight)
				part := result{width: r.width, height: bottom - top, bands: 1, values: r.values[top*r.width : bottom*r.width]}
				box, _ := inked(part, 0)
				letters := len(strings.TrimLeft(l, " "))
				right := column*share*float64(widest-len(l)) + column*float64(len(l))
				left := right - column*float64(letters)
				if letters == 0 && !box.Empty() ||
					letters > 0 && (math.Abs(float64(box.Min.X)-left) > 3 || math.Abs(float64(box.Max.X)-right) > 3) {
					t.Errorf("%q %s: line %d is at %d to %d, want %.1f to %.1f", words, align, i, box.Min.X, box.Max.X, left, right)
				}
			}
			if box, _ := inked(r, 0); float64(box.Max.Y) > lineHeight*float64(len(lines)) {
				t.Errorf("%q: there are more than %d lines", words, len(lines))
			}
		}
	}
}

// TestTextColours: alpha covers its share, in every kind of image; grey text
// leaves a grey image grey, and coloured text makes it colour.
func TestTextColours(t *testing.T) {
	for bands := 1; bands <= 4; bands++ {
		for _, deep := range []bool{false, true} {
			channels := []float64{0, 0, 0, 0}[:bands]
			if bands%2 == 0 {
				channels[bands-1] = 1
			}
			s := plain(120, 60, deep, channels...)
			_, whole := inked(s.must(t, "text:Lab:40:white:center"), 0)
			_, half := inked(s.must(t, "text:Lab:40:ffffff80:center"), 0)
			if whole < 300 || math.Abs(half/whole-128./255) > 0.01 {
				t.Errorf("%d bands, deep %v: %.1f pixels are covered, and %.1f by half", bands, deep, whole, half)
			}
			if r := s.must(t, "text:Lab:40:white"); r.bands != bands {
				t.Errorf("white text made %d channels of %d", r.bands, bands)
			}
			r := s.must(t, "text:Lab:40:ff0000:center")
			if r.bands != max(bands, 4-bands%2) {
				t.Errorf("red text made %d channels of %d", r.bands, bands)
			}
			for i := 0; i < len(r.values); i += r.bands {
				if r.values[i+1] != 0 || r.values[i+2] != 0 {
					t.Fatalf("red text has %v", r.values[i:i+r.bands])
				}
			}
		}
	}
	clear := plain(100, 50, false, 0, 0, 1, 0)
	r := clear.must(t, "text:M:40:ff0000:center")
	solid := 0
	for i := 0; i < len(r.values); i += 4 {
		if r.values[i+3] > 0 && (r.values[i] != 1 || r.values[i+2] != 0) {
			t.Fatalf("over what is transparent, text has the colour %v", r.values[i:i+4])
		}
		if r.values[i+3] == 1 {
			solid++
		}
	}
	if solid < 100 {
		t.Errorf("%d pixels are opaque", solid)
	}
}

// TestTextBox: behind the letters, a quarter of their size larger, at the
// gravity; on each page.
func TestTextBox(t *testing.T) {
	s := plain(200, 200, false, 0, 0, 0)
	r, err := s.apply(t, "text:Hi:20:white:southeast:box=00ff0080:x=10:y=5", 2)
	if err != nil {
		t.Fatal(err)
	}
	face := faceFor(t, "regular", 20)
	w, h := font.MeasureString(face, "Hi").Ceil()+10, face.Metrics().Height.Ceil()+10
	want := image.Rect(200-10-w, 100-5-h, 200-10, 100-5)
	for y := range 200 {
		for x := range 200 {
			in := image.Pt(x, y%100).In(want)
			if green := r.at(x, y, 1); in && green < 128./255 || !in && green > 0 {
				t.Fatalf("at %d,%d green is %.3f; the box is %v", x, y, green, want)
			}
		}
	}
	if r.at(100, 50, 0) != 0 || r.at(want.Min.X, want.Min.Y, 0) != 0 {
		t.Error("there is red outside the letters")
	}
	if _, area := inked(r, 0); area < 50 {
		t.Errorf("letters cover %.1f pixels", area)
	}
}

// TestTextBeyondTheEdges: what does not fit is cut off, however large it is, and
// takes no longer than what there is to see.
func TestTextBeyondTheEdges(t *testing.T) {
	s := plain(300, 200, false, 0)
	long := strings.Repeat("W", 1990)
	begin := time.Now()
	for _, text := range []string{
		"text:" + long + ":2000:white:center:width=65535:box=ff0000",
		"text:" + long + ":2000:white:northwest:x=-65535:y=-65535",
		"text:" + strings.Repeat("W%0A", 900) + ":2000:white:center",
		"text:" + strings.Repeat("%0A", 1999) + "W:2000",
		"text:" + strings.Repeat("m%20", 900) + ":4:white:center:width=1",
		"text:" + long + ":4:white:center:mono",
		"text:M:100p:white:center",
		"text:M:0p:white",
		"text:%20%20%0A%20:100:white:center:box=white",
	} {
		if _, err := s.apply(t, text, 1); err != nil {
			t.Errorf("%.40s: %v", text, err)
		}
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	part, all := s.must(t, "text:MMM:100:white:northwest:x=-40:y=-30"), plain(600, 400, false, 0).must(t, "text:MMM:100:white:northwest:x=60:y=70")
	for y := range s.height {
		for x := range s.width {
			if part.at(x, y, 0) != all.at(x+100, y+100, 0) {
				t.Fatalf("at %d,%d the part is not that of the whole", x, y)
			}
		}
	}
}

// TestLetters: what pipelines may write is what every typeface has.
func TestLetters(t *testing.T) {
	for name, data := range typefaces {
		f, err := sfnt.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		var b sfnt.Buffer
		for r := ' '; r <= 0x10ffff; r++ {
			if r >= 0xd800 && r < 0xf900 {
				continue // surrogates, and characters for private use
			}
			g, err := f.GlyphIndex(&b, r)
			if err != nil {
				t.Fatal(err)
			}
			if got := pipeline.HasLetter(r); got != (g != 0) {
				t.Errorf("%s: %U is a letter: %v, in the typeface: %v", name, r, got, g != 0)
			}
		}
	}
	_, err := pipeline.Parse("resize:10x10/text:caf%C3%A9%20%E6%97%A5")
	if !errors.Is(err, pipeline.ErrInvalid) || !strings.Contains(err.Error(), "U+65E5") {
		t.Errorf("a letter that no typeface has: %v", err)
	}
}

package coeff

import (
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"minilab/internal/coeff/coefftest"
)

// picture is what JPEGs are made of: a photograph, or drawn to be hard.
type picture struct {
	name          string
	width, height int
	pixels        []byte
	ycc           bool // of luma and chroma, among them colours that no pixel has
	clips         bool // its JPEGs have much that is beyond 0 and 255
}

const seed = 6

func pictures(t testing.TB) []picture {
	return []picture{photograph(t), boxes("primaries", primary), stripes(), boxes("no colours", anything).asYCC()}
}

// photograph is a picture of Go's, which is there wherever Go is.
func photograph(t testing.TB) picture {
	m, err := goPicture()
	if err != nil {
		t.Fatal(err)
	}
	b := m.Bounds()
	p := picture{name: "photograph", width: b.Dx(), height: b.Dy()}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			red, green, blue, _ := m.At(x, y).RGBA()
			p.pixels = append(p.pixels, byte(red>>8), byte(green>>8), byte(blue>>8))
		}
	}
	return p
}

var goPicture = sync.OnceValues(func() (image.Image, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(root)), "src/image/testdata/video-001.png"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return png.Decode(f)
})

func primary(random *rand.Rand) byte  { return byte(255 * random.IntN(2)) }
func anything(random *rand.Rand) byte { return byte(random.IntN(256)) }

// boxes lie one over the other, of colours whose channels are drawn.
func boxes(name string, channel func(*rand.Rand) byte) picture {
	random := rand.New(rand.NewPCG(seed, 1))
	p := picture{name: name, width: 93, height: 71, pixels: make([]byte, 93*71*3), clips: true}
	for range 60 {
		colour := [3]byte{channel(random), channel(random), channel(random)}
		left, top, width, height := random.IntN(p.width), random.IntN(p.height), 1+random.IntN(40), 1+random.IntN(40)
		for y := top; y < min(top+height, p.height); y++ {
			for x := left; x < min(left+width, p.width); x++ {
				copy(p.pixels[3*(y*p.width+x):], colour[:])
			}
		}
	}
	return p
}

// stripes are of pure colours, 1 to 9 pixels wide, across in the upper half and down
// in the lower one.
func stripes() picture {
	random := rand.New(rand.NewPCG(seed, 2))
	p := picture{name: "stripes", width: 85, height: 90, clips: true}
	colours := [100][3]byte{}
	for i, width := 0, 0; i < len(colours); i++ {
		if width--; width <= 0 {
			width = 1 + random.IntN(9)
			colours[i] = [3]byte{primary(random), primary(random), primary(random)}
			continue
		}
		colours[i] = colours[i-1]
	}
	for y := range p.height {
		for x := range p.width {
			at := x
			if y > p.height/2 {
				at = y
			}
			p.pixels = append(p.pixels, colours[at][:]...)
		}
	}
	return p
}

func (p picture) asYCC() picture {
	p.ycc = true
	return p
}

// kind is how the picture is made into a JPEG.
func (p picture) kind(h, v, quality int) coefftest.Kind {
	return coefftest.Kind{Width: p.width, Height: p.height, Components: 3, H: h, V: v, Quality: quality, YCC: p.ycc}
}

// samplings are 4:4:4, 4:2:2, 4:4:0, and 4:2:0.
var samplings = [][2]int{{1, 1}, {2, 1}, {1, 2}, {2, 2}}

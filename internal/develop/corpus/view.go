package corpus

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"time"

	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// Decoder gives the frames of a file as they lie in it, in its colours.
type Decoder func(data []byte) ([]*image.NRGBA64, error)

// View shows a file as a viewer does: upright, in sRGB. Other, which may be nil,
// is asked for what Go has no decoder for.
func View(data []byte, other Decoder) ([]Frame, *Contents, error) {
	c, err := Read(data)
	if err != nil {
		return nil, nil, err
	}
	frames, err := c.decode(data)
	if err != nil && other != nil {
		var plain []*image.NRGBA64
		plain, err = other(data)
		frames = make([]Frame, len(plain))
		for i, m := range plain {
			frames[i].Image = m
			if i < len(c.Delays) {
				frames[i].Delay = c.Delays[i]
			}
		}
	}
	if err != nil {
		return nil, c, err
	}
	for i, f := range frames {
		m := f.Image
		if see := seerOf(c.Profile, isGrey(m)); see != nil {
			m = mapped(m, see)
		}
		if c.Format != "avif" { // whose boxes turn it
			m = upright(m, c.Orientation)
		}
		frames[i].Image = m
	}
	return frames, c, nil
}

func isGrey(m *image.NRGBA64) bool {
	for i := 0; i < len(m.Pix); i += 8 {
		if p := m.Pix[i : i+6]; !bytes.Equal(p[:2], p[2:4]) || !bytes.Equal(p[:2], p[4:]) {
			return false
		}
	}
	return true
}

func (c *Contents) decode(data []byte) ([]Frame, error) {
	var m image.Image
	var err error
	switch {
	case c.Format == "gif":
		return decodeGIF(data)
	case c.Format == "tiff":
		return c.decodeTIFF(data)
	case c.Format == "webp" && c.parts != nil:
		return c.decodeFilm(data)
	case c.Format == "webp":
		m, err = webp.Decode(bytes.NewReader(data))
	case c.Format == "png":
		m, err = png.Decode(bytes.NewReader(data))
	case c.Format == "jpeg":
		m, err = jpeg.Decode(bytes.NewReader(data))
	default:
		err = fmt.Errorf("corpus: no decoder of %s", c.Format)
	}
	if err != nil {
		return nil, err
	}
	if ink, ok := m.(*image.CMYK); ok {
		m = printed(ink, c.Profile != nil)
		c.Profile = nil // it has been used
	}
	return still(plain(m)), nil
}

// printed is what Press prints, or, without a profile, the naive way.
func printed(m *image.CMYK, linear bool) *image.NRGBA64 {
	out := image.NewNRGBA64(m.Rect)
	decode, encode := decodeSRGB, encodeSRGB
	if !linear {
		decode = func(v float64) float64 { return v }
		encode = decode
	}
	for i := 0; i < len(m.Pix); i += 4 {
		black := decode(1 - float64(m.Pix[i+3])/255)
		for j := range 3 {
			v := word(encode(decode(1-float64(m.Pix[i+j])/255) * black))
			binary.BigEndian.PutUint16(out.Pix[2*i+2*j:], v)
		}
		binary.BigEndian.PutUint16(out.Pix[2*i+6:], math.MaxUint16)
	}
	return out
}

func decodeGIF(data []byte) ([]Frame, error) {
	g, err := gif.DecodeAll(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var parts []part
	for i, m := range g.Image {
		at := image.NewNRGBA64(m.Rect)
		draw.Draw(at, m.Rect, m, m.Rect.Min, draw.Src)
		parts = append(parts, part{at, time.Duration(g.Delay[i]) * 10 * time.Millisecond, g.Disposal[i], true})
	}
	return film(image.Pt(g.Config.Width, g.Config.Height), parts), nil
}

// decodeTIFF shows every page to a decoder that knows the first one only.
func (c *Contents) decodeTIFF(data []byte) (frames []Frame, err error) {
	data = bytes.Clone(data)
	order := binary.ByteOrder(binary.LittleEndian)
	if data[0] == 'M' {
		order = binary.BigEndian
	}
	for _, at := range c.pages {
		order.PutUint32(data[4:], uint32(at))
		m, err := tiff.Decode(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		frames = append(frames, Frame{Image: plain(m)})
	}
	return frames, nil
}

// decodeFilm shows every frame of a WebP to a decoder of still ones.
func (c *Contents) decodeFilm(data []byte) ([]Frame, error) {
	var parts []part
	for i, p := range c.parts {
		b := p.body
		size := image.Pt(unpack(b[6:])+1, unpack(b[9:])+1)
		chunks, err := riffChunks(b[16:])
		if err != nil {
			return nil, err
		}
		m, err := webp.Decode(bytes.NewReader(riff(append([]chunk{extended(webpAlpha, size)}, chunks...)...)))
		if err != nil {
			return nil, err
		}
		frame := plain(m)
		frame.Rect = frame.Rect.Add(image.Pt(2*unpack(b), 2*unpack(b[3:])))
		parts = append(parts, part{frame, c.Delays[i], 2 * (b[15] & frameClears), b[15]&frameReplaces == 0})
	}
	const head = 8 // RIFF's and the canvas' chunk's
	canvas := image.Pt(unpack(data[12+head+4:])+1, unpack(data[12+head+7:])+1)
	return film(canvas, parts), nil
}

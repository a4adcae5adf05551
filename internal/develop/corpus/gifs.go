package corpus

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"time"
)

// part is a frame of an animation as the file has it.
type part struct {
	image   *image.NRGBA64 // at its place
	delay   time.Duration
	dispose byte // as in a GIF
	over    bool // is drawn over what is there; else it takes its place
}

// film shows the parts one after the other and is what a viewer sees.
func film(size image.Point, parts []part) []Frame {
	canvas := image.NewNRGBA64(image.Rectangle{Max: size})
	var frames []Frame
	for _, p := range parts {
		before := plain(canvas)
		for y := p.image.Rect.Min.Y; y < p.image.Rect.Max.Y; y++ {
			for x := p.image.Rect.Min.X; x < p.image.Rect.Max.X; x++ {
				c := p.image.NRGBA64At(x, y)
				if p.over {
					c = over(c, canvas.NRGBA64At(x, y))
				}
				canvas.SetNRGBA64(x, y, c)
			}
		}
		frames = append(frames, Frame{plain(canvas), p.delay})
		switch p.dispose {
		case gif.DisposalBackground:
			draw.Draw(canvas, p.image.Rect, image.Transparent, image.Point{}, draw.Src)
		case gif.DisposalPrevious:
			canvas = before
		}
	}
	if len(frames) == 1 {
		frames[0].Delay = 0 // nothing moves
	}
	return frames
}

// over lays a straight colour over another.
func over(a, b color.NRGBA64) color.NRGBA64 {
	top, under := channels(a), channels(b)
	alpha := top[3] + under[3]*(1-top[3])
	if alpha == 0 {
		return color.NRGBA64{}
	}
	var c [3]float64
	for i := range c {
		c[i] = (top[i]*top[3] + under[i]*under[3]*(1-top[3])) / alpha
	}
	return color.NRGBA64{R: word(c[0]), G: word(c[1]), B: word(c[2]), A: word(alpha)}
}

// GIFs are still and animated ones, with every way to leave a frame, and with
// frames that cover a part or have holes.
func GIFs() []*Image {
	all := []*Image{
		gifOf("gif still", 0, 1, 0, false, gif.DisposalNone),
		gifOf("gif still with a hole", 0, 1, 0, true, gif.DisposalNone),
		gifOf("gif still with an offset", 0, 1, 5, true, gif.DisposalNone),
		gifOf("gif once", -1, 3, 0, false, gif.DisposalNone),
		gifOf("gif with offsets", 7, 4, 3, false, gif.DisposalNone),
		gifOf("gif with offsets and holes", 0, 4, 3, true, gif.DisposalNone),
		gifOf("gif to background", 0, 4, 3, true, gif.DisposalBackground),
		gifOf("gif to background, whole frames", 0, 3, 0, true, gif.DisposalBackground),
		gifOf("gif to previous", 0, 4, 3, true, gif.DisposalPrevious),
		gifOf("gif with all disposals", 2, 6, 3, true, gif.DisposalNone, gif.DisposalBackground, gif.DisposalNone, gif.DisposalPrevious),
		gifOf("gif with no disposal told", 0, 4, 3, true, 0, 0),
	}
	return all
}

// gifOf makes an animation of so many frames, each further in than the one
// before. Loop is as package gif has it: 0 for ever, -1 once.
func gifOf(name string, loop, frames, inset int, hole bool, disposals ...byte) *Image {
	g := &gif.GIF{LoopCount: loop, Config: image.Config{Width: width, Height: height}}
	out := &Image{Name: name, Format: "gif", Depth: 8, Alpha: hole}
	var parts []part
	for i := range frames {
		r := image.Rect(i*inset, i*inset, width-i*inset/2, height-i*inset)
		if frames == 1 {
			r = image.Rect(inset, inset, width, height)
		}
		m := image.NewPaletted(r, gifTable(i, hole))
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				m.SetColorIndex(x, y, uint8((x/4+y/4*3+i)%len(m.Palette)))
			}
		}
		delay := 4 + 3*i
		dispose := disposals[i%len(disposals)]
		g.Image, g.Delay, g.Disposal = append(g.Image, m), append(g.Delay, delay), append(g.Disposal, dispose)
		at := image.NewNRGBA64(r)
		draw.Draw(at, r, m, r.Min, draw.Src)
		parts = append(parts, part{at, time.Duration(delay) * 10 * time.Millisecond, dispose, true})
	}
	var b bytes.Buffer
	_ = gif.EncodeAll(&b, g) // a buffer takes everything
	out.Data, out.Frames = b.Bytes(), film(image.Pt(width, height), parts)
	if out.Loop = loop; loop == -1 || frames == 1 {
		out.Loop = 1
	} else if loop > 0 {
		out.Loop = loop + 1
	}
	return out
}

// gifTable has colours of its own for each frame, and a hole if asked.
func gifTable(frame int, hole bool) color.Palette {
	var table color.Palette
	for i := range 7 {
		table = append(table, color.RGBA{uint8(40 + 25*i), uint8(60 + 30*frame), uint8(200 - 20*i - 10*frame), 255})
	}
	if hole {
		table[3] = color.RGBA{}
	}
	return table
}

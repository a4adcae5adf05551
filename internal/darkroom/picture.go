package darkroom

import (
	"minilab/internal/vips"
)

// picture is an image that calls can be chained on. Once a call has failed, all
// further ones of the same tray do nothing; Apply tells.
type picture struct {
	*vips.Image
	tray *Tray
}

// call runs an operation of the library. Options may hold pictures.
func (p picture) call(operation string, o vips.Options) picture {
	if p.tray.err != nil {
		return p
	}
	image, err := p.Call(operation, images(o))
	return p.tray.picture(image, err, p)
}

// make runs an operation of the library that makes an image of no other one, or
// of several.
func (t *Tray) make(operation string, o vips.Options) picture {
	if t.err != nil {
		return picture{tray: t}
	}
	image, err := vips.Make(operation, images(o))
	return t.picture(image, err, picture{tray: t})
}

// pixels makes a picture of bytes; see vips.OfPixels.
func (t *Tray) pixels(data []byte, width, height, bands, bytes int) picture {
	if t.err != nil {
		return picture{tray: t}
	}
	image, err := vips.OfPixels(data, width, height, bands, bytes)
	return t.picture(image, err, picture{tray: t})
}

func (t *Tray) picture(image *vips.Image, err error, otherwise picture) picture {
	if err != nil {
		t.fail(err)
		return otherwise
	}
	return picture{t.Keep(image), t}
}

// images replaces pictures among options by their images.
func images(o vips.Options) vips.Options {
	out := make(vips.Options, len(o))
	for key, v := range o {
		switch v := v.(type) {
		case picture:
			out[key] = v.Image
		case []picture:
			list := make([]*vips.Image, len(v))
			for i, p := range v {
				list[i] = p.Image
			}
			out[key] = list
		default:
			out[key] = v
		}
	}
	return out
}

// measure reads numbers that an operation of the library finds out.
func (p picture) measure(operation string, o vips.Options, numbers ...*vips.Number) {
	if p.tray.err == nil {
		if err := p.Measure(operation, images(o), numbers...); err != nil {
			p.tray.fail(err)
		}
	}
}

// band is one channel, or n from it on.
func (p picture) band(first, n int) picture {
	return p.call("extract_band", vips.Options{"band": first, "n": n})
}

// area is a part of the picture.
func (p picture) area(left, top, width, height int) picture {
	if p.tray.err != nil {
		return p
	}
	return p.tray.make("extract_area", vips.Options{"input": p, "left": left, "top": top, "width": width, "height": height})
}

// join puts the channels of pictures behind each other.
func (p picture) join(more ...picture) picture {
	if p.tray.err != nil {
		return p
	}
	all := append([]picture{p}, more...)
	out := p.tray.make("bandjoin", vips.Options{"in": all})
	if p.tray.err != nil {
		return p
	}
	return out
}

// as gives the values another meaning, such as srgb, without changing them.
func (p picture) as(interpretation string) picture {
	return p.call("copy", vips.Options{"interpretation": interpretation})
}

// picture is the sheet's image, to be worked on; set puts it back.
func (s *Sheet) picture() picture { return picture{s.Image, s.tray} }

// set makes p the sheet's image. It must be of one of the four kinds, with as
// many pages as before.
func (s *Sheet) set(p picture) {
	if s.tray.err == nil {
		s.Image, s.settled = p.Image, false
	}
}

// each does the same with every page by itself: for operations that look at
// neighbours or move pixels. All results must have the same size.
func (s *Sheet) each(f func(page picture) picture) {
	if s.Pages == 1 {
		s.set(f(s.picture()))
		s.paged()
		return
	}
	s.settle()
	pages := make([]picture, s.Pages)
	for i := range pages {
		pages[i] = f(s.page(i))
	}
	if s.tray.err == nil {
		s.set(s.tray.make("arrayjoin", vips.Options{"in": pages, "across": 1}))
		s.settle()
		s.paged()
	}
}

// paged notes how high a page is, which savers of several pages ask for.
func (s *Sheet) paged() {
	if noted, ok := s.Int("page-height"); ok && noted != s.PageHeight() && s.tray.err == nil {
		s.annotate(func(p picture) { p.SetInt("page-height", s.PageHeight()) })
	}
}

// annotate changes the image's metadata.
func (s *Sheet) annotate(change func(p picture)) {
	p, settled := s.picture().call("copy", nil), s.settled
	if s.tray.err == nil {
		change(p)
	}
	s.set(p)
	s.settled = settled
}

// page is one of the pages, from 0.
func (s *Sheet) page(i int) picture {
	if s.Pages == 1 {
		return s.picture()
	}
	return s.picture().area(0, i*s.PageHeight(), s.Width(), s.PageHeight())
}

// PageHeight is the height of one page.
func (s *Sheet) PageHeight() int { return s.Height() / s.Pages }

// settle computes the pixels into memory, where they can be read in any order
// and more than once.
func (s *Sheet) settle() {
	if s.settled || s.tray.err != nil {
		return
	}
	image, err := s.Settle()
	if err != nil {
		s.tray.fail(err)
		return
	}
	s.Image, s.settled = s.tray.Keep(image), true
}

// Settled computes the pixels into memory, so that they can be written more
// than once.
func (s *Sheet) Settled() error {
	s.settle()
	return s.tray.err
}

// deep says that channels have 16 bits.
func (s *Sheet) deep() bool { return s.Bits() > 8 }

// full is the largest value of a channel.
func (s *Sheet) full() float64 {
	if s.deep() {
		return 65535
	}
	return 255
}

// HasAlpha says that the last channel is alpha.
func (s *Sheet) HasAlpha() bool { return s.Bands()%2 == 0 }

// coloured makes a grey sheet one of red, green and blue, in sRGB.
func (s *Sheet) coloured() {
	if s.Bands() >= 3 {
		return
	}
	s.plainGrey()
	s.set(s.picture().call("colourspace", vips.Options{"space": s.rgb()}))
}

// rgb and grey are the interpretations at the sheet's depth.
func (s *Sheet) rgb() string {
	if s.deep() {
		return "rgb16"
	}
	return "srgb"
}

func (s *Sheet) grey() string {
	if s.deep() {
		return "grey16"
	}
	return "b-w"
}

// colours does something with the channels that are not alpha.
func (s *Sheet) colours(f func(p picture) picture) { s.set(s.besideAlpha(s.picture(), f)) }

// besideAlpha does something with the channels that are not alpha.
func (s *Sheet) besideAlpha(p picture, f func(p picture) picture) picture {
	if !s.HasAlpha() {
		return f(p)
	}
	n := p.Bands() - 1
	colours, alpha := p.band(0, n), p.band(n, 1)
	return f(colours).join(alpha)
}

// round brings values that are not whole, or out of range, back to the sheet's
// depth.
func (s *Sheet) round(p picture) picture {
	format := "uchar"
	if s.deep() {
		format = "ushort"
	}
	if p.Float() {
		p = p.call("round", vips.Options{"round": "rint"})
	}
	p = p.call("cast", vips.Options{"format": format})
	if p.Bands() >= 3 {
		return p.as(s.rgb())
	}
	return p.as(s.grey())
}

// premultiplied does something with the image while its colours are multiplied
// by alpha, as whatever mixes pixels must: what is invisible must not show.
func (s *Sheet) premultiplied(p picture, f func(p picture) picture) picture {
	if !s.HasAlpha() {
		return f(p)
	}
	return s.round(f(s.multiplied(p)).call("unpremultiply", vips.Options{"max_alpha": s.full()}))
}

// multiplied is the picture with its colours multiplied by alpha, in whole
// numbers: that is several times as fast, and less than a step of what is seen.
func (s *Sheet) multiplied(p picture) picture {
	if !s.HasAlpha() {
		return p
	}
	return s.round(p.call("premultiply", vips.Options{"max_alpha": s.full()}))
}

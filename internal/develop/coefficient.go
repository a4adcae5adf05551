package develop

import (
	"errors"

	"golang.org/x/sys/unix"

	"minilab/internal/coeff"
	"minilab/internal/darkroom"
	"minilab/internal/engine/wire"
	"minilab/internal/vips"
)

// coefficients makes the results without decoding pixels. It is not ok if one of
// them is not for this lane; then nothing is written.
func (n *negative) coefficients(job Job) (outputs []wire.Output, ok bool, err error) {
	if n.format.name != "jpeg" || n.wish.partial || n.wish.pixels {
		return nil, false, nil
	}
	image, err := coeff.Open(n.data)
	if errors.Is(err, coeff.ErrStrange) {
		return nil, false, nil // perhaps it is broken: the pixels' way tells
	}
	if err != nil {
		return nil, false, err
	}
	plans, orders, ok := n.planAll(job.Outputs, image)
	for i := range plans {
		err := n.writeCoefficients(image, plans[i], orders[i], job.Outputs[i].File, job.MaxOutput)
		if errors.Is(err, coeff.ErrStrange) {
			return nil, false, empty(job.Outputs[:i+1])
		}
		if err != nil {
			return nil, false, err
		}
		width, height := plans[i].view.size()
		outputs = append(outputs, wire.Output{ContentType: n.format.contentType, Width: width, Height: height, Pages: 1})
	}
	return outputs, ok, nil
}

// planAll plans all results; it is not ok if one is not for this lane.
func (n *negative) planAll(targets []Target, image *coeff.Image) (plans []plan, orders []coeff.Order, ok bool) {
	turned, _ := n.image.Int("orientation")
	for _, t := range targets {
		p, ok := planOf(t.Pipeline, image, turned, n.image.Blob(iccField) != nil)
		if !ok {
			return nil, nil, false
		}
		o, ok := p.order(image)
		if width, height := p.view.size(); !ok || max(width, height) > sides["jpeg"] {
			return nil, nil, false
		}
		plans, orders = append(plans, p), append(orders, o)
	}
	return plans, orders, true
}

// empty takes back what has been written.
func empty(targets []Target) error {
	for _, t := range targets {
		if err := unix.Ftruncate(t.File, 0); err != nil {
			return err
		}
		if _, err := unix.Seek(t.File, 0, unix.SEEK_SET); err != nil {
			return err
		}
	}
	return nil
}

func (n *negative) writeCoefficients(image *coeff.Image, p plan, o coeff.Order, file int, limit int64) error {
	var err error
	if o.Head, err = n.segments(p); err != nil {
		return err
	}
	err = image.Write(file, limit, o)
	switch {
	case errors.Is(err, coeff.ErrLimit):
		return tooLarge(limit)
	case errors.Is(err, coeff.ErrMemory):
		return wire.ErrMemory.Because(err)
	}
	return err
}

// segments are what the pixels' way would write before the tables: the JFIF
// header and the metadata.
func (n *negative) segments(p plan) ([]byte, error) {
	h := readJPEG(n.data)
	if p.ordered && p.format == nil {
		return append(jfifSegment(h.jfif), h.metadata(n.image.Blob(iccField))...), nil
	}
	image, err := n.image.Call("copy", nil)
	if err != nil {
		return nil, err
	}
	defer image.Close()
	if p.orientation == 0 {
		darkroom.Forget(image)
	}
	tidy(image, &darkroom.Sheet{Image: image, Pages: 1, Strip: p.strip})
	width, height := p.view.size()
	jfif := h.jfif
	if p.format != nil {
		jfif = &defaultJFIF
	}
	return append(jfifSegment(jfif), segmentsFor(image, width, height)...), nil
}

// defaultJFIF says nothing of the density.
var defaultJFIF = vips.JFIF{Version: 0x0101, X: 1, Y: 1}

// jfifSegment is the header as libjpeg writes it, without a small picture.
func jfifSegment(j *vips.JFIF) []byte {
	if j == nil {
		return nil
	}
	body := append([]byte("JFIF\x00"), byte(j.Version>>8), byte(j.Version), j.Unit, byte(j.X>>8), byte(j.X), byte(j.Y>>8), byte(j.Y), 0, 0)
	return appendSegment(nil, markAPP0, body)
}

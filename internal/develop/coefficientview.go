package develop

import (
	"strconv"

	"minilab/internal/coeff"
	"minilab/internal/darkroom"
	"minilab/internal/pipeline"
)

// view is what geometry leaves of an image: a region of it, laid in one of eight
// ways.
type view struct {
	region coeff.Region
	turn   coeff.Turn
}

// size is that of the view, in pixels.
func (v view) size() (width, height int) {
	if v.turn.Transpose {
		return v.region.Height, v.region.Width
	}
	return v.region.Width, v.region.Height
}

// transposed is a view whose columns are the rows of another. That one may be
// mirrored: what then was left is now top.
func (v view) transposed() view {
	v.turn = coeff.Turn{Transpose: !v.turn.Transpose, Flop: v.turn.Flip, Flip: v.turn.Flop}
	return v
}

func (v view) flopped() view {
	v.turn.Flop = !v.turn.Flop
	return v
}

func (v view) flipped() view {
	v.turn.Flip = !v.turn.Flip
	return v
}

// turned is a view turned clockwise by so many quarters.
func (v view) turned(quarters int) view {
	switch (quarters%4 + 4) % 4 {
	case 1:
		return v.transposed().flopped()
	case 2:
		return v.flopped().flipped()
	case 3:
		return v.transposed().flipped()
	}
	return v
}

// upright is a view turned by an Exif orientation (CIPA DC-008, 4.6.5.1).
func (v view) upright(orientation int) view {
	switch orientation {
	case 2:
		return v.flopped()
	case 3:
		return v.turned(2)
	case 4:
		return v.flipped()
	case 5:
		return v.transposed()
	case 6:
		return v.turned(1)
	case 7:
		return v.transposed().turned(2)
	case 8:
		return v.turned(3)
	}
	return v
}

// part is a part of a view, in its pixels.
func (v view) part(left, top, width, height int) view {
	w, h := v.size()
	if v.turn.Flop {
		left = w - left - width
	}
	if v.turn.Flip {
		top = h - top - height
	}
	if v.turn.Transpose {
		left, top, width, height = top, left, height, width
	}
	v.region = coeff.Region{Left: v.region.Left + left, Top: v.region.Top + top, Width: width, Height: height}
	return v
}

// moved is a view after a step that moves whole pixels; it is not ok for others.
func (v view) moved(step pipeline.Step) (view, bool) {
	switch step.Op() {
	case "flip":
		return v.flipped(), true
	case "flop":
		return v.flopped(), true
	case "rotate":
		angle := step.Float("angle")
		quarters := int(angle) / 90
		return v.turned(quarters), angle == float64(90*quarters)
	case "crop":
		width, height := v.size()
		left, top, w, h, ok := darkroom.Part(step, width, height)
		return v.part(left, top, w, h), ok
	}
	return v, false
}

// orientation is the one that an orient step goes by, of an image that has one
// or, as 0, none.
func orientation(step pipeline.Step, has int) int {
	switch to := step.Value("to"); to {
	case "auto":
		return has
	case "none":
		return 1
	default:
		n, _ := strconv.Atoi(to)
		return n
	}
}

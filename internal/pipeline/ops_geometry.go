package pipeline

import "errors"

// maxSide is the longest side that an operation may be asked to make.
const maxSide = 65535

// gravities are the places in an image that something can be drawn to.
var gravities = []string{"center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"}

// geometryOps move pixels.
var geometryOps = []Op{
	{
		Name: "resize", Group: Geometry,
		Summary: "Makes the image larger or smaller.",
		Params: []Param{
			side("width", "Width; 0 or left out: by the height.", true),
			side("height", "Height; 0 or left out: by the width.", false),
			{Name: "fit", Kind: Choice, Default: "inside", Choices: []string{"inside", "cover", "fill", "contain"},
				Doc: "inside: as large as fits; cover: fills the size, what hangs over is cut off; fill: stretched to the size; contain: fits and is padded to the size."},
			{Name: "enlarge", Kind: Flag, Default: "false", Doc: "Also makes small images larger."},
			{Name: "gravity", Kind: Choice, Default: "center", Choices: append([]string{"smart", "attention", "entropy"}, gravities...),
				Doc: "cover: what is kept; contain: where the image stands. smart is attention: what people look at; entropy: where most is to be seen."},
			{Name: "kernel", Kind: Choice, Default: "lanczos3", Choices: []string{"nearest", "linear", "cubic", "mitchell", "lanczos2", "lanczos3"},
				Doc: "How pixels are weighed."},
			{Name: "dpr", Kind: Number, Default: "1", Min: 0.1, Max: 10, Doc: "Pixels of the screen to one of the size: 2 doubles it."},
			{Name: "linear", Kind: Flag, Default: "false", Doc: "Weighs light instead of values: slower, and right for fine bright detail."},
			backgroundParam("contain: the colour of the padding."),
		},
		Example: "resize:180x180:cover",
		check: func(s Step) error {
			if s.Int("width") == 0 && s.Int("height") == 0 {
				return errors.New("a width or a height is needed, such as resize:512x512 or resize:512")
			}
			return nil
		},
	},
	{
		Name: "crop", Group: Geometry,
		Summary: "Cuts a part out of the image.",
		Params: []Param{
			{Name: "width", Kind: Length, Default: "0", Min: 0, Max: maxSide, Doc: "Width; 0 or left out: all, or by the aspect ratio.", joined: true},
			{Name: "height", Kind: Length, Default: "0", Min: 0, Max: maxSide, Doc: "Height; 0 or left out: all, or by the aspect ratio."},
			{Name: "gravity", Kind: Choice, Default: "center", Choices: append([]string{"smart", "attention", "entropy"}, gravities...),
				Doc: "Which part. smart is attention: what people look at; entropy: where most is to be seen."},
			{Name: "x", Kind: Length, Min: 0, Max: maxSide, Doc: "Left edge; instead of a gravity."},
			{Name: "y", Kind: Length, Min: 0, Max: maxSide, Doc: "Upper edge; instead of a gravity."},
			{Name: "aspect", Kind: Numbers, Counts: []int{2}, Min: 0.01, Max: 10000, Doc: "Width to height, such as 16,9: the largest part of that shape."},
			{Name: "focal", Kind: Numbers, Counts: []int{2}, Min: 0, Max: 1, Doc: "The point to keep in the middle, from 0,0 (upper left) to 1,1; instead of a gravity."},
		},
		Example: "crop:120x120:smart",
		check: func(s Step) error {
			if s.Value("width") == "0" && s.Value("height") == "0" && !s.Given("aspect") {
				return errors.New("a width, a height or an aspect ratio is needed, such as crop:300x200 or crop:aspect=16,9")
			}
			return nil
		},
	},
	{
		Name: "trim", Group: Geometry,
		Summary: "Cuts off a border of one colour.",
		Params: []Param{
			{Name: "threshold", Kind: Number, Default: "10", Min: 0, Max: 255, Doc: "How far from the colour a channel may be, in steps of 255."},
			{Name: "colour", Kind: Colours, Doc: "The border's colour; left out: that of the upper left pixel."},
		},
		Example: "trim",
	},
	{
		Name: "extend", Group: Geometry,
		Summary: "Puts the image on a larger canvas.",
		Params: []Param{
			side("width", "Width of the canvas, if the image is smaller; 0 or left out: as it is.", true),
			side("height", "Height of the canvas, if the image is smaller; 0 or left out: as it is.", false),
			{Name: "gravity", Kind: Choice, Default: "center", Choices: gravities, Doc: "Where the image stands."},
			backgroundParam("The colour around it."),
		},
		Example: "extend:370x260:center:orange",
		check: func(s Step) error {
			if s.Int("width") == 0 && s.Int("height") == 0 {
				return errors.New("a width or a height is needed, such as extend:1000x800")
			}
			return nil
		},
	},
	{
		Name: "pad", Group: Geometry,
		Summary: "Adds space at the edges.",
		Params: []Param{
			edge("top", "Above the image."), edge("right", "To its right."), edge("bottom", "Below it."), edge("left", "To its left."),
			backgroundParam("The colour of the space."),
			{Name: "mode", Kind: Choice, Default: "background", Choices: []string{"background", "copy", "mirror", "repeat"},
				Doc: "What is in the space: the colour, the image's edge, its mirror image, or the image again."},
		},
		Example: "pad:20:20:20:20:orange",
		check: func(s Step) error {
			if s.Value("top") == "0" && s.Value("right") == "0" && s.Value("bottom") == "0" && s.Value("left") == "0" {
				return errors.New("at least one edge must be given space, such as pad:10:10:10:10")
			}
			return nil
		},
	},
	{
		Name: "rotate", Group: Geometry,
		Summary: "Turns the image clockwise. A quarter turn loses nothing; any other angle makes the canvas larger.",
		Params: []Param{
			{Name: "angle", Kind: Number, Unit: "degrees", Required: true, Min: -360, Max: 360, Doc: "How far, clockwise."},
			backgroundParam("The colour of the corners."),
		},
		Example: "rotate:15",
	},
	{Name: "flip", Group: Geometry, Summary: "Mirrors top to bottom.", Example: "flip"},
	{Name: "flop", Group: Geometry, Summary: "Mirrors left to right.", Example: "flop"},
	{
		Name: "orient", Group: Geometry,
		Summary: "Turns the image upright by its Exif orientation, which any operation that moves pixels does first by itself.",
		Params: []Param{
			{Name: "to", Kind: Choice, Default: "auto", Choices: []string{"auto", "none", "1", "2", "3", "4", "5", "6", "7", "8"},
				Doc: "auto: by the image's Exif orientation; none: forget that, turn nothing; 1 to 8: as if it were this one."},
		},
		Example: "orient:6",
	},
}

func side(name, doc string, joined bool) Param {
	return Param{Name: name, Kind: Integer, Unit: "pixels", Default: "0", Min: 0, Max: maxSide, Doc: doc, joined: joined}
}

func edge(name, doc string) Param {
	return Param{Name: name, Kind: Length, Default: "0", Min: 0, Max: maxSide, Doc: doc}
}

func backgroundParam(doc string) Param {
	return Param{Name: "background", Kind: Colours, Default: "00000000", Doc: doc + " Transparent, where the format has that, else white."}
}

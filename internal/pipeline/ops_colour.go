package pipeline

import "errors"

// colourOps alter the colours of pixels where they are. They work on the values
// as they are coded, in the image's own colour space, whose profile stays; only
// grey that is made of colours is brought to sRGB, since grey files cannot have
// the profile of colours. Where brightness is spoken of, it is 0.2126 red +
// 0.7152 green + 0.0722 blue of these values (W3C's Filter Effects).
var colourOps = []Op{
	{
		Name: "swap", Group: Colour, point: true,
		Summary: "Reorders the colour channels; by default red and blue trade places.",
		Params: []Param{
			{Name: "order", Kind: Choice, Default: "bgr", Choices: []string{"bgr", "rgb", "rbg", "grb", "gbr", "brg"},
				Doc: "The source channel of each of the result's red, green and blue."},
		},
		Example: "swap",
	},
	{
		Name: "channel", Group: Colour,
		Summary: "Extracts one channel as a grey image. Alpha stays beside it.",
		Params: []Param{
			{Name: "name", Kind: Choice, Required: true, Choices: []string{"red", "green", "blue", "alpha"},
				Doc: "Which channel. The alpha of an image without is full everywhere."},
		},
		Example: "channel:red",
	},
	{
		Name: "matrix", Group: Colour, point: true,
		Summary: "Multiplies each pixel's red, green and blue (and alpha) by a matrix.",
		Params: []Param{
			{Name: "coefficients", Kind: Numbers, Required: true, Counts: []int{9, 16}, Min: -100, Max: 100,
				Doc: "Row by row: 3 x 3 for red, green and blue, or 4 x 4 with alpha (not premultiplied), which the image then has."},
		},
		Example: "matrix:0.4,0.4,0.2,0.3,0.6,0.1,0.2,0.2,0.6",
	},
	{
		Name: "grayscale", Group: Colour, point: true,
		Summary: "Makes the image grey: 0.2126 red + 0.7152 green + 0.0722 blue, as CSS does and saturation:0.",
		Example: "grayscale",
	},
	{
		Name: "sepia", Group: Colour, point: true,
		Summary: "Gives the image the brown of old photographs.",
		Params:  []Param{amount("How much of it, 1 is all.", "1", 0, 1)},
		Example: "sepia",
	},
	{
		Name: "duotone", Group: Colour, point: true,
		Summary: "Paints the image in the colours between a dark and a light one, by brightness.",
		Params: []Param{
			{Name: "dark", Kind: Colours, Default: "1e2a78", Doc: "The colour of black."},
			{Name: "light", Kind: Colours, Default: "ffd23f", Doc: "The colour of white."},
		},
		Example: "duotone",
	},
	{
		Name: "tint", Group: Colour, point: true,
		Summary: "Lays a colour over the image: each pixel takes its hue and keeps its own brightness, so black and white stay (the blend mode color of W3C).",
		Params: []Param{
			{Name: "colour", Kind: Colours, Required: true, Doc: "The colour; only how it differs from grey counts."},
			amount("How much of it, 1 is all.", "0.5", 0, 1),
		},
		Example: "tint:ff8000",
	},
	{
		Name: "invert", Group: Colour, point: true,
		Summary: "Makes a negative.",
		Example: "invert",
	},
	{
		Name: "brightness", Group: Colour, point: true,
		Summary: "Makes the image brighter or darker.",
		Params:  []Param{required(amount("What is added to each channel, as a share of the full range.", "", -1, 1))},
		Example: "brightness:0.2",
	},
	{
		Name: "contrast", Group: Colour, point: true,
		Summary: "Spreads the channels away from middle grey, or draws them towards it.",
		Params:  []Param{required(amount("What the distance from middle grey is multiplied by.", "", 0, 10))},
		Example: "contrast:1.5",
	},
	{
		Name: "saturation", Group: Colour, point: true,
		Summary: "Makes colours stronger or weaker.",
		Params:  []Param{required(amount("What the distance from the pixel's brightness is multiplied by; 0 is grey.", "", 0, 10))},
		Example: "saturation:1.8",
	},
	{
		Name: "hue", Group: Colour, point: true,
		Summary: "Turns all hues around the colour wheel, as CSS hue-rotate does.",
		Params: []Param{
			{Name: "angle", Kind: Number, Unit: "degrees", Required: true, Min: -360, Max: 360, Doc: "How far, from red towards green."},
		},
		Example: "hue:90",
	},
	{
		Name: "gamma", Group: Colour, point: true,
		Summary: "Brightens or darkens the middle and leaves black and white.",
		Params: []Param{
			{Name: "exponent", Kind: Number, Required: true, Min: 0.1, Max: 10, Doc: "Values become their 1/exponent-th power; above 1 brightens."},
		},
		Example: "gamma:1.6",
	},
	{
		Name: "levels", Group: Colour, point: true,
		Summary: "Sets which values become black and white, and what lies between.",
		Params: []Param{
			share("black", "The value that becomes black.", "0"),
			share("white", "The value that becomes white.", "1"),
			{Name: "gamma", Kind: Number, Default: "1", Min: 0.1, Max: 10, Doc: "Exponent for the middle, as in gamma."},
			share("outblack", "What black becomes in the end.", "0"),
			share("outwhite", "What white becomes in the end.", "1"),
		},
		Example: "levels:0.1:0.9",
		check: func(s Step) error {
			if s.Float("white") <= s.Float("black") {
				return errors.New("white must be above black")
			}
			return nil
		},
	},
	{
		Name: "curves", Group: Colour, point: true,
		Summary: "Maps values along a smooth curve through points, which never swings beyond them.",
		Params: []Param{
			{Name: "points", Kind: Numbers, Required: true, Min: 0, Max: 1, Counts: evens(4, 32),
				Doc: "Pairs of the value before and after, 0 to 1, the first ones growing: 0,0,0.5,0.6,1,1. Before the first and after the last it is flat."},
			{Name: "channel", Kind: Choice, Default: "all", Choices: []string{"all", "red", "green", "blue"}, Doc: "Which channel the curve is for."},
		},
		Example: "curves:0,0,0.25,0.15,0.75,0.85,1,1",
		check: func(s Step) error {
			p := s.Floats("points")
			for i := 2; i < len(p); i += 2 {
				if p[i] <= p[i-2] {
					return errors.New("the values before must grow from point to point")
				}
			}
			return nil
		},
	},
	{
		Name: "normalize", Group: Colour,
		Summary: "Stretches brightness so that it reaches from black to white; all channels and all frames alike. What is transparent does not count.",
		Params: []Param{
			{Name: "clip", Kind: Number, Unit: "percent", Default: "1", Min: 0, Max: 49, Doc: "How many of the darkest and of the lightest pixels may be lost in black and white."},
		},
		Example: "normalize",
	},
	{
		Name: "equalize", Group: Colour,
		Summary: "Evens the histogram of brightness out, which brings detail forward; all channels and all frames alike. What is transparent does not count.",
		Example: "equalize",
	},
	{
		Name: "threshold", Group: Colour, point: true,
		Summary: "Makes each pixel black or white, by its brightness in 8 or 16 bits.",
		Params:  []Param{share("level", "The least brightness that becomes white.", "0.5")},
		Example: "threshold",
	},
	{
		Name: "posterize", Group: Colour, point: true,
		Summary: "Leaves only a few values of each channel, each for an equal part of the range.",
		Params: []Param{
			{Name: "levels", Kind: Integer, Default: "4", Min: 2, Max: 256, Doc: "How many."},
		},
		Example: "posterize:3",
	},
	{
		Name: "profile", Group: Colour,
		Summary: "Converts the colours to another colour space, relative colorimetric with black point compensation; the profile goes along. An image without a profile, or with a broken one, is in sRGB. Grey becomes that of sRGB and P3, without a profile.",
		Params: []Param{
			{Name: "to", Kind: Choice, Default: "srgb", Choices: []string{"srgb", "p3", "keep"},
				Doc: "sRGB, Display P3, or the image's own (which is what happens anyway)."},
		},
		Example: "profile:srgb",
	},
}

func amount(doc, def string, lo, hi float64) Param {
	return Param{Name: "amount", Kind: Number, Default: def, Min: lo, Max: hi, Doc: doc}
}

func share(name, doc, def string) Param {
	return Param{Name: name, Kind: Number, Default: def, Min: 0, Max: 1, Doc: doc}
}

func required(p Param) Param {
	p.Required = true
	return p
}

func evens(lo, hi int) []int {
	var list []int
	for n := lo; n <= hi; n += 2 {
		list = append(list, n)
	}
	return list
}

package pipeline

// effectOps make pixels of their neighbours.
var effectOps = []Op{
	{
		Name: "blur", Group: Effect,
		Summary: "Blurs the image.",
		Params: []Param{
			{Name: "sigma", Kind: Number, Unit: "pixels", Required: true, Min: 0.3, Max: 250, Doc: "Standard deviation of the Gaussian."},
		},
		Example: "blur:4",
	},
	{
		Name: "sharpen", Group: Effect,
		Summary: "Sharpens the image by an unsharp mask on its brightness.",
		Params: []Param{
			{Name: "sigma", Kind: Number, Unit: "pixels", Default: "1", Min: 0.3, Max: 10, Doc: "Standard deviation of the mask."},
			amount("How strong.", "1", 0, 10),
		},
		Example: "sharpen:1.5",
	},
	{
		Name: "median", Group: Effect,
		Summary: "Gives each pixel the median of its neighbourhood, which takes specks away.",
		Params: []Param{
			{Name: "radius", Kind: Integer, Unit: "pixels", Default: "1", Min: 1, Max: 15, Doc: "Of the neighbourhood, a square of 2 x radius + 1."},
		},
		Example: "median:2",
	},
	{
		Name: "pixelate", Group: Effect,
		Summary: "Makes the image, or a box in it, unrecognisable in large squares.",
		Params: append([]Param{
			{Name: "size", Kind: Integer, Unit: "pixels", Default: "10", Min: 2, Max: 1000, Doc: "Side of the squares."},
		}, box()...),
		Example: "pixelate:12:60:100:90:95",
	},
	{
		Name: "vignette", Group: Effect,
		Summary: "Darkens the corners.",
		Params: []Param{
			amount("How dark, 1 is black.", "0.5", 0, 1),
			{Name: "start", Kind: Number, Default: "0.5", Min: 0, Max: 1, Doc: "Where it begins, on the way from the middle to a corner."},
		},
		Example: "vignette:0.8",
	},
	{
		Name: "round", Group: Effect,
		Summary: "Rounds the corners off; 50p makes a circle of a square.",
		Params: []Param{
			{Name: "radius", Kind: Length, Required: true, Min: 0, Max: maxSide, Doc: "Radius of the corners; a percentage is of the shorter side."},
			backgroundParam("The colour of the corners."),
		},
		Example: "round:30/png",
	},
	{
		Name: "shadow", Group: Effect,
		Summary: "Lays a shadow behind the image, on a canvas that is large enough for it.",
		Params: []Param{
			{Name: "sigma", Kind: Number, Unit: "pixels", Default: "8", Min: 0, Max: 100, Doc: "How soft it is."},
			{Name: "x", Kind: Integer, Unit: "pixels", Default: "4", Min: -1000, Max: 1000, Doc: "How far to the right it lies."},
			{Name: "y", Kind: Integer, Unit: "pixels", Default: "4", Min: -1000, Max: 1000, Doc: "How far down it lies."},
			{Name: "colour", Kind: Colours, Default: "00000080", Doc: "Its colour."},
			backgroundParam("The colour behind it."),
		},
		Example: "shadow",
	},
}

// box are the parameters of a part of the image.
func box() []Param {
	return []Param{
		{Name: "x", Kind: Length, Default: "0", Min: 0, Max: maxSide, Doc: "Left edge of the box."},
		{Name: "y", Kind: Length, Default: "0", Min: 0, Max: maxSide, Doc: "Upper edge of the box."},
		{Name: "width", Kind: Length, Default: "0", Min: 0, Max: maxSide, Doc: "Width of the box; 0: up to the right edge."},
		{Name: "height", Kind: Length, Default: "0", Min: 0, Max: maxSide, Doc: "Height of the box; 0: down to the lower edge."},
	}
}

package pipeline

// blends are the ways to lay one image over another (W3C Compositing and Blending).
var blends = []string{"over", "multiply", "screen", "overlay", "darken", "lighten", "color-dodge", "color-burn",
	"hard-light", "soft-light", "difference", "exclusion", "add"}

// composeOps lay something over or under the image.
var composeOps = []Op{
	{
		Name: "watermark", Group: Compose,
		Summary: "Lays another image over this one.",
		Params: []Param{
			{Name: "image", Kind: Reference, Required: true, Limit: maxReference,
				Doc: "Which one: the name of an image under watermarks/ in the key-value store, or the ID of a finished task of the same owner, with /OUTPUT behind it for one of several; in the text form / is %2F."},
			{Name: "gravity", Kind: Choice, Default: "southeast", Choices: gravities, Doc: "Where it stands."},
			{Name: "opacity", Kind: Number, Default: "1", Min: 0, Max: 1, Doc: "1 is opaque."},
			{Name: "scale", Kind: Number, Min: 0.01, Max: 10, Doc: "Its width as a share of the image's; left out: its own size."},
			{Name: "tile", Kind: Flag, Default: "false", Doc: "Repeats it all over the image, in all directions from where it stands."},
			{Name: "blend", Kind: Choice, Default: "over", Choices: blends, Doc: "How colours mix."},
			offset("x", "Distance from the edge, or to the right of the middle."),
			offset("y", "Distance from the edge, or down from the middle."),
		},
		Example: "watermark:logo:scale=0.3:opacity=0.7:x=8:y=8",
	},
	{
		Name: "text", Group: Compose,
		Summary: "Writes text over the image.",
		Params: []Param{
			{Name: "text", Kind: Text, Required: true, Limit: 2000, Doc: "What is written, as it is: there is no markup. %0A begins a new line. A character that the typefaces lack is refused."},
			{Name: "size", Kind: Length, Default: "32", Min: 4, Max: 2000, Doc: "Of the letters, from the lowest descender to the highest ascender, about; a percentage is of the image's height, and at most 2000 pixels."},
			{Name: "colour", Kind: Colours, Default: "ffffff", Doc: "Of the letters."},
			{Name: "gravity", Kind: Choice, Default: "south", Choices: gravities, Doc: "Where it stands."},
			{Name: "font", Kind: Choice, Default: "regular", Choices: []string{"regular", "bold", "italic", "bold-italic", "mono"}, Doc: "Go's typefaces: Latin, Greek and Cyrillic."},
			{Name: "width", Kind: Length, Default: "90p", Min: 1, Max: maxSide, Doc: "Where lines are broken, at spaces if there are any; a percentage is of the image's width."},
			{Name: "align", Kind: Choice, Default: "center", Choices: []string{"left", "center", "right"}, Doc: "Of lines to each other."},
			{Name: "box", Kind: Colours, Doc: "Colour of a box behind the letters, with a margin of a quarter of their size."},
			offset("x", "Distance from the edge, or to the right of the middle."),
			offset("y", "Distance from the edge, or down from the middle."),
		},
		Example: "text:minilab:40:white:south:bold:box=00000080",
		check:   checkLetters,
	},
	{
		Name: "border", Group: Compose,
		Summary: "Puts a frame around the image.",
		Params: []Param{
			{Name: "width", Kind: Length, Default: "10", Min: 1, Max: 10000, Doc: "Of the frame; a percentage is of the shorter side."},
			{Name: "colour", Kind: Colours, Default: "000000", Doc: "Of the frame."},
		},
		Example: "border:12:white",
	},
	{
		Name: "background", Group: Compose,
		Summary: "Puts a colour behind what is transparent.",
		Params: []Param{
			{Name: "colour", Kind: Colours, Default: "ffffff", Doc: "Which one."},
		},
		Example: "background:orange",
	},
}

func offset(name, doc string) Param {
	return Param{Name: name, Kind: Length, Default: "0", Min: -maxSide, Max: maxSide, Doc: doc}
}

package pipeline

import "errors"

// inputOps choose what of the image is read.
var inputOps = []Op{
	{
		Name: "page", Group: Input, place: first,
		Summary: "Takes one page of a document or one frame of an animation.",
		Params: []Param{
			{Name: "number", Kind: Integer, Default: "1", Min: 1, Max: 10000, Doc: "Which one, the first is 1."},
		},
		Example: "page:2",
	},
	{
		Name: "frames", Group: Input, place: first,
		Summary: "Takes some pages of a document or some frames of an animation.",
		Params: []Param{
			{Name: "from", Kind: Integer, Default: "1", Min: 1, Max: 10000, Doc: "The first one taken."},
			{Name: "to", Kind: Integer, Min: 1, Max: 10000, Doc: "The last one taken; left out: the last one there is."},
		},
		Example: "frames:2:3",
		check: func(s Step) error {
			if s.Given("to") && s.Int("to") < s.Int("from") {
				return errors.New("the last frame comes before the first")
			}
			return nil
		},
	},
	{
		Name: "partial", Group: Input, place: first,
		Summary: "Takes what is there of an image that is cut off or damaged, instead of refusing it.",
		Example: "partial/resize:200x200",
	},
	{
		Name: "lane", Group: Input, place: first,
		Summary: "Says how the image may be altered. By itself a JPEG is altered in its coefficients where that gives the same: faster, and without the loss of encoding anew.",
		Params: []Param{
			{Name: "name", Kind: Choice, Default: "auto", Choices: []string{"auto", "off"}, Doc: "auto: the shortest way; off: not in coefficients."},
		},
		Example: "lane:off/swap",
	},
}

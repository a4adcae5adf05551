package pipeline

import (
	"fmt"
	"strings"
)

// chapters are what stands above the operations of a group in the docs.
var chapters = map[Group][2]string{
	Input:    {"Input", "These choose what of the file is read. They stand before all others."},
	Colour:   {"Colour", "These alter the colours of pixels where they are. They work on values as they are coded; a colour profile stays with the image."},
	Geometry: {"Geometry", "These move pixels. The image is turned upright by its Exif orientation first."},
	Effect:   {"Effects", "These make pixels of their neighbours."},
	Compose:  {"Compose", "These lay something over the image, or under it."},
	Output:   {"Output", "What is written, and what is told of it. A format is the last operation; without one the result has the format of the source, in its own ways."},
}

// Markdown is the reference of the built-in operations, for the docs. Each has
// a picture, by the name of the operation, in the folder images.
func Markdown(images string) string {
	var b strings.Builder
	for _, g := range Groups {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", chapters[g][0], chapters[g][1])
		for _, op := range builtin {
			if op.Group == g {
				op.markdown(&b, images)
			}
		}
	}
	return b.String()
}

func (o *Op) markdown(b *strings.Builder, images string) {
	fmt.Fprintf(b, "### %s\n\n%s\n\n    %s\n\n", o.Name, o.Summary, o.Usage())
	if len(o.Params) > 0 {
		b.WriteString("| parameter | what | default |\n| --- | --- | --- |\n")
	}
	for _, p := range o.Params {
		def := p.Default
		switch {
		case p.Required:
			def = "needed"
		case def != "":
			def = "`" + def + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s %s. | %s |\n", p.Name, p.Doc, sentence(p.Expects()), def)
	}
	if len(o.Params) > 0 {
		b.WriteString("\n")
	}
	fmt.Fprintf(b, "`%s`\n\n![before and after %s](%s/%s.webp)\n\n", o.Example, o.Name, images, o.Name)
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

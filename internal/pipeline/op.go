package pipeline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Op declares one operation. The parser, the canonical text, the JSON schema,
// the docs and what the engine is asked to do all come from this declaration.
type Op struct {
	Name    string
	Group   Group
	Summary string // one sentence, for people
	Params  []Param
	Example string   // steps in text form that show what it does
	With    []string // of a custom operation: the built-in ones that its workers do as well
	place   place
	point   bool             // each pixel of the result depends on the same pixel of the source alone
	check   func(Step) error // what the parameters must be to each other; nil: nothing
	foreign bool             // not declared here: its parameters are as they came
}

// Group is a chapter of operations.
type Group string

// The chapters.
const (
	Input    Group = "input"
	Colour   Group = "colour"
	Geometry Group = "geometry"
	Effect   Group = "effect"
	Compose  Group = "compose"
	Output   Group = "output"
	Custom   Group = "custom" // declared under operations/, done by workers of their own
)

// Groups are the chapters of the built-in operations, in the order of the docs.
var Groups = []Group{Input, Colour, Geometry, Effect, Compose, Output}

// place is where in a pipeline an operation may stand.
type place int

const (
	anywhere place = iota
	first          // before all that are not first
	last           // once, after all others
)

// Param declares one parameter of an operation, in the order of the text form.
type Param struct {
	Name    string
	Doc     string
	Unit    string // of a number, such as pixels; empty: none
	Kind    Kind
	Default string // canonical; empty: there is none, the parameter may be left out unless it is Required

	Required bool
	Min, Max float64  // of numbers, also of those in a list
	Choices  []string // of a Choice
	Counts   []int    // how many numbers a list has
	Limit    int      // bytes of a Text or Reference, at most
	joined   bool     // with the next one as WIDTHxHEIGHT in the text form
}

// Kind is the type of a parameter.
type Kind string

// The types.
const (
	Integer   Kind = "integer"
	Number    Kind = "number"
	Flag      Kind = "flag"      // true or false; in the text form its name alone is true
	Choice    Kind = "choice"    // one of a list of words
	Colours   Kind = "colour"    // RRGGBB or RRGGBBAA, or a name of CSS
	Text      Kind = "text"      // any characters
	Reference Kind = "reference" // the name of something that is kept elsewhere
	Numbers   Kind = "numbers"   // a list, separated by commas in the text form
	Length    Kind = "length"    // pixels, or a percentage of the image: 120, 25p
)

// Point says that each pixel of the result depends on the same pixel of the
// source alone, so that a table of colours can be altered in the image's place.
func (o Op) Point() bool { return o.point }

// Format says that the operation chooses the format of the result.
func (o Op) Format() bool { return o.place == last }

// param finds a parameter by name; the index is its position in the text form.
func (o *Op) param(name string) (int, bool) {
	i := slices.IndexFunc(o.Params, func(p Param) bool { return p.Name == name })
	return i, i >= 0
}

func (o *Op) paramNames() []string {
	list := make([]string, len(o.Params))
	for i, p := range o.Params {
		list[i] = p.Name
	}
	return list
}

// Usage is the operation with all its parameters, those that may be left out in
// brackets: resize:WIDTHxHEIGHT[:fit].
func (o Op) Usage() string {
	var b strings.Builder
	b.WriteString(o.Name)
	for i := 0; i < len(o.Params); i++ {
		p := o.Params[i]
		text := p.Name
		if p.joined {
			i++
			text = strings.ToUpper(text) + "x" + strings.ToUpper(o.Params[i].Name)
		}
		if !p.Required && !p.joined {
			text = "[:" + text + "]"
		} else {
			text = ":" + text
		}
		b.WriteString(text)
	}
	return b.String()
}

// Expects is what a valid value looks like, for people.
func (p Param) Expects() string {
	switch p.Kind {
	case Integer:
		return "a whole number from " + p.bounds()
	case Number:
		return "a number from " + p.bounds()
	case Flag:
		return "true or false"
	case Choice:
		return "one of " + strings.Join(p.Choices, ", ")
	case Colours:
		return "a colour such as ff8000, ff800080 (with alpha) or orange"
	case Text:
		return fmt.Sprintf("text of at most %d bytes", p.Limit)
	case Reference:
		return fmt.Sprintf("a name of at most %d of a-z, A-Z, 0-9, '.', '_', '/' and '-'", p.Limit)
	case Numbers:
		return fmt.Sprintf("%s numbers from %s, separated by commas", counts(p.Counts), p.bounds())
	case Length:
		return fmt.Sprintf("pixels from %s, or a percentage such as 25p", p.bounds())
	}
	return "a value"
}

func (p Param) bounds() string {
	text := number(p.Min) + " to " + number(p.Max)
	if p.Unit != "" {
		text += " " + p.Unit
	}
	return text
}

func counts(list []int) string {
	if len(list) > 3 { // the counts of curves
		return fmt.Sprintf("%d to %d", list[0], list[len(list)-1])
	}
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, " or ")
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

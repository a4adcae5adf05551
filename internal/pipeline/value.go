package pipeline

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/image/colornames"
)

// canonical reads a value and gives it in the one spelling that it has.
func (p *Param) canonical(v string) (string, bool) {
	switch p.Kind {
	case Integer:
		return p.integer(v)
	case Number:
		return p.number(v)
	case Flag:
		b, err := strconv.ParseBool(v)
		return strconv.FormatBool(b), err == nil
	case Choice:
		return v, slices.Contains(p.Choices, v)
	case Colours:
		return colour(v)
	case Text:
		return v, len(v) <= p.Limit && v != "" && isText(v)
	case Reference:
		return v, len(v) <= p.Limit && v != "" && isReference(v)
	case Numbers:
		return p.numbers(v)
	case Length:
		return p.length(v)
	}
	return v, p.Kind == raw && isText(v)
}

func (p *Param) within(f float64) bool { return f >= p.Min && f <= p.Max }

// integer refuses what the bounds, which are no integers, cannot tell from another.
func (p *Param) integer(v string) (string, bool) {
	n, err := strconv.Atoi(v)
	return strconv.Itoa(n), err == nil && p.within(float64(n)) && int(float64(n)) == n
}

func (p *Param) number(v string) (string, bool) {
	f, err := strconv.ParseFloat(v, 64)
	if strings.Trim(v, "0123456789.eE+-") != "" || err != nil || len(v) > 32 || !p.within(f) { // as nothing is that is no number
		return "", false
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'f', decimals, 64), 64) // by digits: a large number stays what it is
	return number(r + 0), err == nil && p.within(r)                             // no minus zero
}

// decimals is the resolution of numbers: what is finer nobody means, and has a
// text of hundreds of digits.
const decimals = 9

func (p *Param) numbers(v string) (string, bool) {
	list := strings.Split(v, ",")
	for i, item := range list {
		text, ok := p.number(item)
		if !ok {
			return "", false
		}
		list[i] = text
	}
	return strings.Join(list, ","), p.Counts == nil || slices.Contains(p.Counts, len(list))
}

// length is pixels, or with a p or a percent sign behind it a percentage.
func (p *Param) length(v string) (string, bool) {
	share, ok := strings.CutSuffix(v, "p")
	if !ok {
		share, ok = strings.CutSuffix(v, "%")
	}
	if !ok {
		return p.integer(v)
	}
	text, ok := (&Param{Min: min(p.Min, 0) * 100, Max: 100}).number(share)
	return text + "p", ok
}

// colour is six digits, or eight with alpha.
func colour(v string) (string, bool) {
	if named, ok := colornames.Map[v]; ok {
		return hex.EncodeToString([]byte{named.R, named.G, named.B}), true
	}
	if v == "transparent" {
		return "00000000", true
	}
	v = strings.ToLower(strings.TrimPrefix(v, "#"))
	if len(v) == 3 || len(v) == 4 {
		var long []byte
		for i := range len(v) {
			long = append(long, v[i], v[i])
		}
		v = string(long)
	}
	digits, err := hex.DecodeString(v)
	if err != nil || len(digits) != 3 && len(digits) != 4 {
		return "", false
	}
	return strings.TrimSuffix(v, "ff") + strings.Repeat("ff", max(0, 6-len(strings.TrimSuffix(v, "ff")))/2), true
}

func isText(v string) bool {
	return utf8.ValidString(v) && !strings.ContainsFunc(v, func(r rune) bool { return unicode.IsControl(r) && r != '\n' })
}

func isReference(v string) bool {
	return !strings.ContainsFunc(v, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._/-", r)
	})
}

// Value is the value of the named parameter in its canonical text; empty when
// it was left out and has no default. It panics when the operation has no such
// parameter, which is a defect of the caller.
func (s Step) Value(name string) string {
	i, ok := s.op.param(name)
	if !ok {
		panic(fmt.Sprintf("pipeline: %s has no parameter %q", s.op.Name, name))
	}
	return s.values[i]
}

// Given says that the parameter has a value, its default included.
func (s Step) Given(name string) bool { return s.Value(name) != "" }

// Has says that the operation has a parameter of that name, and that it is given.
func (s Step) Has(name string) bool {
	i, ok := s.op.param(name)
	return ok && s.values[i] != ""
}

// With is the step with another value of a parameter. It panics when that is
// not a valid one, which is a defect of the caller.
func (s Step) With(name, value string) Step {
	s.values = slices.Clone(s.values)
	i, ok := s.op.param(name)
	if !ok {
		panic(fmt.Sprintf("pipeline: %s has no parameter %q", s.op.Name, name))
	}
	if err := s.set(i, value); err != nil {
		panic(err)
	}
	return s
}

// Int is the value of an Integer, 0 when it is not given.
func (s Step) Int(name string) int {
	n, _ := strconv.Atoi(s.Value(name))
	return n
}

// Float is the value of a Number, 0 when it is not given.
func (s Step) Float(name string) float64 {
	f, _ := strconv.ParseFloat(s.Value(name), 64)
	return f
}

// Flag is the value of a Flag.
func (s Step) Flag(name string) bool { return s.Value(name) == "true" }

// Floats are the values of Numbers.
func (s Step) Floats(name string) []float64 {
	if !s.Given(name) {
		return nil
	}
	var list []float64
	for item := range strings.SplitSeq(s.Value(name), ",") {
		f, _ := strconv.ParseFloat(item, 64)
		list = append(list, f)
	}
	return list
}

// Colour is the value of a colour: red, green, blue and alpha, 0 to 255 each.
func (s Step) Colour(name string) [4]uint8 {
	c := [4]uint8{3: 255}
	digits, _ := hex.DecodeString(s.Value(name))
	copy(c[:], digits)
	return c
}

// Pixels is the value of a Length in an image that has so many pixels in that
// direction, not rounded.
func (s Step) Pixels(name string, of int) float64 {
	share, isShare := strings.CutSuffix(s.Value(name), "p")
	f, _ := strconv.ParseFloat(share, 64)
	if isShare {
		return f / 100 * float64(of)
	}
	return f
}

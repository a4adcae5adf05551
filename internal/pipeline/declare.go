package pipeline

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Limits of one declaration.
const (
	MaxDeclaration = 16 << 10 // bytes
	maxParams      = 16
	maxSummary     = 200 // bytes
	maxDoc         = 500 // bytes
	maxWord        = 64  // bytes of a choice or a unit
	maxWords       = 64  // choices of one parameter
	maxCount       = 64  // numbers of one list
	maxCustomText  = 2000
	maxCustom      = 1 << 53 // the largest whole number that every JSON parser reads right
)

// declaration is an operation of one's own as it is written under operations/.
type declaration struct {
	Summary string          `json:"summary"`
	Params  []declaredParam `json:"params"`
	With    []string        `json:"with"`
}

type declaredParam struct {
	Name     string   `json:"name"`
	Doc      string   `json:"doc"`
	Unit     string   `json:"unit"`
	Kind     Kind     `json:"kind"`
	Default  any      `json:"default"`
	Required bool     `json:"required"`
	Min      *float64 `json:"min"`
	Max      *float64 `json:"max"`
	Choices  []string `json:"choices"`
	Counts   []int    `json:"counts"`
	Limit    int      `json:"limit"`
}

// Declare reads the declaration of an operation of one's own:
//
//	{"summary": "Draws it with a pencil.", "with": ["resize", "png"],
//	 "params": [{"name": "width", "kind": "number", "min": 0.1, "max": 20, "default": 2, "doc": "Of the lines."}]}
//
// "with" names the built-in operations that its workers do as well.
func Declare(name string, data []byte) (Op, error) {
	op, err := declared(name, data)
	if err != nil {
		return Op{}, ErrDeclaration.Detailf("operation %q: %v", clip(name), err)
	}
	return op, nil
}

func declared(name string, data []byte) (Op, error) {
	if byName[name] != nil {
		return Op{}, errors.New("a built-in operation has this name")
	}
	if _, taken := unwritten[name]; taken || !IsName(name) {
		return Op{}, errors.New("a name is 1 to 64 of a-z, 0-9, '.' and '-', a letter first, and neither \"image\" nor a format's")
	}
	if len(data) > MaxDeclaration {
		return Op{}, fmt.Errorf("a declaration has at most %d bytes, got %d", MaxDeclaration, len(data))
	}
	if err := fields(data); err != nil {
		return Op{}, err
	}
	var d declaration
	if err := decode(data, &d); err != nil {
		return Op{}, err
	}
	return d.op(name)
}

// The fields of a declaration and of a parameter.
var (
	declarationFields = []string{"summary", "params", "with"}
	paramFields       = []string{"name", "doc", "unit", "kind", "default", "required", "min", "max", "choices", "counts", "limit"}
)

// fields finds a field that there is none of.
func fields(data []byte) error {
	var all map[string]json.RawMessage
	if err := decode(data, &all); err != nil {
		return err
	}
	if err := known(all, declarationFields); err != nil {
		return err
	}
	var list []map[string]json.RawMessage
	if err := decode(cmp.Or(string(all["params"]), "null"), &list); err != nil {
		return fmt.Errorf("params: %w", err)
	}
	for i, p := range list {
		if err := known(p, paramFields); err != nil {
			return fmt.Errorf("params[%d]: %w", i, err)
		}
	}
	return nil
}

func known(given map[string]json.RawMessage, names []string) error {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("unknown field %q%s; the fields are %s", clip(name), suggest(name, slices.Clone(names)), strings.Join(names, ", "))
		}
	}
	return nil
}

func article(noun string) string {
	if strings.HasPrefix(noun, "a") || strings.HasPrefix(noun, "o") { // array, object
		return "an " + noun
	}
	return "a " + noun
}

// decode reads the whole of data. Its errors are for people who have never seen Go.
func decode[T []byte | string](data T, into any) error {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	err := dec.Decode(into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("expected something else than %s%s", article(wrong.Value), strings.TrimSuffix(" as "+wrong.Field, " as "))
	}
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("expected a JSON object with %s; what there is cannot be read from byte %d on", strings.Join(declarationFields, ", "), wrong.Offset)
	}
	if err != nil {
		return fmt.Errorf("expected a JSON object with %s; what there is ends too early", strings.Join(declarationFields, ", "))
	}
	if dec.More() {
		return errors.New("there is something behind the JSON object")
	}
	return nil
}

func (d declaration) op(name string) (Op, error) {
	op := Op{Name: name, Group: Custom, Summary: d.Summary, With: d.With}
	if !isLine(d.Summary, maxSummary) || d.Summary == "" {
		return op, fmt.Errorf("summary is one sentence of 1 to %d bytes", maxSummary)
	}
	if len(d.Params) > maxParams {
		return op, fmt.Errorf("an operation has at most %d params, got %d", maxParams, len(d.Params))
	}
	for i, p := range d.Params {
		param, err := p.param()
		if err != nil {
			return op, fmt.Errorf("params[%d] %q: %w", i, clip(p.Name), err)
		}
		if _, twice := op.param(p.Name); twice {
			return op, fmt.Errorf("params[%d]: there are two with the name %q", i, clip(p.Name))
		}
		op.Params = append(op.Params, param)
	}
	for i, other := range d.With {
		if byName[other] == nil {
			return op, fmt.Errorf("with[%d]: %q is not a built-in operation%s", i, clip(other), suggest(other, builtinNames()))
		}
		if slices.Contains(d.With[:i], other) {
			return op, fmt.Errorf("with[%d]: %q is there twice", i, other)
		}
	}
	return op, nil
}

func (d declaredParam) param() (Param, error) {
	p := Param{Name: d.Name, Doc: d.Doc, Unit: d.Unit, Kind: d.Kind, Required: d.Required, Choices: d.Choices, Counts: d.Counts, Limit: d.Limit}
	switch {
	case !isParamName(d.Name):
		return p, errors.New("a name is 1 to 32 of a-z, 0-9, '_' and '-', a letter first, and not \"op\"")
	case !isLine(d.Doc, maxDoc):
		return p, fmt.Errorf("doc is one line of at most %d bytes", maxDoc)
	case !isLine(d.Unit, maxWord):
		return p, fmt.Errorf("unit is one line of at most %d bytes", maxWord)
	}
	if err := d.fits(&p); err != nil {
		return p, err
	}
	return p, d.defaults(&p)
}

// numeric are the kinds that have bounds.
var numeric = []Kind{Integer, Number, Numbers, Length}

// fits checks what goes with the kind and nothing else, and fills in the
// bounds that were left out.
func (d declaredParam) fits(p *Param) error {
	kinds := []Kind{Integer, Number, Flag, Choice, Colours, Text, Reference, Numbers, Length}
	isNumeric, isText := slices.Contains(numeric, d.Kind), d.Kind == Text || d.Kind == Reference
	switch {
	case !slices.Contains(kinds, d.Kind):
		return fmt.Errorf("kind is %q, expected one of %s%s", clip(string(d.Kind)), strings.Join(words(kinds), ", "), suggest(string(d.Kind), words(kinds)))
	case (d.Min != nil || d.Max != nil || d.Unit != "") && !isNumeric:
		return fmt.Errorf("min, max and unit are for %s", strings.Join(words(numeric), ", "))
	case (len(d.Choices) > 0) != (d.Kind == Choice):
		return errors.New("choices are for the kind choice, which has at least one")
	case (len(d.Counts) > 0) != (d.Kind == Numbers):
		return errors.New("counts are for the kind numbers, which has at least one: how many numbers the list has")
	case d.Limit != 0 && !isText:
		return errors.New("limit is for the kinds text and reference")
	}
	if isText {
		return d.limit(p)
	}
	return errors.Join(d.bounds(p), d.lists())
}

func (d declaredParam) limit(p *Param) error {
	if d.Limit < 0 || d.Limit > maxCustomText {
		return fmt.Errorf("limit is from 1 to %d bytes", maxCustomText)
	}
	if d.Limit == 0 {
		p.Limit = maxCustomText
	}
	return nil
}

func (d declaredParam) bounds(p *Param) error {
	if !slices.Contains(numeric, d.Kind) {
		return nil
	}
	p.Min, p.Max = -maxCustom, maxCustom
	if d.Min != nil {
		p.Min = *d.Min
	}
	if d.Max != nil {
		p.Max = *d.Max
	}
	if p.Min > p.Max || p.Min < -maxCustom || p.Max > maxCustom {
		return fmt.Errorf("min is at most max, and both are from -2^53 to 2^53; got %s and %s", number(p.Min), number(p.Max))
	}
	return nil
}

func (d declaredParam) lists() error {
	if len(d.Choices) > maxWords || len(d.Counts) > maxWords {
		return fmt.Errorf("choices and counts are at most %d", maxWords)
	}
	for i, word := range d.Choices {
		if word == "" || !isLine(word, maxWord) || slices.Contains(d.Choices[:i], word) {
			return fmt.Errorf("choices[%d]: %q is not a word of 1 to %d bytes, or is there twice", i, clip(word), maxWord)
		}
	}
	for i, n := range d.Counts {
		if n < 1 || n > maxCount {
			return fmt.Errorf("counts[%d] is %d, expected 1 to %d", i, n, maxCount)
		}
	}
	return nil
}

// defaults makes the default canonical; it is judged as any value.
func (d declaredParam) defaults(p *Param) error {
	if d.Default == nil {
		return nil
	}
	if d.Required {
		return errors.New("what is required has no default")
	}
	text, err := jsonText(d.Default)
	if err != nil {
		return fmt.Errorf("default: %w", err)
	}
	value, ok := p.canonical(text)
	if !ok {
		return fmt.Errorf("default is %q, expected %s%s", clip(text), p.Expects(), suggest(text, p.Choices))
	}
	p.Default = value
	return nil
}

// isLine says that a text is one line of at most limit bytes.
func isLine(text string, limit int) bool {
	return len(text) <= limit && isText(text) && !slices.ContainsFunc([]rune(text), unicode.IsControl)
}

func words(kinds []Kind) []string {
	list := make([]string, len(kinds))
	for i, k := range kinds {
		list[i] = string(k)
	}
	return list
}

package pipeline

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Parse reads a pipeline of built-in operations in either form.
func Parse(text string) (Pipeline, error) { return (*Catalog)(nil).Parse(text) }

// Parse reads the text form: operations separated by "/", each a name and its
// parameters separated by ":", in their order or as name=value; a flag's name
// alone switches it on. Characters that mean something stand as %XX. Text that
// starts with "[" is read as JSON.
func (c *Catalog) Parse(text string) (Pipeline, error) {
	p, err := parse(text, func(name string) (*Op, error) { return c.find(name) })
	if err != nil {
		return nil, err
	}
	return p, nil
}

// ParseOpen is Parse for who does not know all operations: those that are not
// built in are taken as they are, for Catalog.Resolve to judge.
func ParseOpen(text string) (Pipeline, error) { return parse(text, openFind) }

type finder func(name string) (*Op, error)

func parse(text string, find finder) (Pipeline, error) {
	if len(text) > MaxText {
		return nil, ErrInvalid.Detailf("a pipeline has at most %d bytes", MaxText)
	}
	if strings.HasPrefix(text, "[") {
		return parseJSON([]byte(text), find)
	}
	var p Pipeline
	var starts []int
	at := 0
	for part := range strings.SplitSeq(text, "/") {
		s, offset, err := parseStep(part, find)
		if err != nil {
			return nil, ErrInvalid.Detailf("at character %d: %v", at+offset+1, err)
		}
		if s.op.foreign {
			s.at = at + 1
		}
		p, starts = append(p, s), append(starts, at)
		at += len(part) + 1
	}
	if i, err := p.order(); err != nil {
		return nil, ErrInvalid.Detailf("at character %d: %v", starts[i]+1, err)
	}
	if err := p.short(); err != nil {
		return nil, err
	}
	return p, nil
}

// short is ErrInvalid when the canonical text is longer than one may be: nobody
// could read it again.
func (p Pipeline) short() error {
	if n := len(p.String()); n > MaxText {
		return ErrInvalid.Detailf("a pipeline has at most %d bytes as text, got %d", MaxText, n)
	}
	return nil
}

// parseStep reads one step; offset is where in it an error lies.
func parseStep(text string, find finder) (s Step, offset int, err error) {
	name, rest, more := strings.Cut(text, ":")
	op, err := find(name)
	if err != nil {
		return Step{}, 0, err
	}
	r := stepReader{Step: newStep(op), set: make([]bool, len(op.Params))}
	for at := len(name) + 1; more; {
		var field string
		field, rest, more = strings.Cut(rest, ":")
		if err := r.field(field); err != nil {
			return Step{}, at, err
		}
		at += len(field) + 1
	}
	r.sort()
	return r.Step, 0, r.complete()
}

// stepReader reads the fields of one step.
type stepReader struct {
	Step
	set  []bool // which parameters have been given
	next int    // the parameter that a field without a name is for
}

func (r *stepReader) field(field string) error {
	if name, v, named := strings.Cut(field, "="); named {
		return r.named(name, v)
	}
	v, err := url.PathUnescape(field)
	if err != nil {
		return fmt.Errorf("%s: %w", r.op.Name, err)
	}
	if i, ok := r.op.param(v); ok && r.op.Params[i].Kind == Flag {
		return r.put(i, "true")
	}
	if r.op.foreign {
		if err := r.grow(strconv.Itoa(len(r.op.Params)+1), raw); err != nil {
			return err
		}
	}
	for r.next < len(r.op.Params) && r.op.Params[r.next].Kind == Flag && !r.op.foreign {
		r.next++ // a flag has no place, only its name
	}
	if r.next >= len(r.op.Params) {
		return fmt.Errorf("%s takes at most %d parameters", r.op.Name, len(r.op.Params))
	}
	i := r.next
	r.next++
	if r.op.Params[i].joined {
		r.next++
		width, height, _ := strings.Cut(v, "x")
		return r.pair(i, width, height)
	}
	if v == "" && r.op.Params[i].Kind != Text && !r.op.foreign {
		return nil // left out, for the sake of those that follow
	}
	return r.put(i, v)
}

func (r *stepReader) named(name, escaped string) error {
	v, err := url.PathUnescape(escaped)
	if err != nil {
		return fmt.Errorf("%s: %w", r.op.Name, err)
	}
	if r.op.foreign {
		if err := r.grow(name, raw); err != nil {
			return err
		}
	}
	i, ok := r.op.param(name)
	if !ok {
		return fmt.Errorf("%s has no parameter %q%s", r.op.Name, clip(name), suggest(name, r.op.paramNames()))
	}
	return r.put(i, v)
}

// pair reads WIDTHxHEIGHT, WIDTH or xHEIGHT.
func (r *stepReader) pair(i int, values ...string) error {
	for n, v := range values {
		if v == "" {
			continue
		}
		if err := r.put(i+n, v); err != nil {
			return err
		}
	}
	return nil
}

func (r *stepReader) put(i int, v string) error {
	if r.set[i] {
		return fmt.Errorf("%s: %s is given twice", r.op.Name, r.op.Params[i].Name)
	}
	r.set[i] = true
	return r.Step.set(i, v)
}

// grow gives an operation that is not declared here one parameter more. One
// without a name has its place for one, and stands before those with names.
func (r *stepReader) grow(name string, kind Kind) error {
	if _, known := r.op.param(name); known {
		return nil // it will be found to be given twice
	}
	if !isParamName(name) && !isPosition(name, len(r.op.Params)) {
		return fmt.Errorf("%s cannot have a parameter %q", r.op.Name, clip(name))
	}
	if n := len(r.op.Params); isPosition(name, n) && n > 0 && !isPosition(r.op.Params[n-1].Name, n-1) {
		return fmt.Errorf("%s: values without a name stand before those with one", r.op.Name)
	}
	r.op.Params = append(r.op.Params, rawParam(name, kind))
	r.values, r.set = append(r.values, ""), append(r.set, false)
	return nil
}

// sort gives the named parameters of an operation that is not declared here the
// one order that they have.
func (r *stepReader) sort() {
	if !r.op.foreign {
		return
	}
	first := slices.IndexFunc(r.op.Params, func(p Param) bool { return isParamName(p.Name) })
	for i := first; i >= 0 && i < len(r.op.Params); i++ {
		for j := i; j > first && r.op.Params[j].Name < r.op.Params[j-1].Name; j-- {
			r.op.Params[j], r.op.Params[j-1] = r.op.Params[j-1], r.op.Params[j]
			r.values[j], r.values[j-1] = r.values[j-1], r.values[j]
		}
	}
}

// String is the canonical text: values that are the default are left out, and
// those behind one that is left out have their names.
func (p Pipeline) String() string {
	parts := make([]string, len(p))
	for i, s := range p {
		parts[i] = s.String()
	}
	return strings.Join(parts, "/")
}

// String is the canonical text of one step.
func (s Step) String() string {
	var b strings.Builder
	b.WriteString(s.op.Name)
	inOrder := true
	for i := 0; i < len(s.values); i++ {
		p, v := s.op.Params[i], s.values[i]
		if p.joined {
			inOrder = s.writePair(&b, i, inOrder)
			i++
			continue
		}
		switch {
		case s.op.foreign && isPosition(p.Name, i):
			b.WriteString(":" + escape(v))
		case v == p.Default:
			inOrder = inOrder && p.Kind == Flag
		case p.Kind == Flag && v == "true" && !s.op.foreign: // who does not know the flag would take it for a value
			b.WriteString(":" + p.Name)
		case inOrder && p.Kind != Flag && !s.isFlag(v) && !s.op.foreign:
			b.WriteString(":" + escape(v))
		default:
			b.WriteString(":" + p.Name + "=" + escape(v))
		}
	}
	return b.String()
}

// writePair writes WIDTHxHEIGHT and says whether values in order may follow.
func (s Step) writePair(b *strings.Builder, i int, inOrder bool) bool {
	width, height := s.op.Params[i], s.op.Params[i+1]
	w, h := s.values[i], s.values[i+1]
	if w == width.Default && h == height.Default {
		return false
	}
	if w == width.Default {
		w = ""
	}
	if h == height.Default {
		h = ""
	}
	if inOrder {
		b.WriteString(":" + strings.TrimSuffix(w+"x"+h, "x"))
		return true
	}
	if w != "" {
		b.WriteString(":" + width.Name + "=" + w)
	}
	if h != "" {
		b.WriteString(":" + height.Name + "=" + h)
	}
	return false
}

// isFlag says that a value would be read as the name of a flag.
func (s Step) isFlag(v string) bool {
	i, ok := s.op.param(v)
	return ok && s.op.Params[i].Kind == Flag
}

// escape spells the characters that mean something in the text form as %XX, and
// white space at the end of a value: editors and headers cut it off a text.
func escape(v string) string {
	end := len(strings.TrimRightFunc(v, unicode.IsSpace))
	if end == len(v) && !strings.ContainsFunc(v, special) {
		return v
	}
	var b strings.Builder
	for i, c := range []byte(v) {
		if i >= end || special(rune(c)) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func special(r rune) bool { return r < ' ' || strings.ContainsRune("%/:=|", r) }

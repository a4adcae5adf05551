package pipeline

// Schema is the JSON form of a pipeline as a JSON Schema (2020-12).
func (c *Catalog) Schema() map[string]any {
	var steps []any
	for _, op := range c.Ops() {
		steps = append(steps, op.Schema())
	}
	return map[string]any{
		"$schema":  "https://json-schema.org/draft/2020-12/schema",
		"title":    "A pipeline of minilab",
		"type":     "array",
		"minItems": 1,
		"maxItems": MaxSteps,
		"items":    map[string]any{"oneOf": steps},
	}
}

// Schema is one step in its JSON form as a JSON Schema.
func (o Op) Schema() map[string]any {
	properties := map[string]any{"op": map[string]any{"const": o.Name}}
	needed := []string{"op"}
	for _, p := range o.Params {
		properties[p.Name] = p.Schema()
		if p.Required {
			needed = append(needed, p.Name)
		}
	}
	return map[string]any{
		"title": o.Name, "description": o.Summary, "type": "object",
		"properties": properties, "required": needed, "additionalProperties": false,
	}
}

// Schema is the parameter's value as a JSON Schema.
func (p Param) Schema() map[string]any {
	s := map[string]any{"description": p.Doc}
	switch p.Kind {
	case Integer:
		s["type"], s["minimum"], s["maximum"] = "integer", p.Min, p.Max
	case Number:
		s["type"], s["minimum"], s["maximum"] = "number", p.Min, p.Max
	case Flag:
		s["type"] = "boolean"
	case Choice:
		s["enum"] = p.Choices
	case Numbers:
		s["type"], s["items"] = "array", map[string]any{"type": "number", "minimum": p.Min, "maximum": p.Max}
		s["minItems"], s["maxItems"] = p.Counts[0], p.Counts[len(p.Counts)-1]
	case Length:
		s["oneOf"] = []any{
			map[string]any{"type": "integer", "minimum": p.Min, "maximum": p.Max},
			map[string]any{"type": "string", "pattern": `^-?[0-9]+(\.[0-9]+)?[p%]$`},
		}
	case Text, Reference:
		s["type"], s["minLength"], s["maxLength"] = "string", 1, p.Limit
	default:
		s["type"] = "string"
	}
	if p.Default != "" {
		s["default"] = p.jsonValue(p.Default)
	}
	if p.Unit != "" {
		s["x-unit"] = p.Unit
	}
	return s
}

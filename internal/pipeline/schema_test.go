package pipeline_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"minilab/internal/pipeline"
)

// TestTheSchemaIsTheParser: what the parser takes in the JSON form the schema
// takes, and what is plainly wrong both refuse.
func TestTheSchemaIsTheParser(t *testing.T) {
	data, err := json.Marshal((*pipeline.Catalog)(nil).Schema())
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("pipeline.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("pipeline.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(text string, good bool) {
		t.Helper()
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(v); (err == nil) != good {
			t.Errorf("the schema says of %s: %v", text, err)
		}
		if _, err := pipeline.Parse(text); (err == nil) != good {
			t.Errorf("the parser says of %s: %v", text, err)
		}
	}
	for _, op := range pipeline.Ops() {
		p, err := pipeline.Parse(op.Example)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		check(string(data), true)
	}
	for _, text := range []string{
		`[]`, `[{}]`, `[{"op":"nonsense"}]`, `[{"op":"blur"}]`, `[{"op":"blur","sigma":1000}]`, `[{"op":"blur","sigma":1,"more":1}]`,
		`[{"op":"swap","order":"xyz"}]`, `[{"op":"matrix","coefficients":[1]}]`, `[{"op":"resize","width":-1}]`, `[{"op":"crop","width":"5q"}]`,
	} {
		check(text, false)
	}
}

package httpx

import (
	"encoding/json"
	"errors"
)

// maxValues is how many values a JSON text may have, commas counted. A list of
// "{}" is a hundred times larger in memory than on the wire; nothing that is
// meant has nearly as many.
const maxValues = 1 << 18

var errManyValues = errors.New("there are too many values in the JSON text")

// unmarshal is json.Unmarshal for what others have written.
func unmarshal(text []byte, v any) error {
	if tooManyValues(text) {
		return errManyValues
	}
	return json.Unmarshal(text, v)
}

// tooManyValues counts what begins another value. The text need not be JSON.
func tooManyValues(text []byte) bool {
	n, quoted := 0, false
	for i := 0; i < len(text) && n <= maxValues; i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case !quoted && (c == ',' || c == '[' || c == '{'):
			n++
		}
	}
	return n > maxValues
}

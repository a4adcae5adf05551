package taskdb

import (
	"strconv"
	"strings"
)

// ResultKey is the storage's key of what the task's present attempt makes of an
// output: ID.TOKEN, and behind it .NAME unless the output has none. Every
// attempt has keys of its own, so a late one cannot touch what another has
// published.
func ResultKey(t Task, output string) string {
	key := t.ID + "." + strconv.FormatInt(t.Token, 10)
	if output != "" {
		key += "." + output
	}
	return key
}

// ParseResultKey is the task and the token of a key that ResultKey has made. It
// is not ok for any other key.
func ParseResultKey(key string) (id string, token int64, ok bool) {
	id, rest, _ := strings.Cut(key, ".")
	digits, output, named := strings.Cut(rest, ".")
	token, err := strconv.ParseInt(digits, 10, 64)
	canonical := err == nil && token > 0 && strconv.FormatInt(token, 10) == digits
	return id, token, canonical && CheckID(id) == nil && named == (output != "")
}

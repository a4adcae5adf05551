package kv

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// Cursor is a place in a listing: what the text in Page.Next stands for in
// every engine.
type Cursor struct {
	Revision int64  // of the store when the first page was made
	After    string // the last key that was given
}

// String is the cursor's text. It holds no promise but that ParseCursor reads it.
func (c Cursor) String() string {
	return base64.RawURLEncoding.EncodeToString(append(binary.AppendVarint(nil, c.Revision), c.After...))
}

// ParseCursor reads a cursor of a listing of prefix. The empty text is the
// listing's beginning, the zero Cursor.
func ParseCursor(prefix, text string) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return Cursor{}, ErrCursor.Because(err)
	}
	revision, n := binary.Varint(raw)
	if n <= 0 || revision < 0 {
		return Cursor{}, ErrCursor
	}
	c := Cursor{Revision: revision, After: string(raw[n:])}
	if CheckKey(c.After) != nil || !strings.HasPrefix(c.After, prefix) {
		return Cursor{}, ErrCursor.Detailf("this cursor is not one of a listing of %q", prefix)
	}
	return c, nil
}

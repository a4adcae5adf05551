package kv_test

import (
	"errors"
	"testing"

	"minilab/internal/kv"
)

func TestCursorsComeBack(t *testing.T) {
	for _, want := range []kv.Cursor{{Revision: 0, After: "a"}, {Revision: 1 << 40, After: "a/\x00/ü\n"}} {
		got, err := kv.ParseCursor("a", want.String())
		if err != nil || got != want {
			t.Errorf("%+v came back as %+v, %v", want, got, err)
		}
	}
	if got, err := kv.ParseCursor("a", ""); err != nil || got != (kv.Cursor{}) {
		t.Errorf("the beginning is %+v, %v", got, err)
	}
}

func TestOtherTextsAreNoCursors(t *testing.T) {
	texts := []string{
		"nonsense!", "AA", "====", kv.Cursor{After: "b"}.String(), kv.Cursor{Revision: -1, After: "a"}.String(),
		kv.Cursor{After: "a\xff"}.String(),
	}
	for _, text := range texts {
		if _, err := kv.ParseCursor("a", text); !errors.Is(err, kv.ErrCursor) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestChecksOfAPut(t *testing.T) {
	cases := map[string]struct {
		key   string
		value int
		opts  kv.PutOptions
		want  error
	}{
		"plain":        {key: "a"},
		"ttl":          {key: "a", opts: kv.PutOptions{TTL: kv.MinTTL}},
		"no key":       {want: kv.ErrKey},
		"long value":   {key: "a", value: kv.MaxValue + 1, want: kv.ErrValue},
		"short ttl":    {key: "a", opts: kv.PutOptions{TTL: kv.MinTTL - 1}, want: kv.ErrTTL},
		"negative ttl": {key: "a", opts: kv.PutOptions{TTL: -kv.MinTTL}, want: kv.ErrTTL},
		"long ttl":     {key: "a", opts: kv.PutOptions{TTL: kv.MaxTTL + 1}, want: kv.ErrTTL},
	}
	for name, c := range cases {
		if err := kv.CheckPut(c.key, make([]byte, c.value), c.opts); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

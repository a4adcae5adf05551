package wire_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"minilab/internal/engine/wire"
	"minilab/internal/fault"
)

// FuzzMessages: what one side says the other understands, and whatever an
// engine process says that is not so is refused or harmless.
func FuzzMessages(f *testing.F) {
	for _, v := range []any{
		wire.Hello{Protocol: wire.Version, Version: "v", Library: "8.18", Formats: []string{"image/png"}},
		wire.Job{ID: 7, Outputs: []string{"swap"}, MaxPixels: 1 << 40, MaxOutput: 5},
		wire.Answer{ID: 7, Outputs: []wire.Output{{Size: 3, ContentType: "image/jpeg", Width: 1, Height: 2, Pages: 1}}, Facts: wire.Facts{Format: "jpeg", Width: 1, Height: 2, Pages: 1, Bits: 8, Bands: 3, Quality: 90, Lane: "pixels"}},
		wire.Answer{ID: 7, Fault: wire.FaultOf(wire.ErrBroken)},
		wire.Answer{ID: 7, Fault: wire.FaultOf(wire.ErrBroken.Detailf("\u0085a\u009b\x7f"))},
		wire.Answer{ID: 7, Facts: wire.Facts{Exif: map[string]string{}}},
	} {
		data, err := wire.Encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "a sentence\x00\x1b[0m", uint64(1), int64(2))
	}
	f.Fuzz(func(t *testing.T, data []byte, text string, id uint64, n int64) {
		for _, v := range []any{&wire.Hello{}, &wire.Job{}, &wire.Answer{}} {
			if wire.Decode(data, v) == nil {
				again(t, v)
			}
		}
		if utf8.ValidString(text) {
			again(t, &wire.Job{ID: id, Outputs: []string{text}, MaxPixels: n, MaxOutput: n})
			again(t, &wire.Answer{ID: id, Outputs: []wire.Output{{Size: n, ContentType: text}}, Facts: wire.Facts{Format: text, Width: int(n)}})
		}
		var a wire.Answer
		if wire.Decode(data, &a) == nil {
			believed(t, a)
		}
		told(t, text)
	})
}

// again: a message comes back as it was.
func again(t *testing.T, v any) {
	if a, ok := v.(*wire.Answer); ok && len(a.Facts.Exif) == 0 {
		a.Facts.Exif = nil // which it comes back as
	}
	data, err := wire.Encode(v)
	if err != nil {
		return // over the limit
	}
	back := reflect.New(reflect.TypeOf(v).Elem()).Interface()
	if err := wire.Decode(data, back); err != nil {
		t.Fatalf("%s is not understood: %v", data, err)
	}
	once, _ := json.Marshal(back)
	if string(once) != string(data) || len(data) > wire.MaxMessage {
		t.Errorf("%s came back as %s", data, once)
	}
}

// believed: a result that is taken for one has sizes that can be.
func believed(t *testing.T, a wire.Answer) {
	if a.Valid(1) && (len(a.Outputs) != 1 || a.Outputs[0].Size <= 0 || a.Outputs[0].Width <= 0 || a.Facts.Width <= 0 ||
		a.Facts.Height <= 0 || !strings.HasPrefix(a.Outputs[0].ContentType, "image/")) {
		t.Errorf("%+v is believed", a)
	}
	if a.Fault == nil {
		return
	}
	err, ok := a.Fault.Err()
	if ok && (len([]rune(err.Detail)) > 300 || strings.ContainsFunc(err.Detail, unicode.IsControl) || !utf8.ValidString(err.Detail)) {
		t.Errorf("%q is shown to people", err.Detail)
	}
}

// told: any error of the process is one of the faults that it may send.
func told(t *testing.T, text string) {
	for _, err := range []error{errors.New(text), wire.ErrBroken.Detailf("%s", text), fault.ErrInternal} {
		f, ok := wire.FaultOf(err).Err()
		if !ok || f.Code != fault.From(err).Code {
			t.Errorf("%v comes as %v, %v", err, f, ok)
		}
	}
}

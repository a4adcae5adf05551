package lab_test

import (
	"testing"
	"time"

	"minilab/internal/lab"
)

func TestParseKeep(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"7d": 7 * 24 * time.Hour, "1d": 24 * time.Hour, "36h": 36 * time.Hour, "1h30m": 90 * time.Minute, "1s": time.Second, "36500d": lab.MaxKeep,
		"": 0, "0": 0, "0s": 0, "0d": 0, "7": 0, "-1h": 0, "-2d": 0, "1.5d": 0, "d": 0, "7 d": 0, "36501d": 0, "99999999999999999999d": 0, "9223372036854775807d": 0, "1ms": 0, "soon": 0, "1w": 0,
	} {
		if got, err := lab.ParseKeep(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
}

package lab_test

import (
	"errors"
	"strings"
	"testing"

	"minilab/internal/lab"
)

func TestCallbacks(t *testing.T) {
	for _, url := range []string{"", "http://a.example", "https://a.example:8443/x?y=z", "https://[2001:db8::1]/", "http://a.example:1/%23"} {
		if err := (lab.Submission{Callback: url}).Check(lab.Limits{}); err != nil {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, url := range []string{
		"a.example", "ftp://a.example/", "//a.example/", "https://u:p@a.example/", "https://u@a.example/", "https://a.example/#x", "https://a.example/#",
		"https://a.example:0/", "https://a.example:65536/", "https://a.example:/", "https://:1/", "https://", "http://a.example/\n", "http://[::1",
		"https://a.example/" + strings.Repeat("x", 2048), "javascript:alert(1)", "https://a.example:8443:1/",
	} {
		if err := (lab.Submission{Callback: url}).Check(lab.Limits{}); !errors.Is(err, lab.ErrSubmission) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

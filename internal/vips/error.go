package vips

// #include "vips.h"
import "C"

import (
	"strings"
	"unicode"
)

// Error is what the library says about an image that it cannot read or write.
type Error struct {
	Text string // one line, fit for a person
}

// Error implements error.
func (e *Error) Error() string { return e.Text }

// OutOfMemory says that the library could not get the memory it asked for.
// There is no other sign of it than the text: each codec has its own.
func (e *Error) OutOfMemory() bool {
	text := strings.ToLower(e.Text)
	return strings.Contains(text, "out of memory") || strings.Contains(text, "insufficient memory") ||
		strings.Contains(text, "memory allocation") || strings.Contains(text, "cannot allocate")
}

// UseError is a mistake of the caller's: an operation or an argument that this
// libvips does not have. It says nothing about the image.
type UseError struct {
	Op, Reason string
}

// Error implements error.
func (e *UseError) Error() string { return "vips: " + e.Op + ": " + e.Reason }

// lastError takes what is in the library's error buffer.
func lastError() *Error {
	c := C.ml_error()
	defer C.g_free(C.gpointer(c))
	return &Error{Text: firstLine(C.GoString(c))}
}

// firstLine reduces the error buffer, to which every layer adds a line, to the
// innermost one without the name of its module.
func firstLine(buffer string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(buffer), "\n")
	if module, rest, ok := strings.Cut(line, ": "); ok && !strings.Contains(module, " ") {
		line = rest
	}
	line = strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, line)
	if len(line) > 120 {
		line = line[:120]
	}
	if line == "" {
		return "no reason given"
	}
	return line
}

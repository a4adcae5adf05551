package vips

// #include "vips.h"
import "C"

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Error is what the library says about an image that it cannot read or write.
type Error struct {
	Text string // one line, fit for a person

	buffer string // all that the library said
}

// Error implements error.
func (e *Error) Error() string { return e.Text }

// OutOfMemory says that the library could not get the memory it asked for.
// There is no other sign of it than the text: each codec has its own. A size
// that no image has, or a limit of the library's own that an image goes beyond,
// is the image's fault, whatever the codec calls it.
func (e *Error) OutOfMemory() bool {
	return e.says("out of memory", "insufficient memory", "memory allocation error", "cannot allocate memory") &&
		!e.says("limit", "out of memory reading of", "bad image dimensions")
}

// says whether one of the texts is in a line of what the library said.
func (e *Error) says(texts ...string) bool {
	return slices.ContainsFunc(lines(e.buffer), func(line string) bool {
		line = strings.ToLower(line)
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(line, text) })
	})
}

// UseError is a mistake of the caller's: an operation or an argument that this
// libvips does not have. It says nothing about the image.
type UseError struct {
	Op, Reason string
}

// Error implements error.
func (e *UseError) Error() string { return "vips: " + e.Op + ": " + e.Reason }

// Forget empties the library's error buffer, which is one for the whole
// process: work that went well leaves warnings in it, and they would be taken
// for the reason of the next image's failure.
func Forget() { C.vips_error_clear() }

// Warnings takes what is in the library's error buffer after work that went
// well, line by line and without the names of its modules.
func Warnings() []string { return lines(takeBuffer()) }

// lastError takes what is in the library's error buffer.
func lastError() *Error { return newError(takeBuffer()) }

func newError(buffer string) *Error { return &Error{Text: sentence(buffer), buffer: buffer} }

func takeBuffer() string {
	c := C.ml_error()
	defer C.g_free(C.gpointer(c))
	return C.GoString(c)
}

// lines are those of the buffer, to which every layer adds one.
func lines(buffer string) []string {
	var all []string
	for line := range strings.Lines(buffer) {
		line = strings.TrimSpace(line)
		if module, rest, ok := strings.Cut(line, ": "); ok && !strings.Contains(module, " ") {
			line = rest
		}
		if line != "" {
			all = append(all, line)
		}
	}
	return all
}

const (
	tooEarly  = "the image ends too early"
	damaged   = "the image data is damaged"
	badHeader = "its header is damaged"
)

// sentences are what is said in place of what the codecs say. The first text
// that is in any line counts, so the telling ones come first.
var sentences = []struct{ text, sentence string }{
	{"unexpected end of", tooEarly},
	{"premature end of JPEG", tooEarly},
	{"insufficient input data", tooEarly},
	{"file size too small", tooEarly},
	{"truncated", tooEarly},
	{"no 'meta' box", tooEarly},
	{"no meta box", tooEarly},
	{"seek error", tooEarly},
	{"libpng read error", "the image ends too early or its data is damaged"},
	{"security limit", "its header asks for more than any image needs"},
	{"exceeds the maximum", "its header asks for more than any image needs"},
	{"out of memory reading of", "its header asks for more than any image needs"},
	{"bad image dimensions", "its header asks for more than any image needs"},
	{"beyond the", "its header asks for more than any image needs"},
	{"premature end of data segment", "a part of the image data is missing"},
	{"bad Huffman code", damaged},
	{"bad arithmetic code", damaged},
	{"instead of RST", "a part of the image data is missing"},
	{"left over", damaged},
	{"corrupt frame", damaged},
	{"invalid frame data", damaged},
	{"unable to read pixels", damaged},
	{"unable to parse image", "the image ends too early or its header is damaged"},
	{"IHDR", badHeader},
	{"bogus", badHeader},
	{"was not defined", badHeader},
	{"unsupported marker", badHeader},
	{"invalid component", badHeader},
	{"invalid JPEG file structure", badHeader},
	{"no image in file", tooEarly},
	{"invalid progressive", badHeader},
	{"box", badHeader},
	{"failed to read directory", badHeader},
}

// technical are lines that say where in the library something went wrong, or
// what it forgave.
var technical = []string{
	"bad seek", "unable to write to target", "unable to open source", "read error", "extraneous bytes",
}

// number is one that is for the authors of a codec: an address, the code of an
// error.
var number = regexp.MustCompile(`\b0x[0-9a-fA-F]+|\s*\(\d+\.\d+\)|\d{5,}`)

// sentence is the reason in an error buffer as it is told to a person.
func sentence(buffer string) string {
	all := lines(buffer)
	for _, known := range sentences {
		for _, line := range all {
			if strings.Contains(strings.ToLower(line), strings.ToLower(known.text)) {
				return known.sentence
			}
		}
	}
	for _, line := range all {
		line = plain(line)
		if line != "" && !slices.ContainsFunc(technical, func(t string) bool { return strings.Contains(line, t) }) {
			return line
		}
	}
	return "it cannot be read"
}

// plain leaves out of a line what is not for people.
func plain(line string) string {
	line = strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, line)
	line = strings.TrimRight(number.ReplaceAllString(line, ""), " .;,:")
	return line[:min(len(line), 120)]
}

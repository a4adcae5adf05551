package vips

import "testing"

func TestReasonsAreForPeople(t *testing.T) {
	for buffer, want := range map[string]string{
		"": "it cannot be read",
		"source: bad seek to 1024\nsource: bad seek to 512\n":                                                         "it cannot be read",
		"source: bad seek to 1024\nheif: Invalid input: Unexpected end of file (2.100)\n":                             tooEarly,
		"source: bad seek to 23048\ntiff2vips: source input: Seek error accessing TIFF directory\n":                   tooEarly,
		"VipsJpeg: Corrupt JPEG data: 19 extraneous bytes before marker 0xc4\nVipsJpeg: SOS before SOF\n":             "SOS before SOF",
		"VipsJpeg: Quantization table 0x21 was not defined\n":                                                         badHeader,
		"vipspng: libpng read error\nvips2png: unable to write to target target_custom\n":                             "the image ends too early or its data is damaged",
		"heif: Unsupported feature: Unsupported data version: hdlr data version 16 is not implemented yet (4.3002)\n": "Unsupported feature: Unsupported data version: hdlr data version 16 is not implemented yet",
		"tiff2vips: strange\x1b[31m thing at 4294967295\n":                                                            "strange[31m thing at",
	} {
		if got := sentence(buffer); got != want {
			t.Errorf("%q is told as %q, want %q", buffer, got, want)
		}
	}
}

func TestOutOfMemoryIsNotALimit(t *testing.T) {
	for buffer, want := range map[string]bool{
		"heif: Memory allocation error: Security limit exceeded: Number of extents in iloc box (33) exceeds security limit (32);\n": false,
		"tiff2vips: Memory allocation of 99 bytes is beyond the 9 byte limit defined in open options\n":                             false,
		"heif: Invalid input: memory allocation\n":                                                                           false,
		"heif: Memory allocation error: Unspecified (6.0)\n":                                                                 true,
		"x: bad seek\nvips_tracked: out of memory -- size == 9\n":                                                            true,
		"VipsJpeg: Insufficient memory (case 4)\n":                                                                           true,
		"tiff2vips: Out of memory reading of \"BitsPerSample\"\nvips__tiff_openin_source: unable to open source for input\n": false,
		"gifload: bad image dimensions\ngifload_source: Out of memory\n":                                                     false,
		"": false,
	} {
		if got := newError(buffer).OutOfMemory(); got != want {
			t.Errorf("%q is out of memory: %v", buffer, got)
		}
	}
}

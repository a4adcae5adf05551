package develop_test

import (
	"bytes"
	"image"
	"testing"

	"minilab/internal/vips"
)

// profileIn is the profile in a file, read by the library.
func profileIn(tb testing.TB, data []byte, loader string) []byte {
	tb.Helper()
	m, err := vips.Load(loader, data, nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer m.Close()
	return m.Blob("icc-profile-data")
}

// transformed is an image in one of the library's profiles, and that profile.
func transformed(tb testing.TB, m image.Image, name string) (out image.Image, icc []byte) {
	tb.Helper()
	source, err := vips.Load("pngload_source", encodePNG(tb, m), nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer source.Close()
	changed, err := source.Call("icc_transform", vips.Options{"output_profile": name, "input_profile": "srgb"})
	if err != nil {
		tb.Fatal(err)
	}
	defer changed.Close()
	return decodePNG(tb, saved(tb, changed, "pngsave_target", nil)), changed.Blob("icc-profile-data")
}

// TestProfileGoesIntoTheFile: of each format that is chosen, and of the source's;
// back again the colours are what they were.
func TestProfileGoesIntoTheFile(t *testing.T) {
	m := scene(64, 48)
	_, srgb := transformed(t, m, "srgb")
	wide, p3 := transformed(t, m, "p3")
	if bytes.Equal(srgb, p3) {
		t.Fatal("the profiles are the same")
	}
	for format, loader := range map[string]string{
		"png": "pngload_source", "jpeg:97:sampling=444": "jpegload_source", "webp:97:lossless": "webpload_source",
		"avif:90:lossless": "heifload_source", "tiff": "tiffload_source",
	} {
		plain, _ := run(t, encodePNG(t, m), format)
		for how, in := range map[string][2]string{"chosen": {"profile:p3/" + format, "profile:srgb/" + format}, "as the source": {"profile:p3", "profile:srgb"}} {
			there, _ := run(t, plain, in[0])
			if got := profileIn(t, there, loader); !bytes.Equal(got, p3) {
				t.Errorf("%s, %s: %d bytes of profile, want those of P3", format, how, len(got))
			}
			mustResemble(t, toPNG(t, there, loader, 0), wide, 34)
			back, _ := run(t, there, in[1])
			if got := profileIn(t, back, loader); !bytes.Equal(got, srgb) {
				t.Errorf("%s, %s: %d bytes of profile, want those of sRGB", format, how, len(got))
			}
			mustResemble(t, toPNG(t, back, loader, 0), m, 34)
		}
	}
}

// TestGreyHasNoProfileOfColours: whatever was in the source.
func TestGreyHasNoProfileOfColours(t *testing.T) {
	wide, _ := run(t, encodePNG(t, scene(64, 48)), "profile:p3/png")
	for format, loader := range map[string]string{
		"png": "pngload_source", "jpeg:97": "jpegload_source", "tiff": "tiffload_source", "webp:97:lossless": "webpload_source",
	} {
		out, _ := run(t, wide, "grayscale/"+format)
		if icc := profileIn(t, out, loader); icc != nil {
			t.Errorf("%s: %d bytes of profile", format, len(icc))
		}
	}
}

// TestSepiaOfGreyWithAProfile: what becomes colour is in sRGB.
func TestSepiaOfGreyWithAProfile(t *testing.T) {
	grey := image.NewGray(image.Rect(0, 0, 32, 8))
	for i := range grey.Pix {
		grey.Pix[i] = uint8(i)
	}
	source, err := vips.Load("pngload_source", encodePNG(t, grey), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	labelled, err := source.Call("copy", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer labelled.Close()
	labelled.SetBlob("icc-profile-data", []byte("GRAY, but nothing that can be used"))
	out, _ := run(t, saved(t, labelled, "tiffsave_target", nil), "sepia/png")
	want, _ := run(t, encodePNG(t, grey), "sepia/png")
	mustEqual(t, decodePNG(t, out), decodePNG(t, want))
	if icc := profileIn(t, out, "pngload_source"); icc != nil {
		t.Errorf("%d bytes of profile", len(icc))
	}
}

package vips_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"minilab/internal/vips"
)

func TestMain(m *testing.M) {
	if err := vips.Init(); err != nil {
		panic(err)
	}
	m.Run()
}

func TestOperationsAreCalledByName(t *testing.T) {
	black, err := vips.Black(30, 20, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer black.Close()
	coloured, err := black.Call("linear", vips.Options{"a": []float64{1, 1, 1}, "b": []float64{10, 20, 30}, "uchar": true})
	if err != nil {
		t.Fatal(err)
	}
	defer coloured.Close()
	embedded, err := coloured.Call("embed", vips.Options{"x": 1, "y": 2, "width": 40, "height": 50, "extend": "copy"})
	if err != nil {
		t.Fatal(err)
	}
	defer embedded.Close()
	if embedded.Width() != 40 || embedded.Height() != 50 || embedded.Bands() != 3 || embedded.Bits() != 8 || embedded.Float() {
		t.Errorf("%d x %d, %d bands of %d bits", embedded.Width(), embedded.Height(), embedded.Bands(), embedded.Bits())
	}
	if err := embedded.Drain(); err != nil {
		t.Error(err)
	}
}

func TestMistakesOfTheCallerAreTold(t *testing.T) {
	black, err := vips.Black(3, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer black.Close()
	for name, call := range map[string]func() error{
		"operation": func() error { _, err := black.Call("conjure", nil); return err },
		"argument":  func() error { _, err := black.Call("invert", vips.Options{"speed": 1}); return err },
		"type":      func() error { _, err := black.Call("embed", vips.Options{"x": "left"}); return err },
		"value":     func() error { _, err := black.Call("embed", vips.Options{"extend": "sideways"}); return err },
	} {
		err := call()
		if _, ok := errors.AsType[*vips.UseError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := black.Swap([3]int{2, 1, 0}); err == nil {
		t.Error("one channel was swapped with two others")
	}
}

func TestUntrustedLoadersAreBlocked(t *testing.T) {
	for loader, data := range map[string]string{
		"svgload_source": `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>`,
		"ppmload_source": "P2\n1 1\n255\n7\n",
	} {
		if m, err := vips.Load(loader, []byte(data), nil); err == nil {
			m.Close()
			t.Errorf("%s works", loader)
		}
	}
}

func TestSaveStopsAtItsLimit(t *testing.T) {
	black, err := vips.Black(300, 300, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer black.Close()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	none := vips.Options{"compression": 0}
	if err := black.Save("pngsave_target", fd, 1000, none); !errors.Is(err, vips.ErrLimit) {
		t.Errorf("over the limit: %v", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Size > 1000 {
		t.Errorf("%d bytes were written, %v", st.Size, err)
	}
	if err := black.Save("pngsave_target", fd, 1<<20, none); err != nil {
		t.Error(err)
	}
}

func TestErrorsAreOneLineForPeople(t *testing.T) {
	_, err := vips.Load("pngload_source", []byte("\x89PNG\r\n\x1a\nnonsense"), nil)
	reason, ok := errors.AsType[*vips.Error](err)
	if !ok || reason.Text == "" || len(reason.Text) > 120 {
		t.Errorf("%q", err)
	}
	// One error must not leak into the next.
	_, again := vips.Load("pngload_source", []byte("\x89PNG\r\n\x1a\nnonsense"), nil)
	if again == nil || again.Error() != err.Error() {
		t.Errorf("%v, then %v", err, again)
	}
}

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

// plainJPEG is the simplest way of encoding three components.
func plainJPEG() vips.JPEG {
	how := vips.JPEG{Components: []vips.Component{{H: 1, V: 1}, {H: 1, V: 1}, {H: 1, V: 1}}}
	for i := range how.Tables[0] {
		how.Tables[0][i] = 1
	}
	return how
}

func TestSaveJPEGStopsAtItsLimit(t *testing.T) {
	black, err := vips.Black(300, 300, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer black.Close()
	for _, progressive := range []bool{false, true} {
		how := plainJPEG()
		how.Progressive = progressive
		fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		var st unix.Stat_t
		if err := black.SaveJPEG(fd, 1<<20, how); err != nil {
			t.Fatal(err)
		}
		if err := unix.Fstat(fd, &st); err != nil {
			t.Fatal(err)
		}
		size := st.Size
		if err := black.SaveJPEG(fd, size, how); err != nil {
			t.Errorf("at the limit: %v", err)
		}
		if err := unix.Ftruncate(fd, 0); err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int64{size - 1, 1, 0} {
			if err := black.SaveJPEG(fd, limit, how); !errors.Is(err, vips.ErrLimit) {
				t.Errorf("over the limit: %v", err)
			}
			if err := unix.Fstat(fd, &st); err != nil || st.Size > limit {
				t.Errorf("%d bytes were written, %v", st.Size, err)
			}
		}
	}
}

func TestSaveJPEGRefusesWhatIsNoJPEG(t *testing.T) {
	black, err := vips.Black(9, 9, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer black.Close()
	wide, err := black.Call("cast", vips.Options{"format": "ushort"})
	if err != nil {
		t.Fatal(err)
	}
	defer wide.Close()
	huge, err := vips.Black(65501, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer huge.Close()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for name, spoil := range map[string]func(*vips.JPEG) *vips.Image{
		"no components":    func(j *vips.JPEG) *vips.Image { j.Components = nil; return black },
		"two components":   func(j *vips.JPEG) *vips.Image { j.Components = j.Components[:2]; return black },
		"no factor":        func(j *vips.JPEG) *vips.Image { j.Components[2].V = 0; return black },
		"factor of five":   func(j *vips.JPEG) *vips.Image { j.Components[0].H = 5; return black },
		"fraction":         func(j *vips.JPEG) *vips.Image { j.Components[0].H, j.Components[1].H = 3, 2; return black },
		"eighteen blocks":  func(j *vips.JPEG) *vips.Image { j.Components[0].H, j.Components[0].V = 4, 4; return black },
		"fifth table":      func(j *vips.JPEG) *vips.Image { j.Components[1].Table = 4; return black },
		"empty table":      func(j *vips.JPEG) *vips.Image { j.Components[1].Table = 1; return black },
		"step of nothing":  func(j *vips.JPEG) *vips.Image { j.Tables[0][63] = 0; return black },
		"step too long":    func(j *vips.JPEG) *vips.Image { j.Tables[0][63] = 4096; return black },
		"restart too late": func(j *vips.JPEG) *vips.Image { j.Restart = 1 << 16; return black },
		"16 bits":          func(*vips.JPEG) *vips.Image { return wide },
		"too wide":         func(*vips.JPEG) *vips.Image { return huge },
	} {
		how := plainJPEG()
		image := spoil(&how)
		if err := image.SaveJPEG(fd, 1<<20, how); err == nil || errors.Is(err, vips.ErrLimit) {
			t.Errorf("%s: %v", name, err)
		}
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

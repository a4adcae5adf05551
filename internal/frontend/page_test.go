package frontend_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"minilab/internal/fault"
	"minilab/internal/frontend"
	"minilab/internal/frontend/frontendtest"
	"minilab/internal/lab"
)

// plain is a JPEG of one colour.
func plain(t *testing.T, c color.Color) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 64, 48))
	for i := range img.Pix {
		img.Set(i%64, i/64%48, c)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// near says whether a picture's middle has a colour, as far as JPEG keeps it.
func near(img image.Image, want color.NRGBA) bool {
	got := color.NRGBAModel.Convert(img.At(img.Bounds().Dx()/2, img.Bounds().Dy()/2)).(color.NRGBA)
	off := func(a, b uint8) bool { return max(a, b)-min(a, b) > 8 }
	return !off(got.R, want.R) && !off(got.G, want.G) && !off(got.B, want.B)
}

var orange = color.NRGBA{230, 120, 30, 255}

const (
	isFinished = `document.querySelector(".job[data-phase=finished]")`
	isFailed   = `document.querySelector(".job[data-phase=failed]")`
)

func TestPageAltersADroppedPhoto(t *testing.T) {
	url := serve(t, &fakeLab{}, roomy)
	dropped := frontendtest.DropPhoto(t.Context(), t, url, plain(t, orange))
	if !near(dropped.Shown, color.NRGBA{30, 120, 230, 255}) {
		t.Errorf("the page shows %v", dropped.Shown.At(10, 10))
	}
	if dropped.FileName != "photo-bgr.jpg" {
		t.Errorf("it is saved as %q", dropped.FileName)
	}
	if resp, body := get(t, dropped.Href); resp.StatusCode != 200 || !strings.HasPrefix(body, "\xff\xd8") {
		t.Errorf("%s: %d", dropped.Href, resp.StatusCode)
	}
	if resp, body := get(t, url+"/image/isReady?id="+dropped.ID); resp.StatusCode != http.StatusOK {
		t.Errorf("the ticket %q: %s", dropped.ID, body)
	}
}

func TestPageTakesAnotherOrder(t *testing.T) {
	p := frontendtest.Open(t.Context(), t, serve(t, &fakeLab{}, roomy))
	frontendtest.Value[bool](p, `(document.querySelector("input[value=gbr]").click(), true)`)
	p.Drop(frontendtest.File{Name: "a'b c.jpeg", Type: "image/jpeg", Bytes: plain(t, orange)})
	p.Await(isFinished)
	dropped := p.Dropped()
	if !near(dropped.Shown, color.NRGBA{120, 30, 230, 255}) || dropped.FileName != "a'b c-gbr.jpg" {
		t.Errorf("%q, %v", dropped.FileName, dropped.Shown.At(10, 10))
	}
	lines := frontendtest.Value[string](p, `[...document.querySelectorAll(".job code")].map((c) => c.textContent).join("\n")`)
	for _, want := range []string{`--data-binary '@a'\''b c.jpeg'`, "/newImage?pipeline=swap:gbr'", dropped.ID, `-o 'a'\''b c-gbr.jpg'`} {
		if !strings.Contains(lines, want) {
			t.Errorf("no %s in the commands:\n%s", want, lines)
		}
	}
	if all := p.Text("#terminal .commands"); strings.Contains(all, "bgr") {
		t.Errorf("the general commands have another order:\n%s", all)
	}
}

func TestPageTakesSeveralAndPasted(t *testing.T) {
	p := frontendtest.Open(t.Context(), t, serve(t, &fakeLab{}, roomy))
	var files []frontendtest.File
	for _, name := range []string{"1", "2", "3", "4", "5", "6", "7"} {
		files = append(files, frontendtest.File{Name: name + ".png", Type: "image/png", Bytes: noise(t, 30, 20)})
	}
	p.Drop(files...)
	p.Paste(frontendtest.File{Name: "image.png", Type: "image/png", Bytes: noise(t, 30, 20)})
	p.Await(`document.querySelectorAll(".job[data-phase=finished]").length === 8`)
	p.Await(`document.querySelector("#announce").textContent.endsWith(": finished")`)
	frontendtest.Value[bool](p, `(document.querySelector(".job .remove").click(), true)`)
	p.Await(`document.querySelectorAll(".job").length === 7 && document.activeElement.textContent === "7.png"`)
}

func TestPageSaysWhatIsWrong(t *testing.T) {
	p := frontendtest.Open(t.Context(), t, serve(t, &fakeLab{}, frontend.Limits{MaxBytes: 5000, MaxPixels: 99}))
	for _, tt := range []struct {
		name string
		body []byte
		want string
	}{
		{"letter.jpg", []byte("this is a letter, whatever its name"), "JPEG, PNG, WebP"},
		{"empty.jpg", nil, "empty"},
		{"large.png", make([]byte, 5001), "too large"},
		{"pixels.png", noise(t, 10, 10), "100 in all"},
	} {
		p.Drop(frontendtest.File{Name: tt.name, Type: "image/jpeg", Bytes: tt.body})
		p.Await(`document.querySelector(".job .name").textContent === "` + tt.name + `" && document.querySelector(".job[data-phase=failed]:first-child")`)
		if text := p.Text(".job"); !strings.Contains(text, tt.want) {
			t.Errorf("%s: the card says:\n%s", tt.name, text)
		}
	}
}

func TestPageWaitsForABusyLab(t *testing.T) {
	fake := &fakeLab{submit: once, status: func(id string, n int) (lab.Task, error) {
		switch n {
		case 1:
			return lab.Task{}, fault.ErrUnavailable
		case 2, 3:
			return lab.Task{ID: id, State: lab.InProgress, Progress: 0.5}, nil
		}
		return lab.Task{ID: id, State: lab.Finished}, nil
	}}
	dropped := frontendtest.DropPhoto(t.Context(), t, serve(t, fake, roomy), plain(t, orange))
	if fake.submitted != 2 || fake.asked != 4 || dropped.ID == "" {
		t.Errorf("%d submissions, %d questions", fake.submitted, fake.asked)
	}
}

func TestPageTriesAgain(t *testing.T) {
	fake := &fakeLab{submit: away, status: func(id string, n int) (lab.Task, error) {
		if n == 1 {
			return lab.Task{ID: id, State: lab.Failed, Error: &lab.Error{Code: "decoder-crashed", Detail: "the decoder gave up"}}, nil
		}
		return lab.Task{ID: id, State: lab.Finished}, nil
	}}
	p := frontendtest.Open(t.Context(), t, serve(t, fake, roomy))
	p.Drop(frontendtest.File{Name: "a.jpg", Type: "image/jpeg", Bytes: plain(t, orange)})
	retry := `(document.querySelector(".job .retry").click(), true)`
	p.Await(isFailed)
	if text := p.Text(".problem"); !strings.Contains(text, "Internal error") {
		t.Errorf("after the first try:\n%s", text)
	}
	frontendtest.Value[bool](p, retry)
	p.Await(isFailed)
	if text := p.Text(".problem"); !strings.Contains(text, "the decoder gave up") && !strings.Contains(text, "The decoder gave up") {
		t.Errorf("after the second try:\n%s", text)
	}
	frontendtest.Value[bool](p, retry)
	p.Await(isFinished)
	if fake.submitted != 3 {
		t.Errorf("%d submissions", fake.submitted)
	}
}

func TestPageHandsOverWhatBrowsersDoNotShow(t *testing.T) {
	tiff := []byte("II*\x00\x08\x00\x00\x00\x02\x00" +
		"\x00\x01\x03\x00\x01\x00\x00\x00\x05\x00\x00\x00" + "\x01\x01\x03\x00\x01\x00\x00\x00\x04\x00\x00\x00" + "\x00\x00\x00\x00")
	p := frontendtest.Open(t.Context(), t, serve(t, &fakeLab{}, roomy))
	p.Drop(frontendtest.File{Name: "scan.tif", Type: "image/tiff", Bytes: tiff})
	p.Await(isFinished)
	if text := p.Text(".result"); !strings.Contains(text, "Your TIFF is ready") || strings.Contains(text, "Side by side") {
		t.Errorf("the card says:\n%s", text)
	}
	if name := frontendtest.Value[string](p, `document.querySelector(".download").download`); name != "scan-bgr.tiff" {
		t.Errorf("it is saved as %q", name)
	}
}

func TestPageComparesByKeyboard(t *testing.T) {
	p := frontendtest.Open(t.Context(), t, serve(t, &fakeLab{}, roomy))
	p.Drop(frontendtest.File{Name: "a.jpg", Type: "image/jpeg", Bytes: plain(t, orange)})
	p.Await(isFinished)
	frontendtest.Value[bool](p, `(document.querySelector(".slider").focus(), true)`)
	p.Press("ArrowLeft", 3)
	p.Await(`document.querySelector(".compare").style.getPropertyValue("--at") === "47%"`)
	frontendtest.Value[bool](p, `(document.querySelector(".beside").click(), true)`)
	p.Await(`document.querySelector(".beside").getAttribute("aria-pressed") === "true" && getComputedStyle(document.querySelector(".handle")).display === "none"`)
}

// Everything that can be pressed has a name, and what is hidden from the eye
// is not in the way of the finger.
func TestPageNamesItsControls(t *testing.T) {
	p := frontendtest.Open(t.Context(), t, serve(t, &fakeLab{}, roomy))
	p.Drop(frontendtest.File{Name: "a.jpg", Type: "image/jpeg", Bytes: plain(t, orange)})
	p.Await(isFinished)
	nameless := frontendtest.Value[[]string](p, `[...document.querySelectorAll("button, a, input, summary, progress")]
		.filter((e) => !(e.ariaLabel || e.innerText.trim() || e.labels?.[0]?.innerText.trim())).map((e) => e.outerHTML)`)
	if len(nameless) > 0 {
		t.Errorf("without a name: %v", nameless)
	}
}

func TestPageFitsAPhone(t *testing.T) {
	p := frontendtest.Open(t.Context(), t, serve(t, &fakeLab{}, roomy))
	p.Drop(frontendtest.File{Name: strings.Repeat("a-long-name", 12) + ".jpg", Type: "image/jpeg", Bytes: plain(t, orange)})
	p.Await(isFinished)
	frontendtest.Value[bool](p, `(document.querySelectorAll("details").forEach((d) => { d.open = true }), true)`)
	for _, width := range []int64{320, 390, 1280} {
		p.Do(frontendtest.Window(width, 800))
		if wide := frontendtest.Value[int64](p, `document.documentElement.scrollWidth`); wide > width {
			t.Errorf("a window of %d is filled with %d", width, wide)
		}
	}
}

// envShots names a folder that pictures of the page are left in.
const envShots = "SHOTS"

func TestPageInLightAndDark(t *testing.T) {
	p := frontendtest.Open(t.Context(), t, serve(t, &fakeLab{}, roomy))
	shootAll(t, p, "start")
	p.Drop(frontendtest.File{Name: "balloons.jpg", Type: "image/jpeg", Bytes: balloons(t)})
	p.Await(isFinished)
	shootAll(t, p, "finished")
}

// shootAll looks at the page in both colour schemes and two widths.
func shootAll(t *testing.T, p *frontendtest.Page, name string) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for size, width := range map[string]int64{"phone": 390, "wide": 1120} {
			p.Do(frontendtest.Window(width, 1330), frontendtest.Scheme(scheme))
			p.Await(`document.getAnimations().every((a) => a.playState === "finished")`)
			shoot(t, p, strings.Join([]string{name, scheme, size}, "-"))
		}
		if contrast := frontendtest.Value[float64](p, contrastOfBody); contrast < 7 {
			t.Errorf("%s: text has a contrast of %.1f", scheme, contrast)
		}
	}
}

// contrastOfBody is the ratio of WCAG 2 between the body's text and paper.
const contrastOfBody = `(() => {
	const light = (css) => {
		const [r, g, b] = css.match(/[\d.]+/g).map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
		return .2126 * r + .7152 * g + .0722 * b + .05;
	};
	const style = getComputedStyle(document.body);
	const [a, b] = [light(style.color), light(style.backgroundColor)];
	return Math.max(a, b) / Math.min(a, b);
})()`

func shoot(t *testing.T, p *frontendtest.Page, name string) {
	t.Helper()
	picture := p.Shoot()
	if folder := os.Getenv(envShots); folder != "" {
		if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoBrowserIsSaidClearly(t *testing.T) {
	t.Setenv(frontendtest.EnvChromium, "")
	t.Setenv("PATH", t.TempDir())
	spy := &spy{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		frontendtest.Open(t.Context(), spy, "http://127.0.0.1:1")
	}()
	<-done
	if !strings.Contains(spy.said, "install chromium") {
		t.Errorf("it says %q", spy.said)
	}
}

// spy is a test that fails without failing.
type spy struct {
	testing.TB
	said string
}

func (s *spy) Fatalf(format string, _ ...any) {
	s.said = format
	runtime.Goexit()
}

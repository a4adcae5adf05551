// Package frontendtest drives the web page in a real browser, as a person
// would. It needs Chromium: its path in CHROMIUM, or in the PATH.
//
//	dropped := frontendtest.DropPhoto(ctx, t, "http://127.0.0.1:8080", jpegBytes)
//	// dropped.ID is the ticket, dropped.Shown the picture that the page shows
package frontendtest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// EnvChromium names the variable that holds the browser's path.
const EnvChromium = "CHROMIUM"

// patience is how long a browser may take for all that a test asks of it.
const patience = 2 * time.Minute

// endOfTest is written to the console when no more messages are to come.
const endOfTest = "frontendtest: end"

// Page is an open tab of a browser of its own.
type Page struct {
	ctx     context.Context
	t       testing.TB
	console chan string // what went wrong, once the tab is closed
}

// Open starts a browser with an empty profile and goes to url. When the test
// ends, anything that the page has thrown, or that its policy has kept from
// happening, fails the test.
func Open(ctx context.Context, t testing.TB, url string, setup ...chromedp.Action[chromedp.Void]) *Page {
	t.Helper()
	return OpenUntil(ctx, t, url, "#terminal .command", setup...) // its scripts have run
}

// OpenUntil is Open for any page, which is there once it has the element.
func OpenUntil(ctx context.Context, t testing.TB, url, selector string, setup ...chromedp.Action[chromedp.Void]) *Page {
	t.Helper()
	// A test's context ends before its clean-up, which still asks the browser.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), patience)
	ctx, close := chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(
		chromedp.ExecPath(chromium(t)),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("no-sandbox", true), // tests may run as root, where Chromium has none
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	))
	p := &Page{ctx: ctx, t: t, console: make(chan string, 1)}
	t.Cleanup(func() { close(); stop() })
	p.Do(setup...)
	go p.listen(chromedp.Console(ctx))
	t.Cleanup(p.checkConsole)
	p.Do(chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS(selector)))
	return p
}

func chromium(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(EnvChromium); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("the page is tested in a real browser, and there is none: install chromium or set %s to its path", EnvChromium)
	return ""
}

func (p *Page) listen(messages func(func(chromedp.ConsoleMessage, error) bool)) {
	var faults []string
	defer func() { p.console <- strings.Join(faults, "\n") }()
	for m, err := range messages {
		if err != nil || m.Text == endOfTest {
			return
		}
		// The browser reports every answer of 400 and above; pages of tests
		// ask for some of them.
		expected := strings.HasPrefix(m.Text, "Failed to load resource")
		if (m.Type == chromedp.ConsoleError || m.IsException()) && !expected {
			faults = append(faults, m.String())
		}
	}
}

func (p *Page) checkConsole() {
	if err := chromedp.Do(p.ctx, chromedp.Evaluate[chromedp.Void](`console.log("`+endOfTest+`")`)); err != nil {
		p.t.Errorf("the browser is gone: %v", err)
		return
	}
	if faults := <-p.console; faults != "" {
		p.t.Errorf("the browser's console says:\n%s", faults)
	}
}

// Do makes the browser do something.
func (p *Page) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatalf("browser: %v", err)
	}
}

// Await waits until a JavaScript expression is true.
func (p *Page) Await(expression string) {
	p.t.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.Poll[chromedp.Void](expression)); err != nil {
		p.t.Fatalf("browser: waiting for %s: %v; the page says:\n%s", expression, err, p.Text("main"))
	}
}

// Text is what a person reads in an element.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	return Value[string](p, `document.querySelector(`+quote(selector)+`)?.innerText ?? ""`)
}

// Value evaluates a JavaScript expression; a promise is waited for.
func Value[T any](p *Page, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("browser: %s: %v", expression, err)
	}
	return v
}

// Shoot takes a picture of what the window shows, as PNG.
func (p *Page) Shoot() []byte {
	p.t.Helper()
	b, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatalf("browser: %v", err)
	}
	return b
}

// Press presses a key of the keyboard, named as in KeyboardEvent.key, n times.
func (p *Page) Press(key string, n int) {
	p.t.Helper()
	for range n {
		p.Do(chromedp.KeyEvent(keys[key]))
	}
}

var keys = map[string]string{"ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight, "Tab": kb.Tab, "Enter": kb.Enter}

// Window sets the window's size, for Open.
func Window(width, height int64) chromedp.Action[chromedp.Void] {
	return chromedp.EmulateViewport(width, height)
}

// Scheme asks for light or dark colours, for Open.
func Scheme(name string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return chromedp.Void{}, err
	}
}

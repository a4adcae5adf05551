package frontendtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"strings"
	"testing"
)

// Dropped is what became of a photo.
type Dropped struct {
	ID       string
	Shown    image.Image // the picture after, as the browser decoded it
	Href     string      // of the download link
	FileName string      // that the link saves to
}

// DropPhoto opens the page at base, drops a photo on it and waits until the
// page shows the result.
func DropPhoto(ctx context.Context, t testing.TB, base string, photo []byte) Dropped {
	t.Helper()
	p := Open(ctx, t, base)
	p.Drop(File{"photo.jpg", "image/jpeg", photo})
	p.Await(`document.querySelector(".job")?.matches("[data-phase=finished], [data-phase=failed]")`)
	return p.Dropped()
}

// File is a file in a person's hand.
type File struct {
	Name  string
	Type  string
	Bytes []byte
}

// MarshalJSON writes the bytes as base64, which a page can take in.
func (f File) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"name": f.Name, "type": f.Type, "bytes": base64.StdEncoding.EncodeToString(f.Bytes)})
}

// Drop drops files on the page.
func (p *Page) Drop(files ...File) {
	p.t.Helper()
	p.give("drop", "dataTransfer", files)
}

// Paste pastes files into the page.
func (p *Page) Paste(files ...File) {
	p.t.Helper()
	p.give("paste", "clipboardData", files)
}

func (p *Page) give(event, field string, files []File) {
	p.t.Helper()
	list, err := json.Marshal(files)
	if err != nil {
		p.t.Fatal(err)
	}
	Value[bool](p, `((files) => {
		const data = new DataTransfer();
		for (const f of files) {
			const bytes = Uint8Array.from(atob(f.bytes), (c) => c.charCodeAt(0));
			data.items.add(new File([bytes], f.name, { type: f.type }));
		}
		const kind = `+quote(event)+` === "drop" ? DragEvent : ClipboardEvent;
		const event = new kind(`+quote(event)+`, { bubbles: true, cancelable: true, `+field+`: data });
		document.querySelector("#drop").dispatchEvent(event);
		return event.defaultPrevented;
	})(`+string(list)+`)`)
}

// Dropped reads the newest card, which has to be finished.
func (p *Page) Dropped() Dropped {
	p.t.Helper()
	if text := p.Text(".job"); !strings.Contains(text, "finished") {
		p.t.Fatalf("the photo did not get finished; its card says:\n%s", text)
	}
	return Dropped{
		ID:       p.Text(".job .id"),
		Shown:    p.picture(".job .after img"),
		Href:     Value[string](p, `document.querySelector(".job .download").href`),
		FileName: Value[string](p, `document.querySelector(".job .download").download`),
	}
}

// picture takes the pixels that the browser has decoded.
func (p *Page) picture(selector string) image.Image {
	p.t.Helper()
	url := Value[string](p, `((img) => {
		const canvas = Object.assign(document.createElement("canvas"), { width: img.naturalWidth, height: img.naturalHeight });
		canvas.getContext("2d").drawImage(img, 0, 0);
		return canvas.toDataURL("image/png");
	})(document.querySelector(`+quote(selector)+`))`)
	_, data, _ := strings.Cut(url, ",")
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		p.t.Fatalf("the page shows no picture: %v", err)
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		p.t.Fatalf("the page shows no picture: %v", err)
	}
	return img
}

// quote writes a string as JavaScript.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always can be
	}
	return string(b)
}

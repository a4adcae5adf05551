package images

import (
	"archive/zip"
	"bytes"
	"slices"
	"strings"
)

// strangers are files that are no images.
func strangers() map[string][]byte {
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	w, _ := z.Create("a.txt") // a buffer takes everything
	_, _ = w.Write([]byte("text"))
	_ = z.Close()
	return map[string][]byte{
		"zip":    packed.Bytes(),
		"pdf":    []byte("%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"),
		"svg":    []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="99999" height="99999"><image href="file:///etc/passwd"/></svg>`),
		"mvg":    []byte("push graphic-context\nviewbox 0 0 640 480\nfill 'url(https://127.0.0.1/x.png\"|ls \"-la)'\npop graphic-context\n"),
		"html":   []byte("<!DOCTYPE html><html><script>alert(1)</script></html>"),
		"elf":    append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 200)...),
		"script": []byte("#!/bin/sh\nid\n"),
		"js":     []byte("/*GIF89a*/alert(1);//"),
		"php":    []byte("<?php system($_GET['c']); ?>"),
		"ps":     []byte("%!PS\n(/etc/passwd) run\n"),
		"bmp":    append([]byte("BM"), make([]byte, 100)...),
		"psd":    append([]byte("8BPS\x00\x01"), make([]byte, 100)...),
		"exr":    append([]byte("\x76\x2f\x31\x01\x02\x00\x00\x00"), make([]byte, 100)...),
		"vips":   append([]byte("\xb6\xa6\xf2\x08"), make([]byte, 100)...),
		"ppm":    []byte("P6\n99999 99999\n255\n"),
		"fits":   []byte("SIMPLE  =                    T"),
		"jxl":    []byte("\xff\x0a\x00\x00"),
		"jp2":    []byte("\x00\x00\x00\x0cjP  \r\n\x87\n"),
		"heic":   []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1"),
		"text":   []byte(strings.Repeat("dear lab, here is my photo. ", 100)),
		"zeros":  make([]byte, 5000),
		"one":    {0xff},
		"none":   {},
		"json":   []byte(`{"url":"http://127.0.0.1:8081/kv/"}`),
		"gzip":   append([]byte("\x1f\x8b\x08"), make([]byte, 50)...),
	}
}

// polyglots are strangers, alone and together with an image.
func polyglots(good []Seed) []Image {
	all := []Image{}
	others := strangers()
	names := make([]string, 0, len(others))
	for name := range others {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		other, s := others[name], good[i%len(good)]
		all = append(all, fixed("polyglot", name, other),
			fixed("polyglot", name+" behind "+s.Name, slices.Concat(s.Data, other)),
			fixed("polyglot", name+" before "+s.Name, slices.Concat(other, s.Data)))
	}
	return append(all, gifScript(), commented(others["html"]), textual(others["pdf"]))
}

// gifScript is a GIF whose size opens a comment of JavaScript.
func gifScript() Image {
	data := gifOf('*'<<8|'/', 8, slices.Concat([]byte{0x21, 0xfe, 20}, []byte("*/=1;alert(1);/*    "), []byte{0}, gifPixel))
	return fixed("polyglot", "gif that is a script", data)
}

// commented is a JPEG with a comment that is a page.
func commented(page []byte) Image {
	good := photo()
	return fixed("polyglot", "jpeg with a page in it", slices.Concat(good[:2], segment(0xfe, page), good[2:]))
}

// textual is a PNG with a text that is a PDF, within the bytes in which readers
// look for one.
func textual(document []byte) Image {
	data := pngOf(ihdr(8, 8, 8, pngRGB, 0), chunk("tEXt", append([]byte("Comment\x00"), document...)), chunk("IDAT", zeros(8*25)))
	return fixed("polyglot", "png with a document in it", data)
}

package engine_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"minilab/internal/engine"
	"minilab/internal/engine/enginetest"
	"minilab/internal/pipeline"
)

// What it may cost an engine process to refuse a bomb.
const (
	bombTime   = 100 * time.Millisecond // of processor time, which a busy machine does not change
	bombMemory = 50 << 20               // bytes on top of what it had
)

// bombs are small files that say they are, or really are, more than anybody has
// memory for.
func bombs(t *testing.T) map[string][]byte {
	return map[string][]byte{
		"png":                bombPNG(t, 30000, 30000),
		"gif, screen":        bombGIF(65535, 65535, 1, 65535, 65535),
		"gif, frames":        bombGIF(1, 1, 10_001),
		"gif, all":           bombGIF(2000, 2000, 1000),
		"webp":               blankWebP(16383, 16383),
		"webp, canvas":       bombWebP(16383, 16383, 1),
		"webp, frames":       bombWebP(2, 2, 10_001),
		"webp, all":          bombWebP(2000, 2000, 1000),
		"tiff":               bombTIFF(1, 60000, 60000, 256),
		"tiff, tiles":        bombTIFF(1, 999_999, 999_999, 4096),
		"tiff, pages":        bombTIFF(10_001, 1, 1, 16),
		"tiff, all":          bombTIFF(1000, 2000, 2000, 256),
		"jpeg":               bombJPEG(t, 65500, 65500),
		"jpeg, progressive":  bombJPEG(t, 65500, 65500, 0xc2),
		"avif":               bombAVIF(t, 30000, 30000),
		"one row of a screw": bombPNG(t, 1_000_001, 1),
	}
}

func TestBombsAreRefusedAtOnce(t *testing.T) {
	all := bombs(t)
	pool := realPool(t, func(l *engine.Limits) { l.MaxPixels = 100_000_000 })
	list := children(t)
	if len(list) != 1 {
		t.Fatalf("engine processes: %v", list)
	}
	for name, bomb := range all {
		before := costOf(t, list[0])
		_, _, err := develop(t, pool, bomb)
		after := costOf(t, list[0])
		if !errors.Is(err, engine.ErrTooManyPixels) {
			t.Errorf("%s: %v", name, err)
		}
		took, grew := after.cpu-before.cpu, after.peak-before.resident
		if took > bombTime || grew > bombMemory {
			t.Errorf("%s: it took %v and %d MB to refuse %d bytes", name, took, grew>>20, len(bomb))
		}
		t.Logf("%-20s %7d bytes refused in %8v and %5d KiB: %v", name, len(bomb), took.Round(time.Microsecond), grew>>10, err)
	}
	if now := children(t); len(now) != 1 || now[0] != list[0] {
		t.Errorf("the process was %v and is %v", list, now)
	}
}

// cost is what a process has used up.
type cost struct {
	cpu            time.Duration
	resident, peak int64 // bytes; the peak since the last look
}

// costOf looks at a process, and has the kernel begin a new peak.
func costOf(tb testing.TB, pid string) (c cost) {
	tb.Helper()
	threads, err := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
	if err != nil {
		tb.Fatal(err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended
		}
		var running int64
		if _, err := fmt.Sscan(string(text), &running); err != nil {
			tb.Fatal(err)
		}
		c.cpu += time.Duration(running)
	}
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		tb.Fatal(err)
	}
	for name, into := range map[string]*int64{"\nVmRSS:": &c.resident, "\nVmHWM:": &c.peak} {
		_, rest, _ := strings.Cut(string(status), name)
		if _, err := fmt.Sscan(rest, into); err != nil {
			tb.Fatal(err)
		}
		*into <<= 10
	}
	if err := os.WriteFile("/proc/"+pid+"/clear_refs", []byte("5"), 0); err != nil {
		tb.Fatal(err)
	}
	return c
}

// bombPNG has all its pixels, of one bit each: 30,000 x 30,000 are 110 KB.
func bombPNG(t *testing.T, width, height uint32) []byte {
	var packed bytes.Buffer
	z, err := zlib.NewWriterLevel(&packed, zlib.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(z, zeros{}, int64(height)*int64(1+(width+7)/8)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	b := []byte("\x89PNG\r\n\x1a\n")
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	for _, c := range []struct {
		kind string
		body []byte
	}{{"IHDR", append(header, 1, 0, 0, 0, 0)}, {"IDAT", packed.Bytes()}, {"IEND", nil}} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(c.body)))
		at := len(b)
		b = append(append(b, c.kind...), c.body...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[at:]))
	}
	return b
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// bombGIF has a canvas and so many frames, of one pixel or the sizes.
func bombGIF(width, height uint16, frames int, sizes ...uint16) []byte {
	b := binary.LittleEndian.AppendUint16([]byte("GIF89a"), width)
	b = append(binary.LittleEndian.AppendUint16(b, height), 0x80, 0, 0, 0, 0, 0, 255, 255, 255)
	frame := []byte("\x21\xf9\x04\x00\x01\x00\x00\x00\x2c\x00\x00\x00\x00")
	for _, size := range append(sizes, 1, 1)[:2] {
		frame = binary.LittleEndian.AppendUint16(frame, size)
	}
	frame = append(frame, "\x00\x02\x02\x44\x01\x00"...)
	return append(append(b, bytes.Repeat(frame, frames)...), 0x3b)
}

// bombWebP has a canvas and so many frames of 2 x 2 pixels.
func bombWebP(width, height uint32, frames int) []byte {
	chunk := func(kind string, body []byte) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body))), body...)
	}
	uint24 := func(b []byte, v uint32) []byte { return append(b, byte(v), byte(v>>8), byte(v>>16)) }
	picture := blankWebP(2, 2)[12:]
	frame := uint24(uint24([]byte{0, 0, 0, 0, 0, 0}, 1), 1)
	frame = append(uint24(frame, 100), 0)
	body := chunk("VP8X", uint24(uint24([]byte{2, 0, 0, 0}, width-1), height-1))
	body = append(body, chunk("ANIM", make([]byte, 6))...)
	body = append(body, bytes.Repeat(chunk("ANMF", append(frame, picture...)), frames)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(body))), append([]byte("WEBP"), body...)...)
}

// bombTIFF has pages of square tiles, which all are one.
func bombTIFF(pages int, width, height, tile uint32) []byte {
	across, down := (width+tile-1)/tile, (height+tile-1)/tile
	tiles, start := across*down, uint32(8)
	table := start + tile*tile // of where the tiles are, then of how long
	b := binary.LittleEndian.AppendUint32([]byte("II*\x00"), table+8*tiles)
	b = append(b, make([]byte, tile*tile)...)
	for _, value := range []uint32{start, tile * tile} {
		for range tiles {
			b = binary.LittleEndian.AppendUint32(b, value)
		}
	}
	lengths := table + 4*tiles
	if tiles == 1 { // stands in the entry itself
		table, lengths = start, tile*tile
	}
	for page := range pages {
		entries := [][3]uint32{ // tag, number of values, value; each of 32 bits
			{256, 1, width}, {257, 1, height}, {258, 1, 8}, {259, 1, 1}, {262, 1, 1}, {277, 1, 1},
			{322, 1, tile}, {323, 1, tile}, {324, tiles, table}, {325, tiles, lengths},
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(len(entries)))
		for _, e := range entries {
			b = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(b, uint16(e[0])), 4)
			b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, e[1]), e[2])
		}
		next := uint32(len(b) + 4)
		if page == pages-1 {
			next = 0
		}
		b = binary.LittleEndian.AppendUint32(b, next)
	}
	return b
}

// bombJPEG says other sizes than it has, and perhaps another coding.
func bombJPEG(t *testing.T, width, height uint16, marker ...byte) []byte {
	b := encoded(t, func(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, nil) }, picture(16, 16))
	at := bytes.Index(b, []byte{0xff, 0xc0})
	copy(b[at+1:], marker)
	binary.BigEndian.PutUint16(b[at+5:], height)
	binary.BigEndian.PutUint16(b[at+7:], width)
	return b
}

// bombAVIF says other sizes than it has.
func bombAVIF(t *testing.T, width, height uint32) []byte {
	p, err := pipeline.Parse("avif")
	if err != nil {
		t.Fatal(err)
	}
	input := enginetest.Input(t, encoded(t, png.Encode, picture(64, 64)))
	pool := enginetest.Pool(t, engine.Config{Path: enginetest.Engine(t), Processes: 1, Limits: engine.DefaultLimits()})
	defer pool.Close()
	result, err := pool.Run(t.Context(), engine.Job{Outputs: []pipeline.Pipeline{p}, Input: input})
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	b, err := io.ReadAll(result.Outputs[0].Reader())
	at := bytes.Index(b, []byte("ispe"))
	if err != nil || at < 0 {
		t.Fatalf("no sizes in %q: %v", b, err)
	}
	binary.BigEndian.PutUint32(b[at+8:], width)
	binary.BigEndian.PutUint32(b[at+12:], height)
	return b
}

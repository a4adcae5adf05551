package corpus

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Contents is what a file has besides its pixels, as its container tells it.
type Contents struct {
	Format      string
	Depth       int
	Alpha       bool
	Orientation int // 0 if it is not told
	Profile     []byte
	Exif        []byte // the TIFF structure
	XMP, IPTC   []byte
	Texts       [][]byte // comments
	Others      []string // parts that are none of these, and not needed to see the image
	Loop        int
	Delays      []time.Duration

	parts []chunk // a WebP's frames
	pages []int   // where a TIFF's directories are
}

var errShort = errors.New("corpus: the container is cut off")

// Read walks through a file's container.
func Read(data []byte) (*Contents, error) {
	c := new(Contents)
	var err error
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xd8")):
		c.Format, err = "jpeg", c.readJPEG(data)
	case bytes.HasPrefix(data, []byte("\x89PNG")):
		c.Format, err = "png", c.readPNG(data)
	case bytes.HasPrefix(data, []byte("GIF8")):
		c.Format, err = "gif", c.readGIF(data)
	case bytes.HasPrefix(data, []byte("RIFF")):
		c.Format, err = "webp", c.readWebP(data)
	case bytes.HasPrefix(data, []byte("II*\x00")), bytes.HasPrefix(data, []byte("MM\x00*")):
		c.Format, err = "tiff", c.readTIFF(data)
	case len(data) > 12 && string(data[4:8]) == "ftyp":
		c.Format, err = "avif", c.readAVIF(data)
	default:
		return nil, fmt.Errorf("corpus: no known format: %.16q", data)
	}
	if err == nil && c.Exif != nil && c.Orientation == 0 {
		c.Orientation, err = orientationOf(c.Exif)
	}
	return c, err
}

// orientationOf is the one in an Exif block, 0 if there is none.
func orientationOf(exif []byte) (int, error) {
	d, err := directoryAt(exif, 0)
	if err != nil {
		return 0, err
	}
	return int(d.number(274)), nil
}

// Kinds are those of the metadata that are there.
func (c *Contents) Kinds() (k Kinds) {
	for kind, there := range map[Kinds]bool{Exif: c.Exif != nil, XMP: c.XMP != nil, IPTC: c.IPTC != nil, Comment: c.Texts != nil} {
		if there {
			k |= kind
		}
	}
	return k
}

func (c *Contents) readJPEG(data []byte) error {
	var profile []byte
	for at := 2; ; {
		if at+4 > len(data) || data[at] != 0xff {
			return errShort
		}
		mark, end := data[at+1], at+2+int(binary.BigEndian.Uint16(data[at+2:]))
		if end > len(data) {
			return errShort
		}
		body := data[at+4 : end]
		switch {
		case mark == 0xda:
			c.Profile = profile
			return c.behindJPEG(data[end:])
		case mark >= 0xc0 && mark <= 0xc2:
			c.Depth = int(body[0])
		default:
			profile = append(profile, c.readSegment(mark, body)...)
		}
		at = end
	}
}

// readSegment takes a segment in and gives its part of a profile, if it has one.
func (c *Contents) readSegment(mark byte, body []byte) []byte {
	cut := func(head string) bool {
		rest, ok := bytes.CutPrefix(body, []byte(head))
		if ok {
			body = rest
		}
		return ok
	}
	switch {
	case mark == 0xe1 && cut("Exif\x00\x00"):
		c.Exif = append(c.Exif, body...)
	case mark == 0xe1 && (cut("http://ns.adobe.com/xap/1.0/\x00") || cut("http://ns.adobe.com/xmp/extension/\x00")):
		c.XMP = append(c.XMP, body...)
	case mark == 0xe2 && cut("ICC_PROFILE\x00") && len(body) > 2:
		return body[2:]
	case mark == 0xed && cut("Photoshop 3.0\x00"):
		c.IPTC = append(c.IPTC, body...)
	case mark == 0xfe:
		c.Texts = append(c.Texts, body)
	case mark > 0xe0 && mark <= 0xef && mark != 0xee:
		c.Others = append(c.Others, fmt.Sprintf("APP%d", mark-0xe0))
	}
	return nil
}

// behindJPEG looks for what follows the end of the image.
func (c *Contents) behindJPEG(data []byte) error {
	end := bytes.Index(data, []byte("\xff\xd9"))
	if end < 0 {
		return errShort
	}
	if len(data) > end+2 {
		c.Others = append(c.Others, "data behind the end")
	}
	return nil
}

func (c *Contents) readPNG(data []byte) error {
	for at := 8; ; {
		if at+12 > len(data) {
			return errShort
		}
		size := int(binary.BigEndian.Uint32(data[at:]))
		if size > len(data)-at-12 {
			return errShort
		}
		name, body := string(data[at+4:at+8]), data[at+8:at+8+size]
		at += 12 + size
		if err := c.readChunk(name, body); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if name == "IEND" {
			if at < len(data) {
				c.Others = append(c.Others, "data behind the end")
			}
			return nil
		}
	}
}

func (c *Contents) readChunk(name string, body []byte) (err error) {
	switch name {
	case "IHDR":
		c.Depth, c.Alpha = int(body[8]), body[9] == pngGreyAlpha || body[9] == pngRGBA
		if body[9] == pngPalette {
			c.Depth = 8
		}
	case "tRNS":
		c.Alpha = true
	case "eXIf":
		c.Exif = body
	case "iCCP":
		_, packed, _ := bytes.Cut(body, []byte{0})
		c.Profile, err = inflate(packed[1:])
	case "iTXt":
		if bytes.HasPrefix(body, []byte("XML:com.adobe.xmp\x00")) {
			c.XMP = body
		} else {
			c.Texts = append(c.Texts, body)
		}
	case "tEXt":
		c.Texts = append(c.Texts, body)
	case "zTXt":
		_, packed, _ := bytes.Cut(body, []byte{0})
		text, err := inflate(packed[1:])
		if err != nil {
			return err
		}
		c.Texts = append(c.Texts, text)
	case "IDAT", "IEND", "PLTE", "gAMA", "cHRM", "sRGB", "sBIT", "bKGD", "pHYs", "cICP", "hIST", "tIME":
	default:
		c.Others = append(c.Others, name)
	}
	return err
}

func inflate(packed []byte) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// inflated is everything in the data that can be taken for a stream of zlib.
func inflated(data []byte) (out []byte) {
	for at := 0; ; at++ {
		next := bytes.IndexByte(data[at:], 0x78)
		if next < 0 {
			return out
		}
		at += next
		if z, err := zlib.NewReader(bytes.NewReader(data[at:])); err == nil {
			b, _ := io.ReadAll(io.LimitReader(z, 1<<20)) // what is there before an error counts
			out = append(out, b...)
		}
	}
}

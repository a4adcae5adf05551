package imagehead

import (
	"encoding/binary"
	"math"
	"slices"
)

// box is one box of the ISO base media file format (ISO/IEC 14496-12).
type box struct {
	kind string
	body []byte
	cut  bool // body ends where the head does
}

// nextBox takes the first box off b.
func nextBox(b []byte) (x box, rest []byte, err error) {
	head, err := cut(b, 0, 8)
	if err != nil {
		return box{}, nil, err
	}
	size, at := uint64(binary.BigEndian.Uint32(head)), uint64(8)
	switch size {
	case 0: // up to the end of the file, wherever that is
		size = math.MaxUint64
	case 1:
		long, err := cut(b, 8, 8)
		if err != nil {
			return box{}, nil, err
		}
		size, at = binary.BigEndian.Uint64(long), 16
	}
	if size < at {
		return box{}, nil, ErrBroken.Detailf("this is no whole AVIF: a box is smaller than its own header")
	}
	x = box{kind: string(head[4:]), body: b[min(at, uint64(len(b))):min(size, uint64(len(b)))], cut: size > uint64(len(b))}
	return x, b[min(size, uint64(len(b))):], nil
}

// isAVIF looks for a brand of AVIF. The general brand mif1 is shared with
// HEIC, which names itself beside it.
func isAVIF(b []byte) bool {
	brands := ftypBrands(b)
	if slices.Contains(brands, "avif") || slices.Contains(brands, "avis") {
		return true
	}
	return len(brands) > 0 && brands[0] == "mif1" && !isHEIC(b)
}

func isHEIC(b []byte) bool {
	return slices.ContainsFunc(ftypBrands(b), func(brand string) bool {
		return slices.Contains([]string{"heic", "heix", "heim", "heis", "hevc", "hevx"}, brand)
	})
}

// ftypBrands lists the brands of a file that begins with an ftyp box, the
// major one first.
func ftypBrands(b []byte) []string {
	if len(b) < 12 || string(b[4:8]) != "ftyp" {
		return nil
	}
	x, _, err := nextBox(b)
	if err != nil || len(x.body) < 4 {
		return nil
	}
	brands := []string{string(x.body[:4])}
	for at := 8; at+4 <= min(len(x.body), maxBrands); at += 4 {
		brands = append(brands, string(x.body[at:at+4]))
	}
	return brands
}

// maxBrands is how far an ftyp box is read, in bytes.
const maxBrands = 256

// brandsCut says that the brands are still to come.
func brandsCut(b []byte) bool {
	if len(b) < 8 || string(b[4:8]) != "ftyp" || len(b) >= maxBrands {
		return false
	}
	x, _, err := nextBox(b)
	return err == nil && x.cut
}

// parseAVIF takes the largest image that the file describes: the tiles,
// thumbnails and alpha planes of a picture are never larger than the picture,
// and for a limit the largest is what counts.
func parseAVIF(b []byte, h *Header) error {
	if !slices.Contains(ftypBrands(b), "avis") {
		h.Frames = 1
	}
	_, rest, err := nextBox(b)
	for err == nil {
		var x box
		if x, rest, err = nextBox(rest); err != nil {
			break
		}
		if x.kind == "meta" {
			return parseMeta(x, h)
		}
		if x.cut {
			return errMore
		}
	}
	return err
}

// parseMeta finds meta → iprp → ipco → ispe. Each is looked for once, so the
// work is linear in the bytes.
func parseMeta(meta box, h *Header) error {
	if len(meta.body) < 4 {
		return errMore
	}
	iprp, err := child(box{body: meta.body[4:], cut: meta.cut}, "iprp", h) // behind version and flags
	if err != nil {
		return err
	}
	ipco, err := child(iprp, "ipco", h)
	if err != nil {
		return err
	}
	for rest := ipco.body; len(rest) > 0; {
		var x box
		if x, rest, err = nextBox(rest); err != nil {
			return err
		}
		if err := parseISPE(x, h); err != nil {
			return err
		}
	}
	if ipco.cut {
		return errMore
	}
	if h.Width == 0 {
		return h.broken("it does not say its sizes")
	}
	return nil
}

func parseISPE(x box, h *Header) error {
	if x.kind != "ispe" {
		return nil
	}
	if len(x.body) < 12 {
		if x.cut {
			return errMore
		}
		return h.broken("its sizes are cut short")
	}
	one := Header{Format: h.Format}
	if err := one.setSize(uint64(binary.BigEndian.Uint32(x.body[4:])), uint64(binary.BigEndian.Uint32(x.body[8:]))); err != nil {
		return err
	}
	if one.Width*one.Height > h.Width*h.Height {
		h.Width, h.Height = one.Width, one.Height
	}
	return nil
}

// child finds the first box of a kind inside another.
func child(in box, kind string, h *Header) (box, error) {
	for rest := in.body; len(rest) > 0; {
		x, after, err := nextBox(rest)
		if err != nil {
			return box{}, err
		}
		if x.kind == kind {
			return x, nil
		}
		rest = after
	}
	if in.cut {
		return box{}, errMore
	}
	return box{}, h.broken("it has no %q", kind)
}

package darkroom

import (
	"encoding/binary"

	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

const profileField = "icc-profile-data"

// profile converts the values to another colour space, whose profile goes
// along. Grey becomes that of sRGB, which is Display P3's too and needs none.
func profile(s *Sheet, step pipeline.Step) {
	switch to := step.Value("to"); {
	case to == "keep":
	case s.Bands() < 3:
		s.plainGrey()
	default:
		s.colours(func(p picture) picture { return p.inProfile(to, s.Bits()) })
	}
}

// inProfile is a picture without alpha in the space of one of the library's own
// profiles: relative colorimetric, with black point compensation. Without a
// profile that can be used it is taken for sRGB.
func (p picture) inProfile(to string, depth int) picture {
	return p.call("icc_transform", vips.Options{
		"output_profile": to, "embedded": true, "input_profile": "srgb",
		"intent": "relative", "black_point_compensation": true, "depth": depth,
	})
}

// plainGrey makes the values of a grey sheet those of sRGB, without a profile.
// The one it has may be for grey, or for the colours that the grey was made of:
// no file of grey pixels can have that.
func (s *Sheet) plainGrey() {
	icc := s.Blob(profileField)
	if icc == nil || s.tray.err != nil {
		return
	}
	grey := s.greyOf(icc)
	s.annotate(func(p picture) { p.Remove(profileField) })
	if grey != nil {
		s.tables([][]uint16{grey})
	}
}

// greyOf is sRGB's value for each grey of a profile; nil after an error.
func (s *Sheet) greyOf(icc []byte) []uint16 {
	same := s.lut([][]uint16{s.values(func(v float64) float64 { return v })})
	ramp := same.band(0, 1).as(s.grey())
	if len(icc) < 20 || string(icc[16:20]) != "GRAY" {
		ramp = ramp.join(ramp, ramp).as(s.rgb())
	}
	if ramp = ramp.call("copy", nil); s.tray.err != nil {
		return nil
	}
	ramp.SetBlob(profileField, icc)
	ramp = ramp.inProfile("srgb", s.Bits()).band(1, 1)
	if s.tray.err != nil {
		return nil
	}
	data, err := ramp.Pixels()
	if err != nil {
		s.tray.fail(err)
		return nil
	}
	return numbers(data, s.Bits())
}

// numbers reads values of 8 or 16 bits.
func numbers(data []byte, bits int) []uint16 {
	list := make([]uint16, 0, len(data)*8/bits)
	for ; len(data) > 0; data = data[bits/8:] {
		if bits == 8 {
			list = append(list, uint16(data[0]))
		} else {
			list = append(list, binary.LittleEndian.Uint16(data))
		}
	}
	return list
}

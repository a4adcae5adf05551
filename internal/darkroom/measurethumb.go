package darkroom

import "math"

// thumbHash is the image's ThumbHash, as github.com/evanw/thumbhash has it:
// lightness in up to 7 x 7 waves, two differences of colours and alpha in fewer,
// in four bits each.
func (m miniature) thumbHash() []byte {
	mean := m.mean()
	see := func(f func(r, g, b float64) float64) plane {
		return m.plane(func(p [4]float64) float64 {
			return f(mean[0]*(1-p[3])+p[0]*p[3], mean[1]*(1-p[3])+p[1]*p[3], mean[2]*(1-p[3])+p[2]*p[3])
		})
	}
	nx, ny := m.waveCounts(mean[3] < 1)
	l := m.spectrum(see(func(r, g, b float64) float64 { return (r + g + b) / 3 }), max(3, nx), max(3, ny))
	p := m.spectrum(see(func(r, g, b float64) float64 { return (r+g)/2 - b }), 3, 3)
	q := m.spectrum(see(func(r, g, _ float64) float64 { return r - g }), 3, 3)

	head := round(63*l.mean) | round(31.5+31.5*p.mean)<<6 | round(31.5+31.5*q.mean)<<12 | round(31*l.most)<<18
	head2 := round(63*p.most)<<3 | round(63*q.most)<<9
	if m.width > m.height {
		head2 |= ny | 1<<15
	} else {
		head2 |= nx
	}
	channels := []spectrum{l, p, q}
	var alpha []byte
	if mean[3] < 1 {
		a := m.spectrum(m.plane(func(p [4]float64) float64 { return p[3] }), 5, 5)
		head |= 1 << 23
		alpha = []byte{byte(round(15*a.mean) | round(15*a.most)<<4)}
		channels = append(channels, a)
	}
	hash := append([]byte{byte(head), byte(head >> 8), byte(head >> 16), byte(head2), byte(head2 >> 8)}, alpha...)
	return append(hash, nibbles(channels)...)
}

// mean is the mean colour, weighted by alpha, and the mean of alpha.
func (m miniature) mean() (mean [4]float64) {
	for _, p := range m.pixels {
		for c := range 3 {
			mean[c] += p[c] * p[3]
		}
		mean[3] += p[3]
	}
	if mean[3] > 0 {
		for c := range 3 {
			mean[c] /= mean[3]
		}
	}
	mean[3] /= float64(len(m.pixels))
	return mean
}

// waveCounts is how many waves of lightness there are across and down.
func (m miniature) waveCounts(alpha bool) (nx, ny int) {
	most := 7
	if alpha {
		most = 5
	}
	longer := float64(max(m.width, m.height))
	return max(1, round(float64(most*m.width)/longer)), max(1, round(float64(most*m.height)/longer))
}

// spectrum is the waves in a plane: their mean, and the others as shares of the
// largest, from 0 for all of it downwards to 1 for all of it upwards.
type spectrum struct {
	mean, most float64
	waves      []float64
}

func (m miniature) spectrum(p plane, nx, ny int) (s spectrum) {
	for y := range ny {
		down := waves(m.height, y, 0.5)
		for x := 0; x*ny < nx*(ny-y); x++ {
			f := p.amplitude(waves(m.width, x, 0.5), down)
			if x+y == 0 {
				s.mean = f
				continue
			}
			s.most = max(s.most, math.Abs(f))
			s.waves = append(s.waves, f)
		}
	}
	if s.most > 0 {
		for i := range s.waves {
			s.waves[i] = 0.5 + 0.5/s.most*s.waves[i]
		}
	}
	return s
}

// nibbles are all waves, two in a byte.
func nibbles(channels []spectrum) (out []byte) {
	n := 0
	for _, c := range channels {
		for _, f := range c.waves {
			if n%2 == 0 {
				out = append(out, 0)
			}
			out[n/2] |= byte(round(15*f) << (n % 2 * 4))
			n++
		}
	}
	return out
}

// round is the nearest whole number, of halves the upper one.
func round(v float64) int { return int(math.Floor(v + 0.5)) }

package darkroom

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"minilab/internal/engine/wire"
)

const (
	alike    = 0.06  // distance of colours that count as one; a difference that can just be seen is 0.02
	leastOf  = 0.005 // of the pixels, for a colour to be named
	meanings = 16    // rounds in which clusters are moved to their means
)

// lab is a colour in Oklab (bottosson.github.io/posts/oklab), where distances
// are as they are seen, and how many pixels have it.
type lab struct {
	l, a, b, weight float64
}

// dominant finds at most so many colours: k-means in Oklab, begun with the
// colours that are far from all before and common. What is transparent does
// not count.
func (m miniature) dominant(most int) []wire.Colour {
	colours := m.colours()
	total := 0.0
	for _, c := range colours {
		total += c.weight
	}
	centres := seeds(colours, most)
	for range meanings {
		centres = means(colours, centres)
	}
	var list []wire.Colour
	for _, c := range merged(centres) {
		if share := c.weight / total; share >= leastOf {
			list = append(list, wire.Colour{Hex: c.hex(), Share: math.Round(share*1e4) / 1e4})
		}
	}
	slices.SortFunc(list, func(a, b wire.Colour) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Hex, b.Hex))
	})
	return list
}

// colours are the image's, those that have the same five bits a channel in one.
func (m miniature) colours() []lab {
	sums := make(map[int]lab)
	var order []int
	for _, p := range m.pixels {
		if p[3] == 0 {
			continue
		}
		key := int(p[0]*31+0.5)<<10 | int(p[1]*31+0.5)<<5 | int(p[2]*31+0.5)
		if _, ok := sums[key]; !ok {
			order = append(order, key)
		}
		sums[key] = sums[key].plus(oklab(p), p[3])
	}
	list := make([]lab, len(order))
	for i, key := range order {
		list[i] = sums[key].mean()
	}
	return list
}

// seeds are where clusters begin.
func seeds(colours []lab, most int) (list []lab) {
	for len(list) < most {
		best, score := -1, 0.0
		for i, c := range colours {
			s := c.weight
			if len(list) > 0 {
				_, d := nearest(c, list)
				s *= d
			}
			if s > score {
				best, score = i, s
			}
		}
		if best < 0 {
			return list
		}
		list = append(list, colours[best])
	}
	return list
}

// means are the clusters around centres, at their means.
func means(colours, centres []lab) (list []lab) {
	sums := make([]lab, len(centres))
	for _, c := range colours {
		i, _ := nearest(c, centres)
		sums[i] = sums[i].plus(c, c.weight)
	}
	for _, sum := range sums {
		if sum.weight > 0 {
			list = append(list, sum.mean())
		}
	}
	return list
}

// merged makes clusters one that look alike.
func merged(clusters []lab) []lab {
	for i := 0; i < len(clusters); i++ {
		for j := i + 1; j < len(clusters); j++ {
			if distance(clusters[i], clusters[j]) < alike*alike {
				both := lab{}.plus(clusters[i], clusters[i].weight).plus(clusters[j], clusters[j].weight)
				clusters[i] = both.mean()
				return merged(slices.Delete(clusters, j, j+1))
			}
		}
	}
	return clusters
}

func nearest(c lab, list []lab) (index int, square float64) {
	square = math.Inf(1)
	for i, other := range list {
		if d := distance(c, other); d < square {
			index, square = i, d
		}
	}
	return index, square
}

// distance is squared.
func distance(c, d lab) float64 {
	return (c.l-d.l)*(c.l-d.l) + (c.a-d.a)*(c.a-d.a) + (c.b-d.b)*(c.b-d.b)
}

// plus adds a colour to a sum of them, which mean divides by its weight.
func (c lab) plus(d lab, weight float64) lab {
	return lab{c.l + weight*d.l, c.a + weight*d.a, c.b + weight*d.b, c.weight + weight}
}

func (c lab) mean() lab { return lab{c.l / c.weight, c.a / c.weight, c.b / c.weight, c.weight} }

func oklab(p [4]float64) lab {
	r, g, b := linear(p[0]), linear(p[1]), linear(p[2])
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	return lab{
		l: 0.2104542553*l + 0.7936177850*m - 0.0040720468*s,
		a: 1.9779984951*l - 2.4285922050*m + 0.4505937099*s,
		b: 0.0259040371*l + 0.7827717662*m - 0.8086757660*s,
	}
}

// hex is the colour in sRGB as rrggbb.
func (c lab) hex() string {
	l := cube(c.l + 0.3963377774*c.a + 0.2158037573*c.b)
	m := cube(c.l - 0.1055613458*c.a - 0.0638541728*c.b)
	s := cube(c.l - 0.0894841775*c.a - 1.2914855480*c.b)
	eight := func(light float64) int { return round(255 * coded(light)) }
	return fmt.Sprintf("%02x%02x%02x", eight(4.0767416621*l-3.3077115913*m+0.2309699292*s),
		eight(-1.2684380046*l+2.6097574011*m-0.3413193965*s), eight(-0.0041960863*l-0.7034186147*m+1.7076147010*s))
}

func cube(v float64) float64 { return v * v * v }

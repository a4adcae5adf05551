// Package images makes images that are meant to hurt: cut and flipped ones,
// ones that lie about their sizes, bombs, and files of two kinds at once. They
// are the same for the same seed, and made without an image library: what is
// broken is broken byte by byte, from small good images of every format.
//
// Its test is the trial: thousands of them go through a running lab, with good
// images in between, which must not notice.
package images

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// Image is one file that is handed in.
type Image struct {
	Kind string // what was done to it: cut, flip, lie, checksum, magic, join, bomb or polyglot
	Name string // of the file it was made from, and how
	Data func() []byte
}

// String names the image as it is found again.
func (i Image) String() string { return i.Kind + " " + i.Name }

// Hostile gives n images, which are the same for the same seed: of thousands
// every bomb, polyglot and cut, of fewer an even choice of each kind.
func Hostile(seed uint64, n int) []Image {
	random := rand.New(rand.NewPCG(seed, seed))
	good := Seeds()
	var all []Image
	for _, more := range [][]Image{bombs(), polyglots(good), cuts(good), checksums(good), magics(good), joins(good)} {
		all = append(all, sample(random, more, n/8)...)
	}
	lies := sample(random, lies(good), max(n-len(all), 0)/2)
	all = append(all, lies...)
	all = append(all, flips(random, good, max(n-len(all), 0))...)
	return sample(random, all, n)
}

// sample is an even choice, in any order.
func sample(random *rand.Rand, list []Image, n int) []Image {
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(n, len(list))]
}

// fixed is an image whose bytes are there already.
func fixed(kind, name string, data []byte) Image {
	return Image{kind, name, func() []byte { return data }}
}

// cuts end each file early, at every sixteenth.
func cuts(good []Seed) []Image {
	var all []Image
	for _, s := range good {
		for i := range 16 {
			all = append(all, fixed("cut", fmt.Sprintf("%s %d/16", s.Name, i), s.Data[:len(s.Data)*i/16]))
		}
	}
	return all
}

// flips change bits and bytes here and there, in headers more than in pixels.
func flips(random *rand.Rand, good []Seed, n int) []Image {
	all := make([]Image, 0, n)
	for i := range n {
		s, state := good[i%len(good)], random.Uint64()
		all = append(all, Image{"flip", fmt.Sprintf("%s %x", s.Name, state), func() []byte {
			return flip(rand.New(rand.NewPCG(state, 0)), s)
		}})
	}
	return all
}

func flip(random *rand.Rand, s Seed) []byte {
	data := bytes.Clone(s.Data)
	for range 1 + random.IntN(4) {
		reach := len(data)
		if random.IntN(3) > 0 {
			reach = min(reach, 200) // where the headers are
		}
		at := random.IntN(reach)
		if random.IntN(2) == 0 {
			data[at] ^= 1 << random.IntN(8)
		} else {
			data[at] = byte(random.Uint32())
		}
	}
	if s.Format == "png" && random.IntN(2) == 0 {
		sign(data)
	}
	return data
}

// magics put a file behind the first bytes of another format.
func magics(good []Seed) []Image {
	var all []Image
	for i, s := range good {
		for j := range 4 {
			other := good[(i+1+7*j)%len(good)]
			const magic = 16
			data := append(bytes.Clone(other.Data[:magic]), s.Data[magic:]...)
			all = append(all, fixed("magic", s.Name+" as "+other.Name, data))
		}
	}
	return all
}

// joins put files one behind the other.
func joins(good []Seed) []Image {
	var all []Image
	for i, s := range good {
		for j := range 4 {
			other := good[(i+3*j)%len(good)]
			all = append(all, fixed("join", s.Name+" + "+other.Name, append(bytes.Clone(s.Data), other.Data...)))
		}
	}
	return all
}

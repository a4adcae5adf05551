package main

import (
	"image"
	"math/rand/v2"
)

// texture is noise on several scales, each of half the size and half the
// strength of the one before.
type texture []lattice

// lattice is random values some pixels apart, with slopes between them.
type lattice struct {
	step, columns int
	values        []float64
}

func newTexture(rng *rand.Rand, size image.Point, scales int) texture {
	t := make(texture, scales)
	step, strength := 1024, 128.0
	for i := range t {
		l := lattice{step: step, columns: size.X/step + 2}
		l.values = make([]float64, l.columns*(size.Y/step+2))
		for j := range l.values {
			l.values[j] = strength * rng.Float64()
		}
		t[i] = l
		step, strength = step/2, strength/2
	}
	return t
}

func (t texture) at(x, y int) (sum float64) {
	for _, l := range t {
		sum += l.at(x, y)
	}
	return sum
}

func (l lattice) at(x, y int) float64 {
	i := y/l.step*l.columns + x/l.step
	fx, fy := float64(x%l.step)/float64(l.step), float64(y%l.step)/float64(l.step)
	above := l.values[i]*(1-fx) + l.values[i+1]*fx
	below := l.values[i+l.columns]*(1-fx) + l.values[i+l.columns+1]*fx
	return above*(1-fy) + below*fy
}

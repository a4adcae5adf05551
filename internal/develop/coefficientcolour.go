package develop

import (
	"math"
	"strings"

	"minilab/internal/coeff"
	"minilab/internal/darkroom"
	"minilab/internal/pipeline"
)

// Luma and chroma of red, green and blue, and the way back (ITU-T T.871, 7).
var (
	toYCC = [3][3]float64{
		{0.299, 0.587, 0.114},
		{-0.299 / 1.772, -0.587 / 1.772, 0.5},
		{0.5, -0.587 / 1.402, -0.114 / 1.402},
	}
	toRGB = [3][3]float64{
		{1, 0, 1.402},
		{1, -0.114 * 1.772 / 0.587, -0.299 * 1.402 / 0.587},
		{1, 1.772, 0},
	}
)

// affine is what steps make of red, green and blue, 0 to 255: factors, and what
// is added.
type affine struct {
	rows [3][3]float64
	add  [3]float64
}

var unchanged = affine{rows: [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}

// after is a followed by rows and what these add.
func (a affine) after(rows [3][3]float64, add float64) affine {
	var out affine
	for i := range rows {
		out.rows[i] = multiplied(rows[i], a.rows)
		out.add[i] = add
		for j, f := range rows[i] {
			out.add[i] += f * a.add[j]
		}
	}
	return out
}

func multiplied(row [3]float64, by [3][3]float64) (out [3]float64) {
	for j := range out {
		for k, f := range row {
			out[j] += f * by[k][j]
		}
	}
	return out
}

// scaled are rows that multiply each channel.
func scaled(by float64) [3][3]float64 {
	return [3][3]float64{{by, 0, 0}, {0, by, 0}, {0, 0, by}}
}

// stepped is a after a step; it is not ok for one that is not affine.
func (a affine) stepped(step pipeline.Step) (affine, bool) {
	switch step.Op() {
	case "swap":
		var rows [3][3]float64
		for i, channel := range step.Value("order") {
			rows[i][strings.IndexRune("rgb", channel)] = 1
		}
		return a.after(rows, 0), true
	case "invert":
		return a.after(scaled(-1), 255), true
	case "brightness":
		return a.after(scaled(1), 255*step.Float("amount")), true
	case "contrast":
		by := step.Float("amount")
		return a.after(scaled(by), 127.5*(1-by)), true
	}
	rows, ok := darkroom.Matrix(step)
	return a.after(rows, 0), ok
}

// clips says that some colour that is in range would leave it. Blocks in which that
// happens can be altered as pixels too, but images have so many of them then that
// it takes longer than to decode them all (docs/coefficient-lane.md).
func (a affine) clips() bool {
	const slack = 1e-6 // of rounding
	for i, row := range a.rows {
		least, most := a.add[i], a.add[i]
		for _, f := range row {
			least += 255 * min(f, 0)
			most += 255 * max(f, 0)
		}
		if least < -slack || most > 255+slack {
			return true
		}
	}
	return false
}

// commutes says that it makes no difference whether colours are stopped at 0 and
// 255 before or after: each is one of those before, or its negative.
func (a affine) commutes() bool {
	for i, row := range a.rows {
		ones, others := 0, 0
		for _, f := range row {
			switch {
			case f == 1 && a.add[i] == 0, f == -1 && a.add[i] == 255:
				ones++
			case f != 0:
				others++
			}
		}
		if ones != 1 || others != 0 {
			return false
		}
	}
	return true
}

// colours are the same for luma and chroma; grey leaves luma alone. It is not
// ok if chroma would depend on luma, of which there is more.
func (a affine) colours(grey bool) (c coeff.Colours, ok bool) {
	const slack = 1e-9
	var middle [3]float64 // what becomes of 128, less that
	for i, row := range a.rows {
		middle[i] = 128*(row[0]+row[1]+row[2]) + a.add[i] - 128
	}
	var ycc [3][3]float64
	var add [3]float64
	for i, row := range toYCC {
		ycc[i] = multiplied(multiplied(row, a.rows), toRGB)
		add[i] = row[0]*middle[0] + row[1]*middle[1] + row[2]*middle[2]
	}
	for i := 1; i < 3; i++ {
		if math.Abs(ycc[i][0]) > slack || math.Abs(add[i]) > slack {
			return c, false
		}
	}
	c = coeff.Colours{Luma: rounded(ycc[0]), Add: round(add[0]), Grey: grey}
	c.Chroma = [2][2]float64{{round(ycc[1][1]), round(ycc[1][2])}, {round(ycc[2][1]), round(ycc[2][2])}}
	if !a.commutes() {
		c.Stops = &coeff.RGB{Rows: a.rows, Add: a.add}
	}
	return c, true
}

// round takes the last digits off, so that what changes nothing is that exactly.
func round(v float64) float64 { return math.Round(v*1e12) / 1e12 }

func rounded(row [3]float64) [3]float64 {
	for i := range row {
		row[i] = round(row[i])
	}
	return row
}

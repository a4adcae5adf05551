package coeff

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestSpread computes spread.h.
func TestSpread(t *testing.T) {
	got, err := os.ReadFile("spread.h")
	if err != nil {
		t.Fatal(err)
	}
	if want := spreadHeader(); string(got) != want {
		t.Errorf("spread.h is not\n%s", want)
	}
}

// half is what coefficient u of a line of 8 samples adds to coefficient i of the first
// half of that line at twice the density. The neighbour beyond the line is left out.
func half(u, i int) (sum float64) {
	for place := range 8 {
		in, next := beside(place, 2)
		value := 0.75 * cosine[u][in]
		if next >= 0 {
			value += 0.25 * cosine[u][next]
		}
		sum += cosine[i][place] * value
	}
	return sum
}

func spreadHeader() string {
	var b strings.Builder
	b.WriteString("// Computed by TestSpread from the cosine transform and the filter.\n.half = {\n")
	for u := range 8 {
		b.WriteString("\t" + list(func(i int) string { return number(half(u, i)) }) + ",\n")
	}
	b.WriteString("},\n")
	b.WriteString(".ends = " + list(func(u int) string { return number(cosine[u][0]) }) + ",\n")
	b.WriteString(".beyond = " + list(func(i int) string { return number(cosine[i][0] / 4) }) + ",\n")
	b.WriteString(".turn = " + list(func(u int) string { return fmt.Sprint(1 - 2*(u%2)) }) + ",\n")
	return b.String()
}

func list(of func(int) string) string {
	var all []string
	for i := range 8 {
		all = append(all, of(i))
	}
	return "{ " + strings.Join(all, ", ") + " }"
}

func number(v float64) string { return fmt.Sprintf("%.9gf", v) }

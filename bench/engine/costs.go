package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// row is an operation, in the words of each subject.
type row struct {
	name      string
	pipeline  string // the engine's
	bare      string // the bare loop's
	quality   int    // the bare loop's; 0: the photograph's
	command   string // IN, OUT, MATRIX and QUALITY stand for what they say; "" for none
	extension string // of the command's result
	aim       float64
}

// rows are what is measured. Efforts are the same everywhere.
var rows = []row{
	{
		name: "swap", pipeline: "swap", bare: "swap", aim: 1.05,
		command: "vips recomb IN OUT[Q=QUALITY,subsample_mode=on] MATRIX", extension: "jpg",
	},
	{
		name: "fit 512", pipeline: "resize:512x512/jpeg:80", bare: "fit", quality: 80, aim: 1.05,
		command: "vipsthumbnail IN --size 512x512 --output OUT[Q=80]", extension: "jpg",
	},
	{name: "fit 512, beside vips_thumbnail", pipeline: "resize:512x512/jpeg:80", bare: "thumbnail", quality: 80, aim: 0.87},
	{
		name: "webp", pipeline: "webp:80:effort=4", bare: "webp", quality: 80, aim: 1.05,
		command: "vips webpsave IN OUT --effort 4 --Q 80", extension: "webp",
	},
	{
		name: "avif", pipeline: "avif:55:effort=1", bare: "avif", quality: 55, aim: 1.05,
		command: "vips heifsave IN OUT --compression av1 --bitdepth 8 --effort 1 --Q 55", extension: "avif",
	},
	{
		name: "png", pipeline: "png:effort=4", bare: "png", aim: 1.05,
		command: "vips pngsave IN OUT --compression 4 --filter all", extension: "png",
	},
}

// subject is something that alters a photograph and is measured.
type subject interface {
	develop(ctx context.Context, r row, p photo) (cost, error)
	peak() (int64, error)
	close()
}

// cost is what one photograph took.
type cost struct {
	cpu, wall time.Duration
	size      int64 // of the result
}

const leastTurns = 3

// costs prints, for each row, the medians of what each subject takes and the
// medians of the ratios within the turns.
func (b *bench) costs(ctx context.Context) error {
	fmt.Fprint(b.out, "| operation | engine: CPU ms, wall ms, MB, kB written | bare loop | vips command | engine to bare, aim | engine to command |\n"+
		"| --- | --- | --- | --- | --- | --- |\n")
	for _, r := range rows {
		if !b.only.MatchString(r.name) {
			continue
		}
		if err := b.row(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

func (b *bench) row(ctx context.Context, r row) error {
	subjects, err := b.subjects(ctx, r)
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range subjects {
			s.close()
		}
	}()
	all, failures, err := b.turns(ctx, r, b.photos, subjects)
	if err != nil {
		return err
	}
	cells := []string{r.name}
	for i := range 3 {
		cells = append(cells, cell(subjects, all, failures, i))
	}
	cells = append(cells, fmt.Sprintf("%s, %.2f", ratio(all, 0, 1), r.aim), ratio(all, 0, 2))
	fmt.Fprintf(b.out, "| %s |\n", strings.Join(cells, " | "))
	return nil
}

// subjects are those of a row, new ones, so that their memory is the row's.
func (b *bench) subjects(ctx context.Context, r row) ([]subject, error) {
	e, err := startEngine(1)
	if err != nil {
		return nil, err
	}
	loop, err := startBare(ctx, b.dir, bareVips)
	if err != nil {
		e.close()
		return nil, err
	}
	if b.tools == nil || r.command == "" {
		return []subject{e, loop}, nil
	}
	return []subject{e, loop, &tools{dir: b.dir}}, nil
}

// turns has the subjects alter one photograph after the other by turns until
// the time is up. The first turn does not count. A command that fails is left
// out; its failure is told.
func (b *bench) turns(ctx context.Context, r row, photos []photo, subjects []subject) (all [][]cost, failure error, err error) {
	all = make([][]cost, len(subjects))
	var start time.Time
	for turn := 0; turn <= leastTurns || time.Since(start) < b.budget; turn++ {
		if turn == 1 {
			start = time.Now()
		}
		p := photos[turn%len(photos)]
		for i, s := range subjects {
			_, command := s.(*tools)
			if command && failure != nil {
				continue
			}
			c, err := s.develop(ctx, r, p)
			if command && err != nil && ctx.Err() == nil {
				failure = err
				continue
			}
			if err != nil {
				return nil, nil, errors.Join(err, context.Cause(ctx))
			}
			if turn > 0 {
				all[i] = append(all[i], c)
			}
		}
	}
	return all, failure, nil
}

// cell is what the i-th subject took.
func cell(subjects []subject, all [][]cost, failure error, i int) string {
	if i == 2 && failure != nil {
		text, _, _ := strings.Cut(failure.Error(), "\n")
		return text
	}
	if i >= len(all) {
		return ""
	}
	memory, err := subjects[i].peak()
	if err != nil {
		return err.Error()
	}
	cpu := median(all[i], func(c cost) float64 { return c.cpu.Seconds() })
	wall := median(all[i], func(c cost) float64 { return c.wall.Seconds() })
	size := median(all[i], func(c cost) float64 { return float64(c.size) })
	return fmt.Sprintf("%.1f, %.1f, %d, %.0f", 1000*cpu, 1000*wall, memory>>20, size/1000)
}

// ratio is the median of the i-th subject's processor time to the j-th's, turn by
// turn.
func ratio(all [][]cost, i, j int) string {
	if max(i, j) >= len(all) || len(all[i]) == 0 || len(all[j]) == 0 {
		return ""
	}
	ratios := make([]float64, min(len(all[i]), len(all[j])))
	for turn := range ratios {
		ratios[turn] = all[i][turn].cpu.Seconds() / all[j][turn].cpu.Seconds()
	}
	return fmt.Sprintf("**%.2f**", median(ratios, func(v float64) float64 { return v }))
}

func median[T any](values []T, of func(T) float64) float64 {
	v := make([]float64, len(values))
	for i := range values {
		v[i] = of(values[i])
	}
	slices.Sort(v)
	return v[len(v)/2]
}

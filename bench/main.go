// Command bench measures a whole lab from outside, on this machine, and prints
// one table: the overhead of a task (a tiny image), and photographs end to end
// beside the same images through the engine processes alone, in the same run.
//
//	go run ./bench [-photos DIR] [-tasks N] [-clients N]
//
// It starts bin/minilab itself, on a temporary folder of the current
// directory's file system.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"minilab/internal/engine"
	"minilab/internal/pipeline"
)

func main() {
	photos := flag.String("photos", "", "folder with JPEGs; default: one of 12 megapixels that is made here")
	tasks := flag.Int("tasks", 2000, "tiny tasks")
	clients := flag.Int("clients", 32, "customers at a time")
	flag.Parse()
	if err := run(*photos, *tasks, *clients); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(photos string, tasks, clients int) error {
	big, err := load(photos)
	if err != nil {
		return err
	}
	base, stop, err := startLab()
	if err != nil {
		return err
	}
	defer stop()
	// Each kind is run once before it counts.
	tiny := [][]byte{tinyImage()}
	if _, err := through(base, tiny, tasks/10, clients); err != nil {
		return err
	}
	few, err := through(base, tiny, tasks, clients)
	if err != nil {
		return err
	}
	one, err := through(base, tiny, 200, 1)
	if err != nil {
		return err
	}
	fmt.Printf("| what | per second | p50 ms | p99 ms |\n| --- | --- | --- | --- |\n")
	fmt.Printf("| tiny task, %d customers | %s |\n| tiny task, 1 customer | %s |\n", clients, few, one)
	return photosBoth(base, big)
}

// photosBoth measures rounds of photographs by turns, through the lab and
// through the engine alone, and prints the ratio of the medians.
func photosBoth(base string, big [][]byte) error {
	const rounds, each = 3, 48
	path, err := filepath.Abs("bin/minilab-engine")
	if err != nil {
		return err
	}
	pool, err := engine.New(engine.Config{Path: path, Limits: engine.DefaultLimits()}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer pool.Close()
	var lab, bare []float64
	var last result
	for i := range rounds + 1 {
		r, err := through(base, big, each, 2*runtime.NumCPU())
		if err != nil {
			return err
		}
		b, err := alone(pool, big, each)
		if err != nil {
			return err
		}
		if i > 0 {
			lab, bare, last = append(lab, r.perSecond()), append(bare, b), r
		}
	}
	fmt.Printf("| photographs, end to end | %.1f | %.1f | %.1f |\n", median(lab), last.quantile(0.5), last.quantile(0.99))
	fmt.Printf("| the same through the engine processes alone | %.1f | | |\n\nratio %.2f (median of %d rounds of %d)\n",
		median(bare), median(lab)/median(bare), rounds, each)
	return nil
}

// startLab starts bin/minilab up and gives its URL.
func startLab() (base string, stop func(), err error) {
	dir, err := os.MkdirTemp(".", "bench-data-")
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command("bin/minilab", "up", "--listen", "127.0.0.1:0", "--data", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_, base, found := strings.Cut(strings.TrimSpace(line), "minilab is ready: ")
	if err != nil || !found {
		stop()
		return "", nil, fmt.Errorf("up says %q: %w", line, err)
	}
	return base, stop, nil
}

// result is a run: how long it took in all, and each task from upload to finished.
type result struct {
	wall  time.Duration
	tasks []time.Duration
}

func (r result) perSecond() float64 { return float64(len(r.tasks)) / r.wall.Seconds() }

func (r result) quantile(q float64) float64 {
	return r.tasks[int(q*float64(len(r.tasks)-1))].Seconds() * 1000
}

func (r result) String() string {
	return fmt.Sprintf("%.0f | %.1f | %.1f", r.perSecond(), r.quantile(0.5), r.quantile(0.99))
}

// through hands n images in, from so many customers at a time, and waits for
// the end of each.
func through(base string, images [][]byte, n, clients int) (result, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	r := result{tasks: make([]time.Duration, n)}
	faults := make(chan error, n)
	next := make(chan int)
	var all sync.WaitGroup
	start := time.Now()
	for range clients {
		all.Go(func() {
			for i := range next {
				begun := time.Now()
				if err := job(client, base, images[i%len(images)]); err != nil {
					faults <- err
				}
				r.tasks[i] = time.Since(begun)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	r.wall = time.Since(start)
	slices.Sort(r.tasks)
	select {
	case err := <-faults:
		return r, err
	default:
		return r, nil
	}
}

func job(c *http.Client, base string, img []byte) error {
	text, err := call(c, http.MethodPost, base+"/newImage", bytes.NewReader(img))
	if err != nil {
		return err
	}
	parts := strings.Split(text, `"`)
	if len(parts) < 4 {
		return fmt.Errorf("newImage says %q", text)
	}
	text, err = call(c, http.MethodGet, base+"/image/isReady?wait=60s&id="+parts[3], nil)
	if err == nil && !strings.Contains(text, `"finished"`) {
		err = fmt.Errorf("isReady says %q", text)
	}
	return err
}

func call(c *http.Client, method, url string, body io.Reader) (string, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, url, body)
	if err != nil {
		return "", err
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

// alone sends n images through the engine processes, as many at a time as
// there are, and gives the images per second.
func alone(pool *engine.Pool, images [][]byte, n int) (float64, error) {
	next := make(chan []byte)
	faults := make(chan error, n)
	var all sync.WaitGroup
	start := time.Now()
	for range runtime.NumCPU() {
		all.Go(func() {
			for img := range next {
				faults <- alter(pool, img)
			}
		})
	}
	for i := range n {
		next <- images[i%len(images)]
	}
	close(next)
	all.Wait()
	per := float64(n) / time.Since(start).Seconds()
	for range n {
		if err := <-faults; err != nil {
			return 0, err
		}
	}
	return per, nil
}

func alter(pool *engine.Pool, img []byte) error {
	in, err := engine.NewBuffer("in", int64(len(img)))
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := in.Write(img); err != nil {
		return err
	}
	if err := in.Seal(); err != nil {
		return err
	}
	res, err := pool.Run(context.Background(), engine.Job{Owner: "public", Pipeline: pipeline.Default(), Input: in})
	if err != nil {
		return err
	}
	return res.Output.Close()
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// load reads the JPEGs of a folder, or makes one of 12 megapixels.
func load(dir string) ([][]byte, error) {
	if dir == "" {
		return [][]byte{bigImage()}, nil
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.jpg"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("no *.jpg in %s: %w", dir, err)
	}
	var images [][]byte
	for _, p := range paths {
		img, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		images = append(images, img)
	}
	return images, nil
}

func tinyImage() []byte {
	var buf bytes.Buffer
	_ = png.Encode(&buf, image.NewNRGBA(image.Rect(0, 0, 16, 16))) // a buffer takes everything
	return buf.Bytes()
}

func bigImage() []byte {
	m := image.NewRGBA(image.Rect(0, 0, 4000, 3000))
	for y := range 3000 {
		for x := range 4000 {
			m.SetRGBA(x, y, color.RGBA{uint8(x * y >> 10), uint8(x ^ y), uint8(x*x>>12 + y), 255})
		}
	}
	var buf bytes.Buffer
	_ = jpeg.Encode(&buf, m, &jpeg.Options{Quality: 90}) // a buffer takes everything
	return buf.Bytes()
}

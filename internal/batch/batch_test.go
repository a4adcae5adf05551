package batch_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"minilab/client"
	"minilab/internal/batch"
)

func put(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tree is all files of a folder but those that begin with a dot.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path != dir && strings.HasPrefix(d.Name(), ".") && d.IsDir() {
			return cmpSkip(err)
		}
		if d.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func cmpSkip(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}

// notes collects what is told.
type notes []batch.Note

func (n *notes) report(x batch.Note) { *n = append(*n, x) }

func (n *notes) of(kind batch.Kind) []string {
	var names []string
	for _, x := range *n {
		if x.Kind == kind {
			names = append(names, x.Name)
		}
	}
	slices.Sort(names)
	return names
}

func equal(t *testing.T, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

func run(t *testing.T, j batch.Job) (batch.Summary, *notes) {
	t.Helper()
	sum, n, err := try(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	return sum, n
}

func try(ctx context.Context, j batch.Job) (batch.Summary, *notes, error) {
	n := &notes{}
	j.Report = n.report
	if j.Parallel == 0 {
		j.Parallel = 4
	}
	sum, err := batch.Run(ctx, j)
	return sum, n, err
}

var small = client.Order{Pipeline: "small"}

func TestAFolderBecomesAFolder(t *testing.T) {
	l, lab := newFakeLab(t)
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "new", "out")
	odd := "od\xffd\n\"name\" ä.jpg"
	put(t, in, "a.jpg", "A")
	put(t, in, "sub/dir.x/b", "B")
	put(t, in, odd, "C")
	put(t, in, ".hidden", "no")
	put(t, in, ".git/d.jpg", "no")
	want := map[string]string{"a.webp": "small||A", "sub/dir.x/b.webp": "small||B", strings.TrimSuffix(odd, "jpg") + "webp": "small||C"}
	j := batch.Job{Lab: lab, Order: small, Inputs: []string{in}, Out: out}

	sum, _ := run(t, j)
	if sum.Images != 3 || sum.Finished != 3 {
		t.Errorf("%+v", sum)
	}
	equal(t, tree(t, out), want)

	before := len(l.tasks)
	sum, n := run(t, j)
	if sum.Present != 3 || sum.Finished != 0 || len(l.tasks) != before || len(n.of(batch.Present)) != 3 {
		t.Errorf("the second run: %+v", sum)
	}

	put(t, in, "a.jpg", "A2") // another image
	if err := os.Remove(filepath.Join(out, "sub/dir.x/b.webp")); err != nil {
		t.Fatal(err)
	}
	sum, _ = run(t, j)
	if sum.Present != 1 || sum.Finished != 2 || l.counts["B"] != 1 || l.counts["A2"] != 1 {
		t.Errorf("the third run: %+v, %v", sum, l.counts)
	}
	want["a.webp"] = "small||A2"
	equal(t, tree(t, out), want)

	j.Order.Pipeline = "large" // another pipeline
	run(t, j)
	for name := range want {
		want[name] = strings.Replace(want[name], "small", "large", 1)
	}
	equal(t, tree(t, out), want)
}

// TestTheUmaskSaysWhoReads: results are files like any others.
func TestTheUmaskSaysWhoReads(t *testing.T) {
	_, lab := newFakeLab(t)
	in := t.TempDir()
	put(t, in, "a/b.jpg", "B")
	for umask, want := range map[int]string{0o022: "-rwxr-xr-x -rwxr-xr-x -rw-r--r--", 0o077: "-rwx------ -rwx------ -rw-------"} {
		before := syscall.Umask(umask)
		out := filepath.Join(t.TempDir(), "out")
		run(t, batch.Job{Lab: lab, Order: small, Inputs: []string{in}, Out: out})
		syscall.Umask(before)
		var got []string
		for _, name := range []string{"", "a", "a/b.webp"} {
			info, err := os.Stat(filepath.Join(out, name))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, info.Mode().Perm().String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("umask %03o: %s, want %s", umask, got, want)
		}
	}
}

func TestSeveralOutputs(t *testing.T) {
	_, lab := newFakeLab(t)
	in, out := t.TempDir(), t.TempDir()
	put(t, in, "a.jpg", "A")
	run(t, batch.Job{Lab: lab, Order: client.Order{Outputs: []client.Output{{Name: "x", Pipeline: "1"}, {Name: "y", Pipeline: "2"}}}, Inputs: []string{in}, Out: out})
	equal(t, tree(t, out), map[string]string{"a-x.webp": "|x|A", "a-y.webp": "|y|A"})
}

// TestKilled: however often it ends, each image has one task in the end, and
// each result is there once, whole.
func TestKilled(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	l, lab := newFakeLab(t)
	in, out := t.TempDir(), t.TempDir()
	want := map[string]string{}
	for i := range 60 {
		put(t, in, fmt.Sprintf("%d.jpg", i), fmt.Sprint("image ", i))
		want[fmt.Sprintf("%d.webp", i)] = fmt.Sprint("small||image ", i)
	}
	j := batch.Job{Lab: lab, Order: small, Inputs: []string{in}, Out: out}
	for runs := 0; ; runs++ {
		ctx, kill := context.WithCancel(t.Context())
		left := 5 + rng.IntN(40)
		l.mu.Lock() // of what answers late to the last run
		l.after = func() bool {
			if left--; left == 0 {
				kill()
			}
			return left <= 0
		}
		l.mu.Unlock()
		_, _, err := try(ctx, j)
		kill()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) || runs > 100 {
			t.Fatalf("seed %d: after %d runs: %v", seed, runs, err)
		}
		tear(t, out, rng)
	}
	equal(t, tree(t, out), want)
	if left := tree(t, filepath.Join(out, ".minilab", "parts")); len(left) > 0 {
		t.Errorf("seed %d: left behind: %v", seed, left)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for image, n := range l.counts {
		if n != 1 {
			t.Errorf("seed %d: %q has %d tasks", seed, image, n)
		}
	}
}

// tear leaves what a kill may leave: half a line and half a result.
func tear(t *testing.T, out string, rng *rand.Rand) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(out, ".minilab", "journal"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if rng.IntN(2) == 0 {
		fmt.Fprint(f, `{"path":"1.jpg","source":"x","wo`)
	}
	put(t, filepath.Join(out, ".minilab", "parts"), "123", "half")
}

func TestEachImageForItself(t *testing.T) {
	_, lab := newFakeLab(t)
	in, out := t.TempDir(), t.TempDir()
	put(t, in, "good.jpg", "good")
	put(t, in, "text.txt", "no image")
	put(t, in, "broken.jpg", "broken")
	put(t, in, "secret.jpg", "S")
	put(t, in, "real/c.jpg", "C")
	for name, to := range map[string]string{"link.jpg": "good.jpg", "nowhere.jpg": "missing", "folder": "real", "loop": "."} {
		if err := os.Symlink(to, filepath.Join(in, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(in, "pipe.jpg"), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // who may read everything
		if err := os.Remove(filepath.Join(in, "secret.jpg")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/proc/self/mem", filepath.Join(in, "secret.jpg")); err != nil {
			t.Fatal(err)
		}
	} else if err := os.Chmod(filepath.Join(in, "secret.jpg"), 0); err != nil {
		t.Fatal(err)
	}
	j := batch.Job{Lab: lab, Order: small, Inputs: []string{in}, Out: out}
	sum, n := run(t, j)
	if got := fmt.Sprint(n.of(batch.Failed)); got != "[broken.jpg nowhere.jpg secret.jpg text.txt]" {
		t.Errorf("failed: %s", got)
	}
	if got := fmt.Sprint(n.of(batch.Passed)); got != "[folder loop pipe.jpg]" {
		t.Errorf("left out: %s", got)
	}
	if sum != (batch.Summary{Images: 7, Finished: 3, Failed: 4, Passed: 3}) {
		t.Errorf("%+v", sum)
	}
	equal(t, tree(t, out), map[string]string{"good.webp": "small||good", "link.webp": "small||good", "real/c.webp": "small||C"})
	if sum, _ = run(t, j); sum.Present != 3 || sum.Failed != 4 {
		t.Errorf("the second run: %+v", sum)
	}
}

func TestResultsOfOneName(t *testing.T) {
	_, lab := newFakeLab(t)
	in, out := t.TempDir(), t.TempDir()
	for i := range 20 {
		put(t, in, fmt.Sprintf("%d.jpg", i), "J")
		put(t, in, fmt.Sprintf("%d.png", i), "P")
	}
	put(t, in, "7.png", "J") // the same result, and yet another image's
	j := batch.Job{Lab: lab, Order: small, Inputs: []string{in}, Out: out}
	for range 2 {
		sum, n := run(t, j)
		if failed := n.of(batch.Failed); sum.Failed != 20 || !strings.HasSuffix(failed[0], ".png") {
			t.Errorf("%+v, %v", sum, failed)
		}
		for name, content := range tree(t, out) {
			if content != "small||J" {
				t.Errorf("%s is %s", name, content)
			}
		}
	}
	a, b := filepath.Join(in, "1.jpg"), filepath.Join(t.TempDir(), "1.jpg")
	put(t, filepath.Dir(b), "1.jpg", "another")
	sum, _ := run(t, batch.Job{Lab: lab, Order: small, Inputs: []string{a, b, a}, Out: t.TempDir()})
	if sum.Images != 2 || sum.Finished != 1 || sum.Failed != 1 {
		t.Errorf("two files of one name: %+v", sum)
	}
	if sum, _ = run(t, batch.Job{Lab: lab, Order: small, Inputs: []string{b}, Out: out}); sum.Failed != 1 {
		t.Errorf("another folder's file of the same name: %+v", sum)
	}
}

// TestOutputsOfOneName: a-b and b would be what a and b-b are.
func TestOutputsOfOneName(t *testing.T) {
	_, lab := newFakeLab(t)
	in, out := t.TempDir(), t.TempDir()
	put(t, in, "a.jpg", "A")
	put(t, in, "a-b.jpg", "A")
	outputs := []client.Output{{Name: "b", Pipeline: "1"}, {Name: "b-b", Pipeline: "1"}}
	sum, n := run(t, batch.Job{Lab: lab, Order: client.Order{Outputs: outputs}, Inputs: []string{in}, Out: out, Parallel: 1})
	if sum.Finished != 1 || fmt.Sprint(n.of(batch.Failed)) != "[a-b.jpg]" {
		t.Errorf("%+v", sum)
	}
}

// TestAKeyOutlivesTornLines: the line after one that was cut off counts.
func TestAKeyOutlivesTornLines(t *testing.T) {
	l, lab := newFakeLab(t)
	in, out := t.TempDir(), t.TempDir()
	put(t, in, "a.jpg", "A")
	put(t, filepath.Join(out, ".minilab"), "journal", `{"path":"a.jpg","so`)
	ctx, kill := context.WithCancel(t.Context())
	l.after = func() bool { kill(); return true }
	j := batch.Job{Lab: lab, Order: small, Inputs: []string{in}, Out: out}
	if _, _, err := try(ctx, j); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.after = nil
	l.mu.Unlock()
	run(t, j)
	if l.counts["A"] != 1 {
		t.Errorf("%d tasks", l.counts["A"])
	}
}

// TestNothingIsLost: what the command has not made it does not write over.
func TestNothingIsLost(t *testing.T) {
	_, lab := newFakeLab(t)
	in := t.TempDir()
	put(t, in, "a.jpg", "A")
	put(t, in, "b.jpg", "B")
	if _, _, err := try(t.Context(), batch.Job{Lab: lab, Order: small, Inputs: []string{in}, Out: in}); err == nil {
		t.Error("the results went into the folder of the images")
	}
	j := batch.Job{Lab: lab, Order: client.Order{Pipeline: "as jpeg"}, Inputs: []string{filepath.Join(in, "a.jpg")}, Out: in}
	if sum, _ := run(t, j); sum.Failed != 1 {
		t.Errorf("an image's result is stored over it: %+v", sum)
	}
	equal(t, tree(t, in), map[string]string{"a.jpg": "A", "b.jpg": "B"})

	out := t.TempDir()
	put(t, out, "a.webp", "mine")
	j = batch.Job{Lab: lab, Order: small, Inputs: []string{in}, Out: out}
	if sum, _ := run(t, j); sum.Failed != 1 || sum.Finished != 1 {
		t.Errorf("%+v", sum)
	}
	put(t, out, "b.webp", "edited")
	if sum, _ := run(t, j); sum.Failed != 2 {
		t.Errorf("%+v", sum)
	}
	equal(t, tree(t, out), map[string]string{"a.webp": "mine", "b.webp": "edited"})
}

// TestAResultAsTheImage: what was the command's own is an image now.
func TestAResultAsTheImage(t *testing.T) {
	_, lab := newFakeLab(t)
	in, out := t.TempDir(), t.TempDir()
	put(t, in, "a.webp", "A")
	j := batch.Job{Lab: lab, Order: small, Inputs: []string{filepath.Join(in, "a.webp")}, Out: out}
	run(t, j)
	if err := os.Remove(j.Inputs[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(out, "a.webp"), j.Inputs[0]); err != nil {
		t.Fatal(err)
	}
	if sum, _ := run(t, j); sum.Failed != 1 {
		t.Errorf("%+v", sum)
	}
	equal(t, tree(t, out), map[string]string{"a.webp": "small||A"})
}

// TestOutInsideIn: results are no images of the next run.
func TestOutInsideIn(t *testing.T) {
	_, lab := newFakeLab(t)
	in := t.TempDir()
	put(t, in, "a.jpg", "A")
	j := batch.Job{Lab: lab, Order: small, Inputs: []string{in}, Out: filepath.Join(in, "out")}
	for range 2 {
		if sum, _ := run(t, j); sum.Images != 1 {
			t.Errorf("%+v", sum)
		}
	}
}

func TestGivenUp(t *testing.T) {
	many := t.TempDir()
	for i := range 50 {
		put(t, many, fmt.Sprintf("%d.jpg", i), fmt.Sprint("image ", i))
	}
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"no key":       problem(401, "unauthorized"),
		"no scope":     problem(403, "forbidden"),
		"bad pipeline": problem(400, "invalid-pipeline"),
		"full":         problem(507, "no-space"),
		"no lab":       problem(404, "no-route"),
	} {
		t.Run(name, func(t *testing.T) {
			l, lab := newFakeLab(t)
			asked := 0
			l.ahead = func(w http.ResponseWriter, r *http.Request) bool {
				l.mu.Lock()
				defer l.mu.Unlock()
				asked++
				return answer(w, r)
			}
			sum, _, err := try(t.Context(), batch.Job{Lab: lab, Order: small, Inputs: []string{many}, Out: t.TempDir()})
			l.mu.Lock()
			defer l.mu.Unlock()
			if client.CodeOf(err) == "" || asked > 8 || sum.Failed > 0 {
				t.Errorf("%v after %d requests, %+v", err, asked, sum)
			}
		})
	}
}

func problem(status int, code string) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		reply(w, status, map[string]any{"code": code, "title": code})
		return true
	}
}

// TestALiarsResults: none of them is stored.
func TestALiarsResults(t *testing.T) {
	for name, lie := range map[string]client.Output{
		"a name that climbs": {Name: "../../x", ContentType: "image/webp", SHA256: sum([]byte("small||A")), Size: 8},
		"another digest":     {ContentType: "image/webp", SHA256: sum([]byte("small||B")), Size: 8},
	} {
		t.Run(name, func(t *testing.T) {
			l, lab := newFakeLab(t)
			in, out := t.TempDir(), t.TempDir()
			put(t, in, "a.jpg", "A")
			l.ahead = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || strings.Contains(r.URL.Path, "result") {
					return false
				}
				reply(w, 200, client.Task{ID: "t0", State: client.Finished, Outputs: []client.Output{lie}})
				return true
			}
			sum, _ := run(t, batch.Job{Lab: lab, Order: small, Inputs: []string{in}, Out: out})
			if sum.Failed != 1 || len(tree(t, out)) != 0 || len(tree(t, filepath.Dir(out))) != 1 {
				t.Errorf("%+v, %v", sum, tree(t, filepath.Dir(out)))
			}
		})
	}
}

func TestOneRunAtATime(t *testing.T) {
	l, lab := newFakeLab(t)
	in, out := t.TempDir(), t.TempDir()
	put(t, in, "a.jpg", "A")
	j := batch.Job{Lab: lab, Order: small, Inputs: []string{in}, Out: out}
	var second error
	once := false
	l.ahead = func(http.ResponseWriter, *http.Request) bool {
		if !once {
			once = true
			_, _, second = try(t.Context(), j)
		}
		return false
	}
	run(t, j)
	if second == nil || !strings.Contains(second.Error(), "another run (pid ") {
		t.Errorf("the second one: %v", second)
	}
}

func TestOnlySubmitted(t *testing.T) {
	l, lab := newFakeLab(t)
	in := t.TempDir()
	put(t, in, "a.jpg", "A")
	put(t, in, "b.jpg", "broken")
	sum, n := run(t, batch.Job{Lab: lab, Order: small, Inputs: []string{in}})
	if sum.Submitted != 2 || len(l.tasks) != 2 || len(n.of(batch.Submitted)) != 2 {
		t.Errorf("%+v", sum)
	}
	sum, _ = run(t, batch.Job{Lab: lab, Order: small, Inputs: []string{in}, Wait: true})
	if sum.Finished != 1 || sum.Failed != 1 {
		t.Errorf("%+v", sum)
	}
}

// TestAnImageThatChanges between its digest and its way to the lab.
func TestAnImageThatChanges(t *testing.T) {
	l, lab := newFakeLab(t)
	in, out := t.TempDir(), t.TempDir()
	put(t, in, "a.jpg", "A")
	l.ahead = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		reply(w, 202, client.Task{ID: "t0", State: client.NotStarted, Source: &client.Content{SHA256: sum([]byte("B"))}})
		return true
	}
	j := batch.Job{Lab: lab, Order: small, Inputs: []string{in}, Out: out}
	got, n := run(t, j)
	if got.Failed != 1 || !strings.Contains((*n)[1].Err.Error(), "changed") || len(tree(t, out)) > 0 {
		t.Errorf("%+v, %v", got, *n)
	}
	l.ahead = nil
	if got, _ = run(t, j); got.Finished != 1 {
		t.Errorf("the second run: %+v", got)
	}
}

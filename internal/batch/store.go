package batch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"minilab/client"
)

// endings are those of files by their type.
var endings = map[string]string{
	"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/gif": ".gif", "image/tiff": ".tiff", "image/avif": ".avif",
}

// outputName is what a lab may call an output: part of a file's name here.
var outputName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// fileOf is where an output is stored, below Out.
func fileOf(img image, o client.Output) (string, error) {
	name := img.stem()
	if o.Name != "" {
		if !outputName.MatchString(o.Name) {
			return "", &imageError{fmt.Sprintf("the lab has an output of the name %.80q", o.Name)}
		}
		name += "-" + o.Name
	}
	ending, ok := endings[o.ContentType]
	if !ok {
		ending = ".bin"
	}
	return name + ending, nil
}

// store fetches the results that are not there yet. The journal knows of them
// before they are there, so that what is found later is known to be ours.
func (r *run) store(ctx context.Context, img image, e entry, t client.Task) ([]string, error) {
	mine := e.stored()
	e.Results, e.Old = nil, mine
	var missing []client.Output
	for _, o := range t.Outputs {
		res, err := resultOf(img, o)
		if err != nil {
			return nil, err
		}
		if err := r.claim(img, res.path()); err != nil {
			return nil, err
		}
		if !r.has(ctx, res) {
			if err := r.free(ctx, img, res.path(), mine); err != nil {
				return nil, err
			}
			missing = append(missing, o)
		}
		e.Results = append(e.Results, res)
	}
	if err := r.note(img, e); err != nil {
		return nil, err
	}
	for _, o := range missing {
		if err := r.fetch(ctx, t.ID, img, o); err != nil {
			return nil, err
		}
	}
	return files(e.Results), nil
}

func resultOf(img image, o client.Output) (result, error) {
	file, err := fileOf(img, o)
	res := result{SHA256: o.SHA256, Size: o.Size}
	res.File, res.Raw = text(file)
	return res, err
}

// claim makes sure that no other image of this run has a result of that name.
func (r *run) claim(img image, file string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other, ok := r.claimed[file]; ok && other != img.name {
		return &imageError{fmt.Sprintf("its result would be %q, and so is that of %q", file, other)}
	}
	r.claimed[file] = img.name
	return nil
}

// claimKnown claims what the journal has for images that are still there, so
// that another image does not get it this time.
func (r *run) claimKnown(rolls [][]image) {
	for _, roll := range rolls {
		for _, img := range roll {
			if e := r.journal.known[img.name]; e.Work == r.work {
				for _, res := range e.Results {
					_ = r.claim(img, res.path()) // the journal has no file twice
				}
			}
		}
	}
}

func (r *run) target(file string) string { return filepath.Join(r.Out, filepath.FromSlash(file)) }

// present says whether all results are stored, with the bytes that they had.
func (r *run) present(ctx context.Context, e entry) bool {
	for _, res := range e.Results {
		if !r.has(ctx, res) {
			return false
		}
	}
	return len(e.Results) > 0
}

func (r *run) has(ctx context.Context, res result) bool {
	info, err := os.Lstat(r.target(res.path()))
	if err != nil || !info.Mode().IsRegular() || info.Size() != res.Size {
		return false
	}
	sum, err := digestOf(ctx, r.target(res.path()))
	return err == nil && sum == res.SHA256
}

// free is an error when something is there that no run has stored, least of all
// the image itself.
func (r *run) free(ctx context.Context, img image, file string, mine []result) error {
	target := r.target(file)
	info, err := os.Lstat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &fullError{err}
	case !info.Mode().IsRegular():
		return &imageError{fmt.Sprintf("its result would be %q, which is there and no regular file", file)}
	}
	sum, err := digestOf(ctx, target)
	for _, was := range mine {
		if err == nil && was.path() == file && was.SHA256 == sum && !same(target, img.path) {
			return nil
		}
	}
	return &imageError{fmt.Sprintf("its result would be %q, which is there already and none of this command's", file)}
}

// fetch stores an output: whole, or not at all.
func (r *run) fetch(ctx context.Context, id string, img image, o client.Output) (err error) {
	file, err := fileOf(img, o)
	if err != nil {
		return err
	}
	f, err := NewFile(r.journal.parts(), "")
	if err != nil {
		return &fullError{err}
	}
	defer func() {
		f.Close()
		if err != nil {
			_ = os.Remove(f.Name()) // the next run does, if not
		}
	}()
	got, err := r.Lab.Result(ctx, id, o.Name, disk{f})
	if err != nil {
		return err
	}
	if got.SHA256 != o.SHA256 {
		return client.ErrDigest
	}
	return r.publish(f, r.target(file))
}

func (r *run) publish(f *os.File, target string) error {
	if err := f.Sync(); err != nil {
		return &fullError{err}
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return &fullError{err}
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return &fullError{err}
	}
	return nil
}

// disk tells its errors from those of the network.
type disk struct{ f *os.File }

// Write implements io.Writer.
func (d disk) Write(p []byte) (int, error) {
	n, err := d.f.Write(p)
	if err != nil {
		err = &fullError{err}
	}
	return n, err
}

func files(results []result) []string {
	var list []string
	for _, r := range results {
		list = append(list, r.path())
	}
	return list
}

package batch

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"minilab/client"
)

// image is one that is to be handed in.
type image struct {
	name string // of its results, before their endings: a path with slashes
	path string // of the file
	url  string // instead
}

// String is what people know it by.
func (i image) String() string {
	if i.url != "" {
		return i.url
	}
	return i.name
}

func (i image) source() client.Image {
	if i.url != "" {
		return client.URL(i.url)
	}
	return client.File(i.path)
}

// stem is the name without the format's ending.
func (i image) stem() string {
	if ext := path.Ext(i.name); len(ext) < len(path.Base(i.name)) {
		return strings.TrimSuffix(i.name, ext)
	}
	return i.name
}

// find looks for all the images. Those of one stem are together, in order.
func (r *run) find() ([][]image, error) {
	var all []image
	for _, input := range r.Inputs {
		found, err := r.look(input)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(a, b image) int {
		if c := strings.Compare(a.stem(), b.stem()); c != 0 {
			return c
		}
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(where(a), where(b)))
	})
	all = slices.Compact(all) // what was named twice
	var rolls [][]image
	for i, img := range all {
		switch {
		case i == 0 || all[i-1].stem() != img.stem():
			rolls = append(rolls, nil)
		case all[i-1].name == img.name && r.Out != "":
			r.tell(Note{Kind: Found, Name: img.String()})
			r.tell(Note{Kind: Failed, Name: img.String(), Err: fmt.Errorf("%s and %s would have results of the same name", where(all[i-1]), where(img))})
			continue
		}
		r.tell(Note{Kind: Found, Name: img.String()})
		rolls[len(rolls)-1] = append(rolls[len(rolls)-1], img)
	}
	return rolls, nil
}

// where an image is.
func where(i image) string {
	if i.url != "" {
		return i.url
	}
	if path, err := filepath.Abs(i.path); err == nil {
		return path
	}
	return i.path
}

// look is the images that one argument stands for.
func (r *run) look(input string) ([]image, error) {
	if strings.HasPrefix(input, "http://") || strings.HasPrefix(input, "https://") {
		u, err := url.Parse(input)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("%q is no URL", input)
		}
		return []image{{name: nameOf(u), url: input}}, nil
	}
	info, err := os.Stat(input)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []image{{name: filepath.Base(input), path: input}}, nil
	}
	root, err := filepath.EvalSymlinks(input)
	if err != nil {
		return nil, err
	}
	if same(root, r.Out) {
		return nil, fmt.Errorf("the results of %s cannot go into the same folder", input)
	}
	return r.walk(root)
}

// nameOf is what the results of a URL's image are called.
func nameOf(u *url.URL) string {
	if base := path.Base(u.Path); strings.Trim(base, ".") != "" && filepath.IsLocal(base) && base != "/" && len(base) < 200 {
		return base
	}
	return "image"
}

func same(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// walk finds the images below a folder. Hidden files are left out, and so is
// the folder of the results.
func (r *run) walk(root string) (found []image, err error) {
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, p) // p is below root
		name := filepath.ToSlash(rel)
		switch {
		case err != nil:
			r.tell(Note{Kind: Found, Name: name})
			r.tell(Note{Kind: Failed, Name: name, Err: err})
			return nil //nolint:nilerr // the rest can be read
		case p == root:
			return nil
		case d.IsDir() && (hidden(d) || same(p, r.Out)):
			return fs.SkipDir
		case d.IsDir() || hidden(d):
			return nil
		}
		if err := r.fits(p, d); err != nil {
			r.tell(Note{Kind: Passed, Name: name, Err: err})
			return nil //nolint:nilerr // it is told
		}
		found = append(found, image{name: name, path: p})
		return nil
	})
	return found, err
}

func hidden(d fs.DirEntry) bool { return strings.HasPrefix(d.Name(), ".") }

// Why something in a folder is passed over.
var (
	errLinkedFolder = errors.New("it is a link to a folder, which is not followed")
	errNoFile       = errors.New("it is no regular file")
)

// fits is an error for what is no file: to open a pipe would wait for ever. A
// link is what it leads to; one that leads nowhere fails when it is read.
func (r *run) fits(p string, d fs.DirEntry) error {
	mode := d.Type()
	if mode&fs.ModeSymlink != 0 {
		info, err := os.Stat(p)
		if err != nil {
			return nil //nolint:nilerr // the image fails, not the folder
		}
		if mode = info.Mode(); mode.IsDir() {
			return errLinkedFolder
		}
	}
	if !mode.IsRegular() {
		return errNoFile
	}
	return nil
}

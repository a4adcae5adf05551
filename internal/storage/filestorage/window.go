package filestorage

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sort"
	"sync"
	"time"
)

// A folder has no order, so a page of it costs reading all of its names. What
// is read is kept, up to so many names and for so long, for the pages that
// follow: a million images are listed with 16 readings instead of 1000.
const (
	windowNames = 1 << 16
	windowLife  = time.Minute
)

// namesAtOnce is how many names are taken out of a directory at a time.
const namesAtOnce = 4096

// window is a run of a folder's names.
type window struct {
	from  string    // all names are behind this one,
	names []string  // sorted,
	whole bool      // and none is behind them
	taken time.Time // when reading began
}

// windows keeps the latest one, of at most so many names.
type windows struct {
	names int

	mu     sync.Mutex
	latest window
}

// pageOf is the next page of names behind the cursor, and whether more follow.
func (fo *folder) pageOf(ctx context.Context, cursor string, limit int) (names []string, more bool, err error) {
	w, ok := fo.windows.find(cursor)
	if !ok {
		if w, err = fo.read(ctx, cursor); err != nil {
			return nil, false, err
		}
		fo.windows.keep(w)
	}
	rest := w.behind(cursor)
	n := min(limit, len(rest))
	return rest[:n], n < len(rest) || !w.whole, nil
}

// find never gives a kept window to the first page of a listing: it could lack
// an image that was there before the listing began.
func (ws *windows) find(cursor string) (window, bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w := ws.latest
	fits := cursor != "" && w.from <= cursor && time.Since(w.taken) < windowLife
	return w, fits && (w.whole || len(w.behind(cursor)) > 0)
}

func (ws *windows) keep(w window) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if w.taken.After(ws.latest.taken) {
		ws.latest = w
	}
}

func (w window) behind(cursor string) []string {
	return w.names[sort.Search(len(w.names), func(i int) bool { return w.names[i] > cursor }):]
}

func (fo *folder) read(ctx context.Context, cursor string) (window, error) {
	w := window{from: cursor, taken: time.Now()}
	err := fo.eachName(func(name string) error {
		if name > cursor && isImage(name) {
			w.names = append(w.names, name)
		}
		if len(w.names) > 2*fo.windows.names {
			w.names = smallest(w.names, fo.windows.names+1)
		}
		return ctx.Err()
	})
	w.names = smallest(w.names, fo.windows.names+1)
	if w.whole = len(w.names) <= fo.windows.names; !w.whole {
		w.names = w.names[:fo.windows.names]
	}
	return w, err
}

func isImage(name string) bool {
	_, ok := keyOf(name)
	return ok || isHash(name)
}

// smallest sorts names and drops those behind the first n. A name that was
// replaced while the directory was read may have come twice.
func smallest(names []string, n int) []string {
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(n, len(names))]
}

func (fo *folder) eachName(f func(name string) error) error {
	dir, err := os.Open(fo.path)
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(namesAtOnce)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := f(name); err != nil {
				return err
			}
		}
	}
}

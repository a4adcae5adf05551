package preset

import (
	"context"
	"errors"
	"strings"

	"minilab/internal/fault"
	"minilab/internal/kv"
)

// ErrNotFound says that there is no preset of this name.
var ErrNotFound = fault.New(fault.NotFound, "not-found", "there is no preset of this name")

// addTries is how often the next version is looked for, since others may add
// versions at the same time.
const addTries = 10

// Shelf is the presets that a key-value store keeps.
type Shelf struct{ Store kv.Store }

// All gives the values of the presets whose names start with prefix, by name.
func (s Shelf) All(ctx context.Context, prefix string) (map[string]string, error) {
	values := map[string]string{}
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, err := s.Store.List(ctx, Prefix+prefix, cursor, 0)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			values[strings.TrimPrefix(e.Key, Prefix)] = string(e.Value)
		}
		if cursor == page.Next {
			break
		}
		cursor = page.Next
	}
	return values, nil
}

// Find gives the preset that a name means, and its own name.
func (s Shelf) Find(ctx context.Context, n Name) (Name, string, error) {
	values, err := s.All(ctx, n.Base)
	if err != nil {
		return n, "", err
	}
	name, value, ok := Find(values, n)
	if !ok {
		return n, "", ErrNotFound.Detailf("there is no preset %q", n)
	}
	return name, value, nil
}

// Set writes a preset under that very name.
func (s Shelf) Set(ctx context.Context, n Name, value []byte) error {
	_, _, err := s.Store.Put(ctx, Prefix+n.String(), value, kv.PutOptions{})
	return err
}

// Add writes the next version and gives its name.
func (s Shelf) Add(ctx context.Context, base string, value []byte) (Name, error) {
	var err error
	for range addTries {
		var values map[string]string
		if values, err = s.All(ctx, base+"@"); err != nil {
			return Name{}, err
		}
		last, _, _ := Find(values, Name{Base: base})
		n := Name{base, last.Version + 1}
		if _, _, err = s.Store.Put(ctx, Prefix+n.String(), value, kv.PutOptions{IfAbsent: true}); !errors.Is(err, kv.ErrStale) {
			return n, err
		}
	}
	return Name{}, err
}

// Delete removes the preset of that very name.
func (s Shelf) Delete(ctx context.Context, n Name) error {
	e, err := s.Store.Get(ctx, Prefix+n.String())
	if errors.Is(err, kv.ErrNotFound) {
		return ErrNotFound.Detailf("there is no preset %q", n)
	}
	if err != nil {
		return err
	}
	return s.Store.Delete(ctx, e.Key, e.Revision)
}

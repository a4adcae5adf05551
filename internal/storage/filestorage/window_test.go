package filestorage

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestWindows lists more names than fit into a window.
func TestWindows(t *testing.T) {
	fo, err := openFolder(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer fo.dir.Close()
	fo.windows.names = 5
	var want []string
	for i := range 23 {
		want = append(want, touch(t, fo, fmt.Sprintf("%02d", i)))
	}
	for _, limit := range []int{1, 3, 5, 7, 100} {
		if got := list(t, fo, limit); !slices.Equal(got, want) {
			t.Errorf("by %d: %q", limit, got)
		}
	}
	// A listing that begins now sees what came after the last window was read.
	want = slices.Insert(want, 1, touch(t, fo, "00a"))
	if got := list(t, fo, 1); !slices.Equal(got, want) {
		t.Errorf("after an addition: %q", got)
	}
}

// TestLateWindowIsNotKept lets an old reading of the folder end after a newer
// one: what the newer listing has seen must not get lost.
func TestLateWindowIsNotKept(t *testing.T) {
	fo, err := openFolder(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer fo.dir.Close()
	touch(t, fo, "a")
	late, err := fo.read(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	touch(t, fo, "b")
	if names, more, err := fo.pageOf(t.Context(), "", 1); len(names) != 1 || !more || err != nil {
		t.Fatalf("the first page is %q, %v, %v", names, more, err)
	}
	fo.windows.keep(late)
	if names, _, err := fo.pageOf(t.Context(), "a", 1); !slices.Equal(names, []string{"b"}) || err != nil {
		t.Errorf("the second page is %q, %v", names, err)
	}
	touch(t, fo, "c")
	touch(t, fo, "Not Ours")
	if got := list(t, fo, 1); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("a new listing is %q", got)
	}
}

func touch(t *testing.T, fo *folder, name string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(fo.path, name), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func list(t *testing.T, fo *folder, limit int) []string {
	t.Helper()
	var all []string
	for cursor, more := "", true; more; cursor = all[len(all)-1] {
		var names []string
		var err error
		if names, more, err = fo.pageOf(t.Context(), cursor, limit); err != nil || len(names) == 0 || len(names) > limit {
			t.Fatalf("behind %q: %q, %v", cursor, names, err)
		}
		all = append(all, names...)
	}
	return all
}

// Package arch holds the import rules of the project, as a test.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers are the packages from the bottom up, by the start of their path
// below internal/. A package may import what stands on a line above its own,
// and what lies inside its own folder; never sideways, never upwards.
var layers = [][]string{
	{"fault"},
	{"pipeline", "hook"},
	{"kv", "storage", "taskdb", "lab"},
	{"problem", "dirlock", "imagehead", "preset", "kv/kvview", "kv/kvlock", "outbound"},
	{"sqlitedb", "auth"},
	{"config", "httpx", "telemetry", "discovery", "engine", "backup", "auth/mesh"},
	{"hook/"},
	{"kv/", "storage/", "taskdb/", "lab/"},
	{"frontend", "master", "sweeper", "worker", "webhook"},
	{"app"},
	{"trials", "workercheck", "batch"},
}

// fences are what only some may import, and why.
var fences = []struct {
	path, why string
	only      []string
}{
	{"minilab/internal/vips", "cgo stays in minilab-engine, so that minilab is static", []string{"cmd/minilab-engine", "internal/develop", "internal/darkroom"}},
	{"minilab/internal/coeff", "cgo stays in minilab-engine, so that minilab is static", []string{"cmd/minilab-engine", "internal/develop"}},
	{"minilab/internal/darkroom", "cgo stays in minilab-engine, so that minilab is static", []string{"internal/develop"}},
	{"minilab/internal/develop", "cgo stays in minilab-engine, so that minilab is static", []string{"cmd/minilab-engine", "docs/gen"}},
	{"minilab/internal/walls", "only the process that touches pixels walls itself in", []string{"cmd/minilab-engine"}},
	{"modernc.org/sqlite", "one place knows how SQLite is made durable", []string{"internal/sqlitedb"}},
	{"minilab/internal/kv/sqlitekv", "only app names engines", []string{"internal/app"}},
	{"minilab/internal/storage/filestorage", "only app names engines", []string{"internal/app"}},
	{"minilab/internal/taskdb/sqltaskdb/sqlite", "only app names engines", []string{"internal/app"}},
	{"github.com/spf13/cobra", "commands live in cmd", []string{"cmd/minilab"}},
	{"github.com/knadh/koanf", "one loader", []string{"internal/config"}},
	{"C", "cgo stays in minilab-engine", []string{"internal/vips", "internal/coeff", "cmd/minilab-engine", "internal/develop"}},
}

const root = "../.."

func TestImportsGoDown(t *testing.T) {
	for _, f := range sources(t) {
		from := layer(f.pkg)
		if from < 0 {
			continue
		}
		for _, imp := range f.imports {
			target, ours := strings.CutPrefix(imp, "minilab/internal/")
			to := layer("internal/" + target)
			if !ours || inside(f.pkg, "internal/"+target) || inside("internal/"+target, f.pkg) {
				continue
			}
			if to < 0 {
				t.Errorf("%s imports %s, which has no layer", f.path, imp)
			} else if to >= from {
				t.Errorf("%s imports %s, which is not below it", f.path, imp)
			}
		}
	}
}

func TestEveryPackageHasALayerOrAFence(t *testing.T) {
	free := []string{"internal/arch", "internal/config/gen", "internal/frontend/gen"}
	for _, f := range sources(t) {
		fenced := slices.ContainsFunc(fences, func(fe struct {
			path, why string
			only      []string
		}) bool {
			return strings.HasPrefix("minilab/"+f.pkg, fe.path)
		})
		if strings.HasPrefix(f.pkg, "internal/") && layer(f.pkg) < 0 && !fenced && !slices.Contains(free, f.pkg) {
			t.Errorf("%s has no layer", f.pkg)
		}
	}
}

func TestFences(t *testing.T) {
	for _, fence := range fences {
		used := false
		for _, f := range sources(t) {
			for _, imp := range f.imports {
				if imp != fence.path && !strings.HasPrefix(imp, fence.path+"/") {
					continue
				}
				used = true
				if !slices.ContainsFunc(fence.only, func(o string) bool { return inside(f.pkg, o) }) && !inside("minilab/"+f.pkg, fence.path) {
					t.Errorf("%s imports %s: %s", f.path, imp, fence.why)
				}
			}
		}
		if !used {
			t.Errorf("nobody imports %s: the fence stands for nothing", fence.path)
		}
	}
}

// TestClientStandsAlone: users import it, who cannot import what is internal,
// and take in whatever it stands on.
func TestClientStandsAlone(t *testing.T) {
	seen := false
	for _, f := range sources(t) {
		if !inside(f.pkg, "client") {
			continue
		}
		seen = true
		for _, imp := range f.imports {
			if strings.HasPrefix(imp, "minilab/") || strings.Contains(imp, ".") {
				t.Errorf("%s imports %s, but client stands on the standard library alone", f.path, imp)
			}
		}
	}
	if !seen {
		t.Error("there is no client: the fence stands for nothing")
	}
}

// layer is the line that the package's longest prefix stands on, or -1.
func layer(pkg string) int {
	pkg = strings.TrimPrefix(pkg, "internal/")
	best, at := -1, -1
	for i, names := range layers {
		for _, n := range names {
			below := strings.HasSuffix(n, "/") && strings.HasPrefix(pkg, n)
			if (pkg == n || below || strings.HasPrefix(pkg, n+"/")) && len(n) > best {
				best, at = len(n), i
			}
		}
	}
	return at
}

// inside says whether a is the folder b or lies in it.
func inside(a, b string) bool { return a == b || strings.HasPrefix(a, b+"/") }

type source struct {
	path, pkg string
	imports   []string
}

// sources are all Go files but those of tests, which may reach across: files
// named so, and packages named so, the suites and what opens parts for tests.
func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	for _, dir := range []string{"client", "cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") || strings.Contains(filepath.ToSlash(filepath.Dir(path))+"/", "test/") {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			s := source{path: rel, pkg: filepath.ToSlash(filepath.Dir(rel))}
			for _, imp := range f.Imports {
				name, err := strconv.Unquote(imp.Path.Value)
				if err != nil {
					return err
				}
				s.imports = append(s.imports, name)
			}
			list = append(list, s)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return list
}

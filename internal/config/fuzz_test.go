package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// FuzzLoad: whatever a file and the environment say, the settings that are
// taken keep their limits, and what `minilab config` prints of them is a file
// that says the same.
func FuzzLoad(f *testing.F) {
	f.Add("lease: 7s\nmax-bytes: 1MiB\nlisten: kv=:1,storage=:2\n", "workers", "3")
	f.Add("kv: http://a:1,http://[::1]:2\nadvertise: frontend=https://h/\n", "min-free", "1.5 GB")
	f.Add("data: \"a: b # c\"\nengine: '~'\n", "sweep-every", "0")
	f.Add("a:\n  b: 1\n- x", "keep", "1000000h")
	f.Add("data: \"\\u0085\\n\\t\"", "engine", "null")
	f.Add("workers: 0x10\nengine-unsafe: yes", "data", "1e3")
	f.Add("engine: !!binary /w==", "data", "photos-\xe4")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, yaml, name, value string) {
		if len(yaml)+len(name)+len(value) > 4<<10 {
			return // levels of keys, of which no setting has any, take memory by the square of their number
		}
		environ := []string{EnvPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "=" + value}
		given := fileOf(t, dir, "given.yaml", yaml)
		c, err := Load(given, environ)
		if err != nil {
			return
		}
		if c.Workers < 0 || c.MaxBytes < 1 || c.MaxPixels < 1 || c.MinFree < 0 || c.Lease <= 0 || c.Keep < 0 || c.SweepGrace < c.Lease || c.Data == "" {
			t.Errorf("limits do not hold: %+v", c)
		}
		printed, err := Print(given, environ)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Load(fileOf(t, dir, "printed.yaml", printed), nil)
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%+v is printed as\n%s\nwhich is %+v, %v", c, printed, again, err)
		}
		if named, err := addresses(c.Listen.String()); err != nil || !reflect.DeepEqual(named, c.Listen) {
			t.Errorf("%v reads back as %v, %v", c.Listen, named, err)
		}
	})
}

// fileOf is a command line that names a file with that text.
func fileOf(t *testing.T, dir, name, text string) *pflag.FlagSet {
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	AddFlags(fs)
	if err := fs.Parse([]string{"--config", path}); err != nil {
		t.Fatal(err)
	}
	return fs
}

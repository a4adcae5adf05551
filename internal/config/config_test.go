package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"minilab/internal/config"
)

func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return fs
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "minilab.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	c, err := config.Load(flags(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.MaxBytes != 100<<20 || c.MaxPixels != 100_000_000 || c.MinFree != 1<<30 || c.Lease != 30*time.Second ||
		c.Data != "./minilab-data" || c.KVEngine != "sqlite" || c.StorageEngine != "file" || c.TaskdbEngine != "sqlite" || c.LogFormat != "text" {
		t.Errorf("defaults are %+v", c)
	}
}

func TestFlagOverEnvironmentOverFileOverDefault(t *testing.T) {
	path := file(t, "max-bytes: 1MiB\nmin-free: 2MiB\nlease: 3s\n")
	env := []string{"MINILAB_MIN_FREE=4MiB", "MINILAB_LEASE=5s", "MINILAB_CONFIG=" + path, "PATH=/bin"}
	c, err := config.Load(flags(t, "--lease", "7s"), env)
	if err != nil {
		t.Fatal(err)
	}
	if c.MaxBytes != 1<<20 || c.MinFree != 4<<20 || c.Lease != 7*time.Second || c.MaxPixels != 100_000_000 {
		t.Errorf("max-bytes %d, min-free %d, lease %v", c.MaxBytes, c.MinFree, c.Lease)
	}
}

func TestLimitsOfOneImage(t *testing.T) {
	c, err := config.Load(flags(t, "--max-frames=100", "--max-pages=7"), nil)
	if err != nil || c.MaxFrames != 100 || c.MaxPages != 7 || c.MaxOutputs != 16 || c.ImageTime != 2*time.Minute || c.ImageMemory != 2<<30 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{
		"--max-frames=0", "--max-frames=10001", "--max-pages=0", "--max-pages=10001", "--max-outputs=0", "--max-outputs=17",
		"--image-time=999ms", "--image-time=10m", "--image-memory=1MiB",
	} {
		if _, err := config.Load(flags(t, bad), nil); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestNetworksThatAreAllowed(t *testing.T) {
	c, err := config.Load(flags(t, "--allow-networks=10.0.0.0/8,127.0.0.1,fd12::/16,::1,0.0.0.0/0,"), nil)
	want := []string{"10.0.0.0/8", "127.0.0.1/32", "fd12::/16", "::1/128", "0.0.0.0/0"}
	if err != nil || len(c.AllowNetworks) != len(want) {
		t.Fatalf("%v, %v", c.AllowNetworks, err)
	}
	for i, p := range c.AllowNetworks {
		if p.String() != want[i] {
			t.Errorf("%v, want %s", p, want[i])
		}
	}
	for _, bad := range []string{"10.0.0.1/8", "10.0.0.0/33", "10.0.0", "localhost", "fe80::1%eth0", "::ffff:10.0.0.0/104", "::ffff:10.0.0.1", "10.0.0.0/8 ", "10.0.0.0/8;127.0.0.1", "*"} {
		if c, err := config.Load(flags(t, "--allow-networks="+bad), nil); err == nil {
			t.Errorf("%s is accepted as %v", bad, c.AllowNetworks)
		}
	}
}

func TestAllFaultsAreToldTogether(t *testing.T) {
	path := file(t, "max-bites: 1\nworkers: many\n")
	_, err := config.Load(flags(t, "--config", path, "--lease", "0s", "--listen", "cellar=:1"), []string{"MINILAB_COLOUR=red", "MINILAB_LOG_FORMAT=xml"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"max-bites is not a setting", "colour is not a setting", `workers is a number from 0 to 1024, got "many"`,
		"lease is a duration", `names the service "cellar"`, `log-format is text or json, got "xml"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}

func TestUnreadableFileIsOneClearSentence(t *testing.T) {
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "absent"): "config file cannot be read: open ",
		t.TempDir():                          "config file cannot be read: read ",
		file(t, "a: [1"):                     "is not valid YAML",
	} {
		_, err := config.Load(flags(t, "--config", path), nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(strings.TrimSpace(err.Error()), "\n\n") {
			t.Errorf("config %s: %v, want %q", path, err, want)
		}
	}
}

func TestTheGraceIsAtLeastTheLease(t *testing.T) {
	for args, good := range map[string]bool{
		"--sweep-grace=2s --lease=2s": true, "--sweep-grace=2s --lease=3s": false, "--sweep-grace=2s": false,
		"--sweep-grace=1s --lease=1s": false, "--sweep-every=0": true, "--keep=720h": true, "--keep=-1s": false,
	} {
		if _, err := config.Load(flags(t, strings.Fields(args)...), nil); (err == nil) != good {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestSecretFile(t *testing.T) {
	for want, c := range map[string]struct {
		args, env []string
	}{
		"":    {nil, nil},
		"/a":  {[]string{"--secret-file", "/a"}, []string{"MINILAB_SECRET_FILE=/b"}},
		"./b": {nil, []string{"MINILAB_SECRET_FILE=./b"}},
	} {
		if got, err := config.Load(flags(t, c.args...), c.env); err != nil || got.SecretFile != want {
			t.Errorf("%v %v: %q, %v", c.args, c.env, got.SecretFile, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	c, err := config.Load(flags(t, "--listen", "kv=:1,storage=:2", "--advertise", "http://h:3/", "--kv", "http://a:1,http://b:2"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen.For("kv", false) != ":1" || c.Listen.For("storage", true) != ":2" || c.Listen.For("master", true) != "" {
		t.Errorf("listen is %v", c.Listen)
	}
	if c.Advertise.For("kv", true) != "http://h:3" || c.Advertise.For("kv", false) != "" || len(c.KV) != 2 {
		t.Errorf("advertise is %v, kv %v", c.Advertise, c.KV)
	}
	for _, bad := range []string{"--listen=kv=:1,kv=:2", "--listen=kv=", "--advertise=h:3", "--kv=ftp://h", "--kv=http://h/path"} {
		if _, err := config.Load(flags(t, bad), nil); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestPrintCanBeReadBackAndMasksSecrets(t *testing.T) {
	text, err := config.Print(flags(t, "--listen", "kv=:1", "--workers", "3"), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(flags(t, "--config", file(t, text)), nil)
	if err != nil || c.Workers != 3 || c.Listen["kv"] != ":1" {
		t.Errorf("%s\nreads as %+v, %v", text, c, err)
	}
	_, err = config.Load(flags(t, "--taskdb-engine", "postgres://u:geheim@h/db"), nil)
	if err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("a secret is shown: %v", err)
	}
}

func TestWhereTracesGo(t *testing.T) {
	c, err := config.Load(flags(t), []string{"MINILAB_OTLP_ENDPOINT=http://127.0.0.1:4318/"})
	if err != nil || c.OTLPEndpoint != "http://127.0.0.1:4318" {
		t.Errorf("%q, %v", c.OTLPEndpoint, err)
	}
	for _, bad := range []string{"127.0.0.1:4318", "grpc://h", "http://u:p@h", "http://h/v1/traces"} {
		if _, err := config.Load(flags(t, "--otlp-endpoint", bad), nil); err == nil || !strings.Contains(err.Error(), "otlp-endpoint is a URL") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestVariablesOfCallersAreNoFaults: they may be set for all of a shell.
func TestVariablesOfCallersAreNoFaults(t *testing.T) {
	if _, err := config.Load(flags(t), []string{"MINILAB_SERVER=http://x", "MINILAB_KEY=k", "MINILAB_TOKEN=t"}); err != nil {
		t.Error(err)
	}
	if _, err := config.Load(flags(t), []string{"MINILAB_KEYS=k"}); err == nil {
		t.Error("an unknown variable is taken")
	}
}

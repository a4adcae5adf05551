// Package config is how minilab is told what to do: by flags, MINILAB_…
// variables and a YAML file, which all know the same settings under the same
// names. A flag wins over the environment, the environment over the file, the
// file over the default. Unknown settings are errors, and all that is wrong is
// said at once.
package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Config is every setting with its effective value.
type Config struct {
	Listen         Addresses // of the services that this process runs
	Advertise      Addresses // base URLs under which others reach them
	KV             []string  // base URLs of key-value stores
	Data           string    // folder of the embedded engines
	SecretFile     string    // of the lab's secret; empty: it has none
	Workers        int       // images altered at once; 0: one per core
	Lease          time.Duration
	Engine         string // path of minilab-engine; empty: beside this executable
	EngineUnsafe   bool   // run engines on a kernel that cannot wall them in
	KVEngine       string
	StorageEngine  string
	TaskdbEngine   string
	AllowNetworks  []netip.Prefix // that may be asked for images and told by webhooks though they are not public
	ExposeServices bool           // `up` serves every service on TCP, not the frontend only
	MaxBytes       int64          // of one image
	MaxPixels      int64          // of one image
	MaxFrames      int            // of one animation
	MaxPages       int            // of one document
	MaxOutputs     int            // of one image
	ImageTime      time.Duration  // that altering one image may take
	ImageMemory    int64          // bytes that altering one image may take
	PresetsOnly    bool           // the frontend takes no pipelines and outputs but those of presets
	MinFree        int64          // bytes of disk that stay free
	Keep           time.Duration  // of tasks that have ended; 0: for ever
	UploadKeep     time.Duration  // of uploads by pieces without progress
	SweepEvery     time.Duration  // 0: never
	SweepGrace     time.Duration
	LogFormat      string
	OTLPEndpoint   string // base URL of where traces go; empty: as OpenTelemetry's variables say
}

// fits says what is wrong with settings that are right one by one.
func (c Config) fits() error {
	if c.SweepGrace < c.Lease {
		return fmt.Errorf("sweep-grace is at least the lease, %v, got %v", c.Lease, c.SweepGrace)
	}
	return nil
}

// Addresses name one address for each service. An address without a service's
// name is kept under the empty name.
type Addresses map[string]string

// For is the address for a service; the unnamed one counts when alone says
// that the service is the only one that can be meant.
func (a Addresses) For(service string, alone bool) string {
	if addr, ok := a[service]; ok {
		return addr
	}
	if alone {
		return a[""]
	}
	return ""
}

func (a Addresses) String() string {
	parts := make([]string, 0, len(a))
	for _, s := range append([]string{""}, Services...) {
		if addr, ok := a[s]; ok {
			parts = append(parts, strings.TrimPrefix(s+"="+addr, "="))
		}
	}
	return strings.Join(parts, ",")
}

// Services are all of them, in the order in which they depend on each other.
var Services = []string{"kv", "storage", "taskdb", "master", "worker", "frontend"}

// DefaultListen is where the services listen when nothing else is said; the
// worker listens only where told to.
var DefaultListen = map[string]string{
	"kv":       "127.0.0.1:8081",
	"storage":  "127.0.0.1:8082",
	"taskdb":   "127.0.0.1:8083",
	"master":   "127.0.0.1:8084",
	"frontend": "127.0.0.1:8080",
}

// plainEngine is the name of an engine that has no secrets.
var plainEngine = regexp.MustCompile(`^[a-z0-9]*$`)

// mask hides the secrets of an engine's DSN: the password and whatever
// parameter may be one. Of what it cannot read it shows nothing.
func mask(dsn string) string {
	if plainEngine.MatchString(dsn) {
		return dsn
	}
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" || u.Opaque != "" {
		return "xxxxx"
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), "xxxxx")
	}
	q := u.Query()
	for name := range q {
		if strings.Contains(name, "secret") || strings.Contains(name, "password") || strings.Contains(name, "key") {
			q.Set(name, "xxxxx")
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

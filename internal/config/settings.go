package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"minilab/internal/imagehead"
	"minilab/internal/lab"
	"minilab/internal/taskdb"
)

// setting declares one setting; flags, variables, the file, `minilab config`
// and docs/configuration.md come from it.
type setting struct {
	name   string
	value  string // default
	doc    string
	isBool bool
	secret bool // shown masked
	set    func(c *Config, text string) error
}

// What an image may have at all: an attempt at a task takes ten minutes at
// most, and the codecs need some memory for the smallest picture.
const (
	maxImageTime   = 9 * time.Minute
	minImageMemory = 16 << 20
)

var settings = []setting{
	{name: "listen", doc: "address to listen on: ADDR for one service, or for up's frontend; SERVICE=ADDR,… for several",
		set: func(c *Config, v string) (err error) { c.Listen, err = addresses(v); return }},
	{name: "advertise", doc: "base URL under which others reach a service, as for --listen; default: from the address",
		set: func(c *Config, v string) (err error) { c.Advertise, err = advertised(v); return }},
	{name: "kv", doc: "base URLs of the key-value store, separated by commas; needed where this process does not run it",
		set: func(c *Config, v string) (err error) { c.KV, err = urls(v); return }},
	{name: "data", value: "./minilab-data", doc: "folder of the embedded engines",
		set: func(c *Config, v string) error { c.Data = v; return notEmpty(v) }},
	{name: "secret-file", doc: "file with the lab's secret, the same for all processes; needed where a service other than the frontend listens beyond the loopback",
		set: func(c *Config, v string) error { c.SecretFile = v; return nil }},
	{name: "workers", value: "0", doc: "images that the worker alters at once; 0: one per core",
		set: func(c *Config, v string) (err error) { c.Workers, err = number(v, 0, 1024); return }},
	{name: "lease", value: "30s", doc: "how long a worker may be silent before its work is given to another",
		set: func(c *Config, v string) (err error) { c.Lease, err = duration(v, time.Second, time.Hour); return }},
	{name: "engine", doc: "path of minilab-engine; default: beside this executable",
		set: func(c *Config, v string) error { c.Engine = v; return nil }},
	{name: "engine-unsafe", value: "false", isBool: true, doc: "run image engines even where the kernel cannot wall them in",
		set: func(c *Config, v string) (err error) { c.EngineUnsafe, err = boolean(v); return }},
	{name: "kv-engine", value: "sqlite", secret: true, doc: "engine of the key-value store: sqlite",
		set: func(c *Config, v string) error { c.KVEngine = v; return oneOf(v, "sqlite") }},
	{name: "storage-engine", value: "file", secret: true, doc: "engine of the storage: file",
		set: func(c *Config, v string) error { c.StorageEngine = v; return oneOf(v, "file") }},
	{name: "taskdb-engine", value: "sqlite", secret: true, doc: "engine of the task database: sqlite",
		set: func(c *Config, v string) error { c.TaskdbEngine = v; return oneOf(v, "sqlite") }},
	{name: "expose-services", value: "false", isBool: true, doc: "up: serve every service on TCP, not the frontend only",
		set: func(c *Config, v string) (err error) { c.ExposeServices, err = boolean(v); return }},
	{name: "max-bytes", value: "100MiB", doc: "size of one image at most",
		set: func(c *Config, v string) (err error) { c.MaxBytes, err = size(v, 1); return }},
	{name: "max-pixels", value: "100000000", doc: "pixels of one image at most: width x height x frames",
		set: func(c *Config, v string) (err error) { c.MaxPixels, err = size(v, 1); return }},
	{name: "max-frames", value: "10000", doc: "frames of one animation at most",
		set: func(c *Config, v string) (err error) { c.MaxFrames, err = number(v, 1, imagehead.MaxFrames); return }},
	{name: "max-pages", value: "10000", doc: "pages of one document (TIFF) at most",
		set: func(c *Config, v string) (err error) { c.MaxPages, err = number(v, 1, imagehead.MaxFrames); return }},
	{name: "max-outputs", value: "16", doc: "results of one image at most",
		set: func(c *Config, v string) (err error) { c.MaxOutputs, err = number(v, 1, taskdb.MaxOutputs); return }},
	{name: "image-time", value: "2m", doc: "how long altering one image may take; an engine process that takes longer is killed",
		set: func(c *Config, v string) (err error) {
			c.ImageTime, err = duration(v, time.Second, maxImageTime)
			return
		}},
	{name: "image-memory", value: "2GiB", doc: "memory that altering one image may take, its results included; an engine process that takes more is killed",
		set: func(c *Config, v string) (err error) { c.ImageMemory, err = size(v, minImageMemory); return }},
	{name: "presets-only", value: "false", isBool: true, doc: "the frontend does only what presets say: a submission names one with preset=, and has no pipeline or outputs; the master stays open",
		set: func(c *Config, v string) (err error) { c.PresetsOnly, err = boolean(v); return }},
	{name: "allow-networks", doc: "networks, such as 10.1.0.0/16,127.0.0.1, that the lab may ask for images and call with webhooks although they are not on the public internet",
		set: func(c *Config, v string) (err error) { c.AllowNetworks, err = networks(v); return }},
	{name: "min-free", value: "1GiB", doc: "disk space that stays free; below it new images are refused",
		set: func(c *Config, v string) (err error) { c.MinFree, err = size(v, 0); return }},
	{name: "keep", value: "0s", doc: "how long a task and its images are kept after its end, such as 7d or 36h; 0: for ever. It holds for tasks made from then on that do not say it themselves",
		set: func(c *Config, v string) (err error) { c.Keep, err = keep(v); return }},
	{name: "upload-keep", value: "24h", doc: "how long the storage keeps an upload by pieces (tus) to which nothing comes, and of which no task was made",
		set: func(c *Config, v string) (err error) {
			c.UploadKeep, err = duration(v, time.Second, 1000*time.Hour)
			return
		}},
	{name: "sweep-every", value: "15m", doc: "how often a master looks for images that no task points to, and for tasks past their time; 0: never",
		set: func(c *Config, v string) (err error) { c.SweepEvery, err = duration(v, 0, 24*time.Hour); return }},
	{name: "sweep-grace", value: "6h", doc: "how old images without a task become before they are removed; the same for all masters, at least the lease",
		set: func(c *Config, v string) (err error) {
			c.SweepGrace, err = duration(v, 2*time.Second, 1000*time.Hour)
			return
		}},
	{name: "log-format", value: "text", doc: "log lines on standard error: text or json",
		set: func(c *Config, v string) error { c.LogFormat = v; return oneOf(v, "text", "json") }},
	{name: "otlp-endpoint", doc: "base URL that traces are sent to, by OTLP over HTTP, such as http://127.0.0.1:4318; default: as OTEL_EXPORTER_OTLP_ENDPOINT says, else there are none",
		set: func(c *Config, v string) (err error) { c.OTLPEndpoint, err = optional(v, baseURL); return }},
}

func notEmpty(v string) error {
	if v == "" {
		return fmt.Errorf("is empty")
	}
	return nil
}

func oneOf(v string, allowed ...string) error {
	if slices.Contains(allowed, v) {
		return nil
	}
	return fmt.Errorf("is %s, got %q", strings.Join(allowed, " or "), mask(v))
}

func boolean(v string) (bool, error) {
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, fmt.Errorf("is true or false, got %q", v)
	}
	return b, nil
}

func number(v string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("is a number from %d to %d, got %q", lo, hi, v)
	}
	return n, nil
}

func duration(v string, lo, hi time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil || d < lo || d > hi {
		return 0, fmt.Errorf("is a duration from %v to %v, got %q", lo, hi, v)
	}
	return d, nil
}

// keep is a duration in days too; 0 is for ever.
func keep(v string) (time.Duration, error) {
	if d, err := time.ParseDuration(v); err == nil && d == 0 {
		return 0, nil
	}
	d, err := lab.ParseKeep(v)
	if err != nil {
		return 0, fmt.Errorf("is 0 or a time such as 7d or 36h, got %q", v)
	}
	return d, nil
}

func size(v string, lo int64) (int64, error) {
	n, err := humanize.ParseBytes(v)
	if err != nil || n > 1<<50 || int64(n) < lo {
		return 0, fmt.Errorf("is a number of at least %d, perhaps with a unit such as M or MiB, got %q", lo, v)
	}
	return int64(n), nil
}

func urls(v string) ([]string, error) {
	var list []string
	for text := range strings.SplitSeq(v, ",") {
		if text == "" {
			continue
		}
		base, err := baseURL(text)
		if err != nil {
			return nil, err
		}
		list = append(list, base)
	}
	return list, nil
}

// optional is what read makes of a text, if there is one.
func optional(v string, read func(string) (string, error)) (string, error) {
	if v == "" {
		return "", nil
	}
	return read(v)
}

// networks reads networks and single addresses, separated by commas.
func networks(v string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for text := range strings.SplitSeq(v, ",") {
		if text == "" {
			continue
		}
		addr, err := netip.ParseAddr(text)
		p := netip.PrefixFrom(addr, addr.BitLen())
		if err != nil {
			p, err = netip.ParsePrefix(text)
		}
		switch {
		case err != nil || addr.Zone() != "" || p.Addr().Is4In6():
			return nil, fmt.Errorf("is a list of networks such as 10.1.0.0/16 and addresses such as 10.1.2.3, got %q", text)
		case p != p.Masked():
			return nil, fmt.Errorf("has the network %s, which is %s", text, p.Masked())
		}
		list = append(list, p)
	}
	return list, nil
}

// baseURL is the URL of a service, without a path.
func baseURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return "", fmt.Errorf("is a URL such as http://10.0.0.7:8081, without a user, path or query")
	}
	return u.Scheme + "://" + u.Host, nil
}

func advertised(v string) (Addresses, error) {
	named, err := addresses(v)
	for service, text := range named {
		base, fault := baseURL(text)
		if fault != nil {
			return nil, fault
		}
		named[service] = base
	}
	return named, err
}

// addresses reads "ADDR" or "SERVICE=ADDR,SERVICE=ADDR".
func addresses(v string) (Addresses, error) {
	named := Addresses{}
	for part := range strings.SplitSeq(v, ",") {
		if part == "" {
			continue
		}
		service, addr, found := strings.Cut(part, "=")
		if !found {
			service, addr = "", part
		} else if !slices.Contains(Services, service) {
			return nil, fmt.Errorf("names the service %q, expected one of %s", service, strings.Join(Services, ", "))
		}
		if _, twice := named[service]; twice || addr == "" {
			return nil, fmt.Errorf("is ADDR or SERVICE=ADDR,…, each once, got %q", v)
		}
		named[service] = addr
	}
	return named, nil
}

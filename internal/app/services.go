package app

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"minilab/internal/auth"
	"minilab/internal/discovery"
	"minilab/internal/engine"
	"minilab/internal/frontend"
	"minilab/internal/hook/hookhttp"
	"minilab/internal/httpx"
	"minilab/internal/kv/kvhttp"
	"minilab/internal/kv/sqlitekv"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
	"minilab/internal/master"
	"minilab/internal/preset"
	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/storage/storagehttp"
	"minilab/internal/storage/uploads"
	"minilab/internal/sweeper"
	"minilab/internal/taskdb/sqltaskdb"
	"minilab/internal/taskdb/sqltaskdb/sqlite"
	"minilab/internal/taskdb/taskdbhttp"
	"minilab/internal/worker"
)

// bodyIdle is how long the body of an upload to the storage may pause.
const bodyIdle = time.Minute

var errNoKV = errors.New("where is the key-value store? This process does not run it: give its URL with --kv")

func (a *app) startKV(ctx context.Context) error {
	base := httpx.NewTransport()
	resolve := func(service string) []string {
		if service == "kv" {
			return a.cfg.KV
		}
		return a.view.URLs(service)
	}
	a.view = discovery.NewView()
	a.transport = a.traces.Transport(a.member.Transport(discovery.NewBalancer(base, resolve)))
	a.later(func(context.Context) error { base.CloseIdleConnections(); return nil })

	if !a.runs("kv") {
		if len(a.cfg.KV) == 0 {
			return errNoKV
		}
		a.kv = kvhttp.NewClient(a.client("kv"))
		return nil
	}
	s, err := sqlitekv.Open(ctx, sqlitekv.Config{Path: filepath.Join(a.cfg.Data, "kv.db"), Log: a.Log, Commits: a.metrics.Commits("kv")})
	if err != nil {
		return err
	}
	a.later(func(context.Context) error { return s.Close() })
	a.kv = guarded(s)
	rt := a.router("kv")
	kvhttp.Route(rt, a.kv)
	a.serve(ctx, "kv", rt, a.check("kv"))
	return nil
}

// startDiscovery follows the registrations.
func (a *app) startDiscovery(ctx context.Context) error {
	a.background(ctx, func(ctx context.Context) { a.view.Follow(ctx, a.kv, a.Log) })
	a.meterInstances()
	return nil
}

func (a *app) startStorage(ctx context.Context) error {
	if !a.runs("storage") {
		a.storage = storagehttp.NewClient(a.client("storage"))
		a.uploads = uploads.NewRemote(a.client("storage"))
		return nil
	}
	s, err := filestorage.Open(a.cfg.Data, filestorage.Options{MinFree: a.cfg.MinFree}, a.Log)
	if err != nil {
		return err
	}
	a.later(func(context.Context) error { return s.Close() })
	a.storage, a.stores["storage"] = a.meterStorage(s), s.Identity()
	rt := a.router("storage")
	storagehttp.Route(rt, a.storage, storagehttp.Options{Idle: bodyIdle})
	if err := a.startUploads(ctx, s, rt); err != nil {
		return err
	}
	a.serve(ctx, "storage", rt, a.check("storage"))
	return nil
}

func (a *app) startTaskdb(ctx context.Context) error {
	if !a.runs("taskdb") {
		a.tasks = taskdbhttp.NewClient(a.client("taskdb"))
		return nil
	}
	s, err := sqlite.Open(ctx, a.cfg.Data, sqltaskdb.Options{Lease: a.cfg.Lease, Log: a.Log, Commits: a.metrics.Commits("taskdb")})
	if err != nil {
		return err
	}
	a.later(func(context.Context) error { return s.Close() })
	a.tasks = s
	if err := a.meterTaskdb(ctx, s); err != nil {
		return err
	}
	if a.stores["taskdb"], err = s.Identity(ctx); err != nil {
		return err
	}
	rt := a.router("taskdb")
	taskdbhttp.Route(rt, s)
	a.serve(ctx, "taskdb", rt, a.check("taskdb"))
	return nil
}

func (a *app) startMaster(ctx context.Context) error {
	if !a.runs("master") {
		a.lab, a.hooks = labhttp.NewClient(a.client("master")), hookhttp.NewDesk(a.client("master"))
		return nil
	}
	log := a.Log.With("service", "master")
	operations, presets := a.catalog(ctx), master.NewPresets(a.kv)
	a.background(ctx, func(ctx context.Context) { presets.Follow(ctx, log) })
	m := master.New(master.Config{
		DB: a.tasks, Storage: a.storage, Presets: presets, Operations: operations, StorageURL: a.storageURL, Log: log,
		Watermarks: a.kv, KVURL: a.kvURL,
		Keep: a.cfg.Keep, SubmitTime: sweeper.SubmitTime(a.cfg.SweepGrace),
		Limits: lab.Limits{MaxPixels: a.cfg.MaxPixels, MaxOutputs: a.cfg.MaxOutputs}, Version: a.Version,
		Stages: a.metrics.Stages(), Tracer: a.traces.Tracer("master"),
	})
	a.later(func(context.Context) error { m.Close(); return nil })
	a.lab, a.hooks = m, a.tasks
	rt := a.router("master")
	labhttp.Route(rt, m)
	hookhttp.RouteDesk(rt, a.hooks)
	a.serve(ctx, "master", rt, a.checks("storage", "taskdb")...)
	a.startSweeper(ctx)
	a.startWebhooks(ctx)
	return nil
}

// catalog is what is known of the operations that are declared in the
// key-value store: one for all services of this process.
func (a *app) catalog(ctx context.Context) *master.Catalog {
	if a.operations == nil {
		c := master.NewCatalog(a.kv)
		a.background(ctx, func(ctx context.Context) { c.Follow(ctx, a.Log) })
		a.operations = c
	}
	return a.operations
}

// startSweeper sweeps beside the master, unless it is told not to.
func (a *app) startSweeper(ctx context.Context) {
	if a.cfg.SweepEvery == 0 {
		return
	}
	s := sweeper.New(sweeper.Config{
		Tasks: a.tasks, Storage: a.storage, KV: a.kv, Every: a.cfg.SweepEvery, Grace: a.cfg.SweepGrace,
		Metrics: a.metrics.Registry, Log: a.Log.With("service", "master"),
	})
	a.background(ctx, s.Run)
}

// storageURL is what workers are told: the storage of this process if it is
// served, else any that is registered.
func (a *app) storageURL() string {
	if u := a.url("storage"); u != "" {
		return u
	}
	if urls := a.view.URLs("storage"); len(urls) > 0 {
		return urls[rand.IntN(len(urls))]
	}
	return ""
}

// kvURL is what workers of other makes are told.
func (a *app) kvURL() string {
	if u := a.url("kv"); u != "" {
		return u
	}
	if len(a.cfg.KV) > 0 {
		return a.cfg.KV[rand.IntN(len(a.cfg.KV))]
	}
	return ""
}

func (a *app) startFrontend(ctx context.Context) error {
	if !a.runs("frontend") {
		return nil
	}
	operations, keys := a.catalog(ctx), a.followKeys(ctx)
	rt := frontend.New(frontend.Config{
		Customers: a.lab, Board: a.lab, Hooks: a.hooks, Catalog: operations, Presets: preset.Shelf{Store: a.kv}, Workers: a.workers,
		Resolve: func(ctx context.Context, s lab.Submission) error {
			_, _, err := operations.Resolve(ctx, s)
			return err
		},
		Limits: frontend.Limits{
			MaxBytes: a.cfg.MaxBytes, MaxPixels: a.cfg.MaxPixels, MaxFrames: a.cfg.MaxFrames, MaxPages: a.cfg.MaxPages,
			MaxOutputs: a.cfg.MaxOutputs, PresetsOnly: a.cfg.PresetsOnly,
		},
		Keys:       keys,
		Ring:       auth.Ring{Store: a.kv},
		Links:      a.followLinks(ctx, keys),
		Hosts:      a.hosts("frontend"),
		Scraper:    a.scraper(),
		Uploads:    a.uploads,
		Sources:    a.sources(),
		Log:        a.Log.With("service", "frontend"),
		Middleware: a.middleware("frontend"),
	})
	needs := []string{"master"}
	if a.runs("master") { // what a master elsewhere needs is its own matter
		needs = append(needs, "storage", "taskdb")
	}
	return a.serveFrontend(ctx, rt, keys, a.checks(needs...))
}

// workers are those that are registered.
func (a *app) workers() []frontend.Worker {
	list := []frontend.Worker{}
	for _, i := range a.view.Instances("worker") {
		list = append(list, frontend.Worker{ID: i.ID, Version: i.Version})
	}
	return list
}

func (a *app) startWorker(ctx context.Context) error {
	if !a.runs("worker") {
		return nil
	}
	path, err := enginePath(a.cfg.Engine)
	if err != nil {
		return err
	}
	parallel := a.cfg.Workers
	if parallel == 0 {
		parallel = runtime.NumCPU()
	}
	limits := engine.DefaultLimits()
	limits.MaxPixels, limits.MaxFrames, limits.MaxPages = a.cfg.MaxPixels, a.cfg.MaxFrames, a.cfg.MaxPages
	limits.Timeout, limits.Memory = a.cfg.ImageTime, a.cfg.ImageMemory
	log := a.Log.With("service", "worker")
	pool, err := engine.New(engine.Config{Path: path, Processes: parallel, Limits: limits, Unsafe: a.cfg.EngineUnsafe, Metrics: a.metrics.Registry}, log)
	if err != nil {
		return err
	}
	a.later(func(context.Context) error { pool.Close(); return nil })
	w := worker.New(worker.Config{
		Name: workerName(), Lab: a.lab, Storage: a.storage, KV: a.kv, Engine: pool, Parallel: parallel, Log: log,
		Metrics: a.metrics.Registry, Stages: a.metrics.Stages(), Tracer: a.traces.Tracer("worker"),
	})
	a.serve(ctx, "worker", a.router("worker"), a.checks("master", "storage")...)
	a.background(ctx, w.Run)
	return nil
}

// enginePath is the engine's executable: the one told, or the one beside this
// executable.
func enginePath(told string) (string, error) {
	if told == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("where is this executable? Give the engine's path with --engine: %w", err)
		}
		told = filepath.Join(filepath.Dir(self), "minilab-engine")
	}
	if info, err := os.Stat(told); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("%s is no executable: build it with `make build`, or give the path of minilab-engine with --engine", told)
	}
	return filepath.Abs(told) // engines are started in a folder of their own
}

func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}

// client calls a service of another process.
func (a *app) client(service string) *httpx.Client {
	return httpx.NewClient("http://"+service, a.transport)
}

// checks are readiness checks of services that are needed.
func (a *app) checks(services ...string) []httpx.Check {
	list := make([]httpx.Check, len(services))
	for i, s := range services {
		list[i] = a.check(s)
	}
	return list
}

// check is a readiness check of a service that is needed: its engine if it
// runs here, else that one of its instances is ready.
func (a *app) check(service string) httpx.Check {
	do := map[string]func(context.Context) error{
		"kv": func(ctx context.Context) error { _, err := a.kv.List(ctx, "services/", "", 1); return err },
		"storage": func(ctx context.Context) error {
			_, err := a.storage.Stat(ctx, storage.InProgress, "readyz")
			if errors.Is(err, storage.ErrNotFound) {
				err = nil
			}
			return err
		},
		"taskdb": func(ctx context.Context) error { _, err := a.tasks.Stats(ctx); return err },
		"master": func(context.Context) error { return nil },
	}[service]
	if !a.runs(service) {
		do = func(ctx context.Context) error {
			_, err := a.client(service).JSON(ctx, http.MethodGet, "/readyz", nil, nil, nil)
			return err
		}
	}
	return httpx.Check{Name: service, Do: do}
}

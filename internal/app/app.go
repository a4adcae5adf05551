// Package app puts minilab together: it is the only one that names engines.
//
// One rule makes every topology: a service that this process runs is its
// engine, called directly and served; any other is a client of its URL, found
// through the key-value store.
//
//	kv ── discovery ── storage ── taskdb ── master ── frontend
//	                      └──────────────────┴────── worker ── engine processes
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"minilab/internal/auth/mesh"
	"minilab/internal/config"
	"minilab/internal/discovery"
	"minilab/internal/hook"
	"minilab/internal/httpx"
	"minilab/internal/kv"
	"minilab/internal/lab"
	"minilab/internal/master"
	"minilab/internal/storage"
	"minilab/internal/storage/uploads"
	"minilab/internal/taskdb"
	"minilab/internal/telemetry"
)

// drainTime is how long requests under way may go on after a signal to stop.
const drainTime = 20 * time.Second

// Options say what a process runs, beside its configuration.
type Options struct {
	Services []string // some of config.Services
	Quiet    bool     // only the frontend listens, unless the configuration exposes all
	Version  string
	Out      io.Writer // told each URL, one a line, once everything runs
	Log      *slog.Logger
}

// Run starts the services, runs until ctx ends and stops them. An error is a
// sentence for the person who started it.
func Run(ctx context.Context, cfg config.Config, opt Options) error {
	a := &app{Options: opt, cfg: cfg, metrics: telemetry.NewMetrics(opt.Version)}
	a.connections, a.listeners, a.stores = httpx.NewConnections(), map[string]net.Listener{}, map[string]string{}
	a.routers = map[string]*httpx.Router{}
	defer a.close(ctx)
	if err := a.start(ctx); err != nil {
		return err
	}
	a.announce()
	<-ctx.Done()
	a.Log.Info("stopping")
	return nil
}

type app struct {
	Options
	cfg     config.Config
	metrics *telemetry.Metrics
	traces  *telemetry.Traces // nil: none

	connections *httpx.Connections
	listeners   map[string]net.Listener  // by service
	routers     map[string]*httpx.Router // of the services that only services call
	door        *door                    // the frontend's listener

	member    *mesh.Member
	view      *discovery.View
	transport http.RoundTripper // to other services
	kv        kv.Store
	storage   storage.Store
	uploads   uploads.Uploads
	tasks     taskdb.Store
	lab       lab.Lab
	hooks     hook.Desk

	operations *master.Catalog   // those that are declared; see catalog
	stores     map[string]string // identities of what keeps data here, by service

	closers []func(context.Context) error // last in, first out
}

// start wires everything in the order of dependency.
func (a *app) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		a.startTraces, a.join, a.listen, a.whole, a.startKV, a.startDiscovery, a.startStorage, a.startTaskdb, a.startMaster, a.startFrontend, a.startWorker,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// whole refuses a data folder that has been restored in part.
func (a *app) whole(context.Context) error {
	if slices.ContainsFunc(lockedServices, a.runs) {
		return restored(a.cfg.Data)
	}
	return nil
}

// runs says whether the service is one of this process.
func (a *app) runs(service string) bool { return slices.Contains(a.Services, service) }

// later adds something to do when the process stops.
func (a *app) later(f func(context.Context) error) { a.closers = append(a.closers, f) }

func (a *app) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	for _, f := range slices.Backward(a.closers) {
		if err := f(ctx); err != nil {
			a.Log.Warn("stopping was not clean", "error", err)
		}
	}
}

// listen opens the listeners before anything else, so that a port that is
// taken is said before any data is touched.
func (a *app) listen(ctx context.Context) error {
	var faults []error
	for service := range a.cfg.Listen {
		if service != "" && !a.runs(service) {
			faults = append(faults, fmt.Errorf("listen: this process does not run %s", service))
		}
	}
	for _, service := range a.Services {
		addr := a.address(service)
		if addr == "" {
			continue
		}
		l, err := a.open(ctx, service, addr)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s cannot listen on %s: %w", service, addr, reason(err)))
			continue
		}
		faults = append(faults, a.guardable(service, l.Addr()))
		a.listeners[service] = a.connections.Listener(l)
		a.later(func(context.Context) error { return ignoreClosed(l.Close()) })
	}
	return errors.Join(faults...)
}

// reason takes the address out of a network error that names it again.
func reason(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// address is where the service listens, or empty where it does not.
func (a *app) address(service string) string {
	quiet := a.Quiet && !a.cfg.ExposeServices && service != "frontend"
	alone := len(a.Services) == 1 || a.Quiet && service == "frontend"
	if addr := a.cfg.Listen.For(service, alone); addr != "" {
		return addr
	}
	if quiet {
		return ""
	}
	return config.DefaultListen[service]
}

// url is the base URL under which others reach a service that listens here.
func (a *app) url(service string) string {
	l, ok := a.listeners[service]
	if !ok {
		return ""
	}
	if base := a.cfg.Advertise.For(service, len(a.Services) == 1); base != "" {
		return base
	}
	return "http://" + reachable(l.Addr())
}

// middleware is around every request of a service.
func (a *app) middleware(service string) []func(http.Handler) http.Handler {
	return []func(http.Handler) http.Handler{httpx.WithRequestID, a.metrics.HTTP(service), a.traces.HTTP(service)}
}

// router makes an empty router for a service.
func (a *app) router(service string) *httpx.Router {
	rt := httpx.NewRouter(a.Log.With("service", service), a.middleware(service)...)
	rt.Guard(a.guard(service))
	a.routers[service] = rt
	return rt
}

// serve serves and registers a service of this process. Without a listener it
// only registers, if it is one that others count.
func (a *app) serve(ctx context.Context, service string, rt *httpx.Router, checks ...httpx.Check) {
	l, ok := a.listeners[service]
	if ok {
		httpx.Probes(rt, append(checks, a.accepted()...), a.metrics.Handler())
		s := httpx.Serve(ctx, l, rt, a.Log.With("service", service))
		a.later(s.Shutdown)
	}
	if ok && !a.hidden(service) || service == "worker" {
		a.register(ctx, service)
	}
}

func (a *app) register(ctx context.Context, service string) {
	i := discovery.Instance{Service: service, ID: uuid.NewString(), URL: a.url(service), Version: a.Version, Store: a.stores[service]}
	a.background(ctx, func(ctx context.Context) { discovery.Register(ctx, a.kv, i, a.Log) })
}

// background runs f until the process stops.
func (a *app) background(ctx context.Context, f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	a.later(func(context.Context) error {
		cancel()
		<-done
		return nil
	})
}

func (a *app) announce() {
	var urls []string
	for _, service := range a.Services {
		if u := a.url(service); u != "" {
			urls = append(urls, service+" "+u+a.because(service))
		}
	}
	if a.Quiet && len(urls) == 1 {
		fmt.Fprintf(a.Out, "minilab is ready: %s\n", a.url("frontend")+a.because("frontend"))
		return
	}
	fmt.Fprintln(a.Out, strings.Join(append(urls, "ready"), "\n"))
}

package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"minilab/internal/auth"
	"minilab/internal/config"
	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/kv"
	"minilab/internal/kv/sqlitekv"
)

// noKeys is why a frontend listens on this machine only.
const noKeys = " (for this machine only: the lab has no API key yet, `minilab keys create` makes one)"

// widenPause is the pause after a listener could not be opened.
const widenPause = time.Second

// open opens the listener of a service.
func (a *app) open(ctx context.Context, service, addr string) (l net.Listener, err error) {
	if service != "frontend" {
		return listenTCP(ctx, addr)
	}
	a.door, err = openDoor(ctx, addr)
	return a.door, err
}

// hidden says that nobody but this machine may call a service yet.
func (a *app) hidden(service string) bool { return service == "frontend" && a.door.narrow() }

// because is why a service is hidden.
func (a *app) because(service string) string {
	if a.hidden(service) {
		return noKeys
	}
	return ""
}

// followKeys has the frontend learn the API keys.
func (a *app) followKeys(ctx context.Context) *auth.Keys {
	keys := auth.NewKeys(a.kv)
	a.background(ctx, func(ctx context.Context) { keys.Follow(ctx, a.Log.With("service", "frontend")) })
	return keys
}

// followLinks has the frontend learn what links are signed with.
func (a *app) followLinks(ctx context.Context, keys *auth.Keys) *auth.Links {
	links := auth.NewLinks(a.kv, keys)
	a.background(ctx, func(ctx context.Context) { links.Follow(ctx, a.Log.With("service", "frontend")) })
	return links
}

// scraper judges the tokens of whoever reads the metrics of all services.
func (a *app) scraper() func(http.ResponseWriter, *http.Request) error {
	if !a.member.Secured() {
		return nil
	}
	return a.member.Guard("frontend")
}

// learned is the readiness check of who has to know the keys.
func learned(keys *auth.Keys) httpx.Check {
	return httpx.Check{Name: "keys", Do: func(context.Context) error {
		select {
		case <-keys.Synced():
			return nil
		default:
			return fault.ErrUnavailable
		}
	}}
}

// serveFrontend serves the frontend where it is to listen, if there are keys;
// else on this machine until there is one.
func (a *app) serveFrontend(ctx context.Context, rt *httpx.Router, keys *auth.Keys, checks []httpx.Check) error {
	door := a.door
	if needed, err := keys.Needed(ctx); door.narrow() && needed && err == nil {
		if err := door.widen(ctx); err != nil {
			return fmt.Errorf("frontend cannot listen on %s: %w", door.wide, reason(err))
		}
	}
	a.serve(ctx, "frontend", rt, append(checks, learned(keys))...)
	if door.narrow() {
		a.Log.WarnContext(ctx, "the frontend listens on this machine only, since the lab has no API key", "address", door.Addr().String(), "asked_for", door.wide)
		a.background(ctx, func(ctx context.Context) { a.awaitKey(ctx, keys) })
	}
	return nil
}

// awaitKey lets the network in as soon as there is a key.
func (a *app) awaitKey(ctx context.Context, keys *auth.Keys) {
	select {
	case <-keys.Exist():
	case <-ctx.Done():
		return
	}
	again := time.NewTicker(widenPause)
	defer again.Stop()
	for failing := false; ; failing = true {
		err := a.door.widen(ctx)
		if err == nil {
			break
		}
		if !failing {
			a.Log.WarnContext(ctx, "the frontend cannot listen where it is to, trying on", "address", a.door.wide, "error", err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
	a.Log.InfoContext(ctx, "there is an API key: the frontend listens where it is to", "address", a.door.Addr().String())
	a.register(ctx, "frontend")
}

// door is a listener that is on the loopback at first, and later on the address
// that it was asked for, at the same port. Whoever accepts connections does not
// notice, and those that are open stay so.
type door struct {
	wide string // the address that was asked for

	mu     sync.Mutex
	l      net.Listener
	shut   bool // on the loopback only
	closed bool
}

// openDoor opens a listener; where others than this machine could reach it the
// door is narrow.
func openDoor(ctx context.Context, addr string) (*door, error) {
	l, err := listenTCP(ctx, addr)
	if err != nil {
		return nil, err
	}
	d := &door{wide: addr, l: l}
	if onLoopback(l.Addr()) {
		return d, nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err == nil {
		port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
		d.wide, d.shut = net.JoinHostPort(host, port), true
		err = l.Close() // it could be opened, and will be
		if err == nil {
			d.l, err = listenTCP(ctx, net.JoinHostPort("127.0.0.1", port))
		}
	}
	return d, err
}

func listenTCP(ctx context.Context, addr string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
}

func (d *door) narrow() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shut
}

// widen lets the network in. After an error the door is as it was.
func (d *door) widen(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.shut || d.closed {
		return nil
	}
	narrow := d.l.Addr().String()
	if err := d.l.Close(); err != nil { // the kernel does not have both
		return err
	}
	l, err := listenTCP(ctx, d.wide)
	if err == nil {
		d.l, d.shut = l, false
		return nil
	}
	l, again := listenTCP(ctx, narrow)
	if again == nil {
		d.l = l
	}
	return errors.Join(err, again)
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	for {
		l := d.listener()
		c, err := l.Accept()
		if err == nil || d.listener() == l {
			return c, err
		}
	}
}

func (d *door) listener() net.Listener {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.l
}

// Addr implements net.Listener.
func (d *door) Addr() net.Addr { return d.listener().Addr() }

// Close implements net.Listener.
func (d *door) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	return d.l.Close()
}

// WithKV opens the key-value store of a data folder that no lab runs on, and
// makes it where there is none. One that is in use is dirlock.ErrInUse.
func WithKV(ctx context.Context, cfg config.Config, do func(kv.Store) error) error {
	if err := restored(cfg.Data); err != nil {
		return err
	}
	s, err := sqlitekv.Open(ctx, sqlitekv.Config{Path: filepath.Join(cfg.Data, "kv.db")})
	if err != nil {
		return err
	}
	return errors.Join(do(guarded(s)), s.Close())
}

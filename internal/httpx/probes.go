package httpx

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"minilab/internal/fault"
)

// probeTime bounds one readiness check.
const probeTime = 2 * time.Second

// Check is one thing that a service depends on.
type Check struct {
	Name string
	Do   func(ctx context.Context) error
}

// ErrNotReady says that a service cannot do its work now.
var ErrNotReady = fault.New(fault.Unavailable, "not-ready", "the service is not ready")

// Probes adds GET /livez, /readyz and /metrics to a router. With ?verbose
// /readyz tells of every check, one line each.
func Probes(rt *Router, checks []Check, metrics http.Handler) {
	rt.Handle("GET|HEAD /livez", func(w http.ResponseWriter, _ *http.Request) error {
		return writeText(w, "ok\n")
	})
	rt.Handle("GET|HEAD /readyz", func(w http.ResponseWriter, r *http.Request) error {
		lines, ready := runChecks(r.Context(), checks)
		if !ready {
			return ErrNotReady.Detailf("%s", strings.Join(lines, "; ")).Retry(time.Second)
		}
		if !r.URL.Query().Has("verbose") {
			return writeText(w, "ok\n")
		}
		return writeText(w, strings.Join(append(lines, "ok"), "\n")+"\n")
	})
	rt.Mount("/metrics", metrics)
}

func writeText(w http.ResponseWriter, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(text)) // the caller is gone; nobody is left to tell
	return nil
}

func runChecks(ctx context.Context, checks []Check) (lines []string, ready bool) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	lines = make([]string, len(checks))
	failed := make([]bool, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() {
			lines[i] = "[+] " + c.Name + " ok"
			if err := c.Do(ctx); err != nil {
				lines[i], failed[i] = "[-] "+c.Name+" "+fault.From(err).Code, true
			}
		})
	}
	all.Wait()
	for _, f := range failed {
		if f {
			return lines, false
		}
	}
	return lines, true
}

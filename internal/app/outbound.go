package app

import (
	"context"
	"time"

	"minilab/internal/outbound"
)

// What fetching an image by its URL may take.
const (
	sourceRedirects = 5
	sourceTime      = 5 * time.Minute
)

// sources fetches images by their URLs, for the frontend.
func (a *app) sources() *outbound.Client {
	c := outbound.New(outbound.Config{
		Allow: a.cfg.AllowNetworks, Redirects: sourceRedirects, MaxBytes: a.cfg.MaxBytes, Total: sourceTime, Agent: "minilab/" + a.Version,
	})
	a.later(func(context.Context) error { c.Close(); return nil })
	return c
}

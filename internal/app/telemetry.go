package app

import (
	"context"

	"minilab/internal/telemetry"
)

// startTraces comes first, so that the spans of what is stopped are still sent.
func (a *app) startTraces(ctx context.Context) (err error) {
	a.traces, err = telemetry.NewTraces(ctx, telemetry.TracesConfig{
		Endpoint: a.cfg.OTLPEndpoint, Version: a.Version, Metrics: a.metrics.Registry, Log: a.Log,
	})
	if err == nil {
		a.later(a.traces.Close)
	}
	return err
}

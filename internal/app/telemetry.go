package app

import (
	"context"
	"math"

	"minilab/internal/config"
	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/storage/storagemeter"
	"minilab/internal/taskdb/sqltaskdb"
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

// meterInstances shows who is registered, as this process sees it.
func (a *app) meterInstances() {
	a.metrics.Gauges("minilab_instances", "Instances that are registered, as this process sees it.", "service", config.Services,
		func(service string) float64 { return float64(len(a.view.Instances(service))) })
}

func (a *app) meterStorage(s *filestorage.Store) storage.Store {
	a.metrics.Count("minilab_storage_damaged_total", "Findings of damaged images, which were not served.", s.Damaged)
	a.metrics.Gauge("minilab_storage_free_bytes", "Bytes that the storage's disk has free.", func() float64 {
		free, err := s.Free()
		if err != nil {
			return math.NaN()
		}
		return float64(free)
	})
	a.metrics.Gauge("minilab_storage_min_free_bytes", "Bytes that stay free: below them new images are refused.",
		func() float64 { return float64(a.cfg.MinFree) })
	return storagemeter.New(s, a.metrics.Registry)
}

func (a *app) meterTaskdb(ctx context.Context, s *sqltaskdb.Store) error {
	m, err := s.Metrics(ctx)
	if err != nil {
		return err
	}
	return a.metrics.Registry.Register(m)
}

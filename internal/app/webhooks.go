package app

import (
	"context"
	"time"

	"minilab/internal/outbound"
	"minilab/internal/webhook"
)

// What a receiver of webhooks may answer with, and how long a call may take
// beyond the deliverer's own limit.
const (
	webhookAnswer = 64 << 10
	webhookTime   = 30 * time.Second
)

// startWebhooks delivers, beside the master, what the task database's outbox
// holds.
func (a *app) startWebhooks(ctx context.Context) {
	caller := outbound.New(outbound.Config{
		Allow: a.cfg.AllowNetworks, MaxBytes: webhookAnswer, Total: webhookTime, Agent: "minilab/" + a.Version,
	})
	a.later(func(context.Context) error { caller.Close(); return nil })
	d := webhook.New(webhook.Config{
		Outbox: a.tasks, Caller: caller, Metrics: a.metrics.Registry, Log: a.Log.With("service", "master"),
	})
	a.background(ctx, d.Run)
}

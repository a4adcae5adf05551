package client_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"minilab/client"
	"minilab/internal/trials"
)

// TestRealLab: what the examples do not show, at the lab that they use.
func TestRealLab(t *testing.T) {
	ctx := t.Context()
	c, err := client.New(os.Getenv("MINILAB_SERVER"))
	if err != nil {
		t.Fatal(err)
	}
	ops, err := c.Operations(ctx)
	if err != nil || len(ops) < 20 || ops[0].Usage == "" || ops[0].Summary == "" {
		t.Errorf("operations: %d, %v", len(ops), err)
	}
	if schema, err := c.PipelineSchema(ctx); err != nil || !bytes.Contains(schema, []byte("json-schema.org")) {
		t.Errorf("schema: %v", err)
	}
	workers, err := c.Workers(ctx)
	if err != nil || len(workers) != 1 || workers[0].ID == "" {
		t.Errorf("workers: %v, %v", workers, err)
	}
	p := client.Preset{Name: "a.b", Summary: "For a test", Pipeline: "orient", Outputs: []client.Output{{Name: "x", Pipeline: "png"}, {Name: "y"}}}
	if err := c.PutPreset(ctx, p); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Preset(ctx, "a.b"); err != nil || got.Pipeline != "orient" || len(got.Outputs) != 2 || got.Outputs[0].Pipeline != "png" || got.Summary != p.Summary {
		t.Errorf("the preset is %+v, %v", got, err)
	}
	photo := bytes.NewReader(photoFile(t))
	order := client.Order{Preset: "a.b", Tags: []string{"real", "a b/ü"}, IdempotencyKey: "once", Keep: 36 * time.Hour, Wait: time.Minute}
	first, err := c.Submit(ctx, client.Stream(photo), order)
	if err != nil || first.State != client.Finished || first.Preset != "a.b" || first.ExpiresAt.Sub(first.FinishedAt) != 36*time.Hour {
		t.Fatalf("%+v, %v", first, err)
	}
	if second, err := c.Submit(ctx, client.Stream(bytes.NewReader(photoFile(t))), order); err != nil || second.ID != first.ID {
		t.Errorf("the same key made another task: %v, %v", second.ID, err)
	}
	order.Tags = nil
	if _, err := c.Submit(ctx, client.Stream(bytes.NewReader(photoFile(t))), order); client.CodeOf(err) != "idempotency-mismatch" {
		t.Errorf("the same key with another order: %v", err)
	}
	var original, result bytes.Buffer
	if _, err := c.Original(ctx, first.ID, &original); err != nil || !bytes.Equal(original.Bytes(), photoFile(t)) {
		t.Errorf("the original: %d bytes, %v", original.Len(), err)
	}
	if got, err := c.Result(ctx, first.ID, "x", &result); err != nil || got.SHA256 != first.Outputs[0].SHA256 || got.Size != first.Outputs[0].Size {
		t.Errorf("the result: %+v, %v", got, err)
	}
	stats, err := c.Stats(ctx)
	if err != nil || stats.Counts[client.Finished] < 1 {
		t.Errorf("%+v, %v", stats, err)
	}
	checkEnds(t, c, first)
	if err := c.DeletePreset(ctx, "a.b"); err != nil {
		t.Error(err)
	}
}

func checkEnds(t *testing.T, c *client.Client, task client.Task) {
	t.Helper()
	if _, err := c.Retry(t.Context(), task.ID); client.CodeOf(err) != client.CodeTransition {
		t.Errorf("a finished task is retried: %v", err)
	}
	if _, err := c.Cancel(t.Context(), task.ID); client.CodeOf(err) != client.CodeTransition {
		t.Errorf("a finished task is canceled: %v", err)
	}
	if err := c.Delete(t.Context(), task.ID); err != nil {
		t.Error(err)
	}
	if _, err := c.Task(t.Context(), task.ID); client.CodeOf(err) != client.CodeNotFound {
		t.Errorf("after it was deleted: %v", err)
	}
}

func photoFile(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("photo.jpg")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestKeys: as soon as a lab has a key, it asks for one.
func TestKeys(t *testing.T) {
	l, err := trials.New(root, t.TempDir(), trials.OneProcess)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.KillAll() })
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, server := t.Context(), l.URL("frontend")
	open, _ := client.New(server)
	_, secret, err := open.CreateKey(ctx, client.NewKey{Owner: "shop", Scopes: []string{"admin", "read"}, Note: "the first"})
	if err != nil || secret == "" {
		t.Fatal(err)
	}
	await(t, func() bool { _, err := open.Stats(ctx); return client.CodeOf(err) == client.CodeUnauthorized })
	admin, _ := client.New(server, client.WithKey(secret))
	await(t, func() bool { _, err := admin.Stats(ctx); return err == nil })
	made, sender, err := admin.CreateKey(ctx, client.NewKey{Scopes: []string{"submit"}, Expires: time.Hour})
	if err != nil || made.Owner != "shop" || time.Until(made.ExpiresAt) > time.Hour {
		t.Fatalf("%+v, %v", made, err)
	}
	if k, _, err := admin.CreateKey(ctx, client.NewKey{Scopes: []string{"read"}, Expires: -time.Hour}); client.CodeOf(err) != "invalid-api-key" {
		t.Errorf("a key that was to have expired an hour ago: %+v, %v", k, err)
	}
	if list, err := admin.Keys(ctx); err != nil || len(list) != 2 {
		t.Errorf("keys: %v, %v", list, err)
	}
	shop, _ := client.New(server, client.WithKey(sender))
	await(t, func() bool { _, err := shop.Stats(ctx); return client.CodeOf(err) == client.CodeForbidden })
	task, err := shop.Submit(ctx, client.File("photo.jpg"), client.Order{})
	if err != nil {
		t.Fatal(err)
	}
	if task, err = admin.Wait(ctx, task.ID); err != nil || task.State != client.Finished {
		t.Errorf("%+v, %v", task, err)
	}
	if err := admin.DeleteKey(ctx, made.ID); err != nil {
		t.Error(err)
	}
	await(t, func() bool {
		_, err := shop.Submit(ctx, client.File("photo.jpg"), client.Order{})
		return client.CodeOf(err) == client.CodeUnauthorized
	})
}

// await asks again and again: frontends follow the keys within a second.
func await(t *testing.T, ok func() bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for end := time.After(20 * time.Second); !ok(); {
		select {
		case <-again.C:
		case <-end:
			t.Fatal("it does not come")
		}
	}
}

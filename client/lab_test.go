package client_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"minilab/client"
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

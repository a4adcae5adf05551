package backups

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"minilab/internal/trials"
)

// TestWorkerFromBefore: a worker that got its work before the backup goes on
// after the restore. It cannot publish, and what it stores is nobody's result.
func TestWorkerFromBefore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := start(t, dir, trials.Topology{"kv", "storage", "taskdb", "master", "frontend"})
	image := trials.PNG(60, 40, 1)
	id, err := before.customer().Upload(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	var work struct {
		ID, Lease string
		Outputs   []struct{ Key string }
	}
	body, status := call(t, http.MethodGet, before.lab.URL("master")+"/getWork?worker=before&wait=5s", "")
	if err := json.Unmarshal(body, &work); err != nil || work.ID != id || len(work.Outputs) != 1 {
		t.Fatalf("getWork: %d %s", status, body)
	}
	backup, to := filepath.Join(dir, "backup"), filepath.Join(dir, "restored")
	minilab(t, "backup", backup, filepath.Join(dir, "data"))
	before.stop()
	minilab(t, "restore", backup, filepath.Join(to, "data"))

	after := start(t, to, trials.SixProcesses)
	defer after.stop()
	if err := after.exact(t.Context(), id, image); err != nil {
		t.Fatal(err)
	}
	lease := "?id=" + id + "&lease=" + url.QueryEscape(work.Lease)
	for path, text := range map[string]string{
		"/heartbeat":    `{"progress":0.5}`,
		"/workFinished": `{"outputs":[{"name":"","key":"` + work.Outputs[0].Key + `","size":7}]}`,
		"/workFailed":   `{"code":"broken","detail":"it is broken","retry":false}`,
	} {
		stored, status := call(t, http.MethodPost, after.lab.URL("storage")+"/images/finished/"+work.Outputs[0].Key, "garbage")
		if status != http.StatusCreated {
			t.Fatalf("the late result: %d %s", status, stored)
		}
		body, status := call(t, http.MethodPost, after.lab.URL("master")+path+lease, text)
		if status != http.StatusConflict || !strings.Contains(string(body), `"lease-lost"`) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if err := after.exact(t.Context(), id, image); err != nil {
		t.Error(err)
	}
}

func call(t *testing.T, method, url, text string) ([]byte, int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(body), resp.StatusCode
}

package uploads

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"minilab/internal/trials"
)

// swapped fails unless the task ends with the altered picture.
func swapped(t *testing.T, base, task string, picture []byte) {
	t.Helper()
	c := trials.Customer{Base: base, HTTP: http.DefaultClient}
	status, err := c.Await(t.Context(), task)
	if err != nil || status.Status != "finished" {
		t.Fatalf("the task has ended as %+v, %v", status, err)
	}
	got, err := c.Result(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	if err := trials.Swapped(picture, got, 0); err != nil {
		t.Error(err)
	}
}

// TestTaskOfAnUpload is made once, however often it is asked for.
func TestTaskOfAnUpload(t *testing.T) {
	l := newLab(t, topology)
	base, picture := balancer(t, l), trials.PNG(300, 200, 1)
	url := create(t, base, len(picture))
	order := func() (task struct{ ID, Code string }, status int) {
		a := must(t, "POST", base+"/api/v1/tasks", strings.NewReader(`{"upload":"`+path.Base(url)+`"}`), "Content-Type", "application/json")
		if err := json.Unmarshal([]byte(a.body), &task); err != nil {
			t.Fatalf("%d %s: %v", a.status, a.body, err)
		}
		return task, a.status
	}
	if early, status := order(); status != 409 || early.Code != "upload-unfinished" {
		t.Errorf("before all has come: %d %s", status, early.Code)
	}
	if a, err := patch(t, url, 0, bytes.NewReader(picture)); err != nil || a.status != 204 {
		t.Fatalf("PATCH: %d %s, %v", a.status, a.body, err)
	}
	first, status := order()
	if status != 202 && status != 200 {
		t.Fatalf("answered %d %s", status, first.Code)
	}
	for range 3 {
		if again, status := order(); again.ID != first.ID || status >= 300 {
			t.Errorf("asked for again: %d %s, want %s", status, again.ID, first.ID)
		}
	}
	if task := head(t, url).header.Get("Minilab-Task"); task != first.ID {
		t.Errorf("the upload says that it is %s", task)
	}
	if kept(l, url) != nil {
		t.Error("the bytes are kept twice")
	}
	swapped(t, base, first.ID, picture)
}

// TestTaskByMetadata is made when the last byte has come, and told with it.
func TestTaskByMetadata(t *testing.T) {
	for name, topology := range map[string]trials.Topology{"one process": trials.OneProcess, "eight processes": topology} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, topology)
			base := l.URL("frontend")
			if len(topology) > 1 {
				base = balancer(t, l)
			}
			t.Setenv("METADATA", `{"pipeline":"swap/png","tags":"a,b"}`)
			picture := trials.PNG(1000, 800, 2)
			file := filepath.Join(t.TempDir(), "photo.png")
			if err := os.WriteFile(file, picture, 0o600); err != nil {
				t.Fatal(err)
			}
			lines, code := node(t, "tus.mjs", base+prefix, file, filepath.Join(t.TempDir(), "notes.json"))
			if code != 0 {
				t.Fatalf("it ended with %d: %+v", code, lines)
			}
			task := lines[len(lines)-2].Task
			if task == "" {
				t.Fatalf("no task is told: %+v", lines)
			}
			swapped(t, base, task, picture)
			a := must(t, "GET", base+"/api/v1/tasks/"+task, nil)
			if !strings.Contains(a.body, `"tags":["a","b"]`) {
				t.Errorf("the task is %s", a.body)
			}
		})
	}
}

// TestOrderOfAFrontendThatDied: the last bytes have come, and nobody was there to
// make the task. Whoever goes on with the upload finds it done, and a task.
func TestOrderOfAFrontendThatDied(t *testing.T) {
	l := newLab(t, topology)
	base, picture := balancer(t, l), trials.PNG(300, 200, 3)
	made := must(t, "POST", base+prefix, nil, "Upload-Length", strconv.Itoa(len(picture)), "Upload-Metadata", "pipeline c3dhcA==") // swap
	location := made.header.Get("Location")
	a := must(t, "PATCH", l.URL("storage")+"/uploads/"+path.Base(location), bytes.NewReader(picture),
		"Minilab-Owner", "public", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream")
	if a.status != 204 {
		t.Fatalf("PATCH: %d %s", a.status, a.body)
	}
	found := head(t, base+location)
	if task := found.header.Get("Minilab-Task"); found.offset() != len(picture) || task == "" {
		t.Errorf("at %d of %d bytes the task is %q", found.offset(), len(picture), task)
	} else {
		swapped(t, base, task, picture)
	}
}

// TestOrderThatCannotBe is refused before anything is sent.
func TestOrderThatCannotBe(t *testing.T) {
	l := newLab(t, trials.OneProcess)
	a := must(t, "POST", l.URL("frontend")+prefix, nil, "Upload-Length", "5", "Upload-Metadata", "pipeline eHh4eA==") // xxxx(
	if a.status != 400 || a.header.Get("Location") != "" {
		t.Errorf("answered %d %s", a.status, a.body)
	}
	text := must(t, "POST", l.URL("frontend")+prefix, strings.NewReader("this is no image"), "Upload-Length", "16",
		"Upload-Metadata", "task", "Content-Type", "application/offset+octet-stream")
	if text.status != 415 {
		t.Errorf("what is no image: %d %s", text.status, text.body)
	}
}

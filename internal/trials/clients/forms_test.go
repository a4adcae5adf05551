package clients

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"minilab/internal/trials"
)

// post is a request with a body of its announced length.
func post(target, contentType, body string) string {
	return request("POST", target, "Connection: close", "Content-Type: "+contentType, fmt.Sprintf("Content-Length: %d", len(body))) + body
}

// TestJSONThatGrows sends JSON that is much more in memory than on the wire.
func TestJSONThatGrows(t *testing.T) {
	l := newLab(t, trials.SixProcesses, 0)
	stop := serve(t, l)
	check := watch(t, l, "taskdb", "master")
	for name, body := range map[string]string{
		"a million entries":      "[" + many("{},", 1_000_000) + "{}]",
		"an entry of millions":   `[{"id":"a","lease":"b","outputs":[` + many("{},", 1_000_000) + `{}]}]`,
		"a million small lists":  "[" + many("[],", 1_000_000) + "[]]",
		"a depth of a million":   many("[", 1_000_000),
		"an object of depth":     many(`{"a":`, 200_000),
		"a number of a megabyte": `[{"id":"a","progress":` + many("9", 1<<20) + `}]`,
		"a text of 15 MiB":       `[{"id":"` + many("a", 15<<20) + `"}]`,
		"a key of 15 MiB":        `[{"` + many("a", 15<<20) + `":1}]`,
		"a million keys":         `[{` + many(`"a":1,`, 1_000_000) + `"a":1}]`,
		"more than a megabyte":   many(" ", 17<<20),
		"nothing":                "\x00\x00",
	} {
		for _, target := range []struct{ service, path string }{
			{"taskdb", "/heartbeats"}, {"taskdb", "/finishes"}, {"taskdb", "/failures"}, {"taskdb", "/tasks/a"}, {"taskdb", "/claims"},
			{"master", "/workFinished?id=a&lease=b"}, {"master", "/heartbeat?id=a&lease=b"},
		} {
			a := tell(t, address(l, target.service), post(target.path, "application/json", body))
			listed := a.status == 200 && strings.Contains(a.body, "lease-lost") // entries answer for themselves
			if !slices.Contains([]int{400, 413}, a.status) && !listed {
				t.Errorf("%s%s, %s: answered %d %.200s", target.service, target.path, name, a.status, a.body)
			}
		}
	}
	stop()
	check(384, 16)
}

// TestForms sends forms that nobody needs to the frontend.
func TestForms(t *testing.T) {
	l := newLab(t, trials.SixProcesses, 0)
	stop := serve(t, l)
	check := watch(t, l, "frontend", "master")
	const form = "multipart/form-data; boundary=b"
	part := func(header, value string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"tag\"\r\n" + header + "\r\n" + value + "\r\n"
	}
	image := "--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n" + string(trials.PNG(16, 16, 1)) + "\r\n--b--\r\n"
	for _, f := range []struct {
		name, contentType, body string
		allowed                 []int
	}{
		{"a form as it should be", form, part("", "x") + image, []int{202}},
		{"no boundary", "multipart/form-data", image, []int{415}},
		{"an empty boundary", `multipart/form-data; boundary=""`, image, []int{415}},
		{"a boundary of 10 KiB", "multipart/form-data; boundary=" + many("b", 10<<10), image, []int{400, 415}},
		{"no parts", form, "--b--\r\n", []int{400}},
		{"no end", form, part("", "x"), []int{400}},
		{"a part that is cut", form, "--b\r\nContent-Dispo", []int{400}},
		{"thousands of parts", form, many(part("", "x"), 10_000) + image, []int{400}},
		{"a field of 8 MiB", form, part("", many("x", 8<<20)) + image, []int{400}},
		{"a header of 8 MiB", form, part("X: "+many("x", 8<<20)+"\r\n", "x") + image, []int{400}},
		{"100,000 headers", form, part(many("X: y\r\n", 100_000), "x") + image, []int{400}},
		{"two images", form, strings.TrimSuffix(image, "--\r\n") + "\r\n" + image, []int{202}},
		{"an image in base64", form, strings.Replace(image, "\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1), []int{400}},
		{"an empty image", form, "--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n\r\n--b--\r\n", []int{400}},
		{"33 tags", form, many(part("", "x"), 33) + image, []int{400}},
	} {
		for range 8 {
			a := tell(t, address(l, "frontend"), post("/newImage", f.contentType, f.body))
			if !slices.Contains(f.allowed, a.status) {
				t.Errorf("%s: answered %d %.200s, want one of %v", f.name, a.status, a.body, f.allowed)
			}
		}
	}
	stop()
	check(32, 16)
}

// TestLyingWorker has a worker report what is not so.
func TestLyingWorker(t *testing.T) {
	l := newLab(t, trials.SixProcesses, 0)
	stop := serve(t, l)
	master := address(l, "master")
	var work [2]struct {
		ID, Lease string
		Outputs   []struct{ Key string }
	}
	for i := range work {
		set(t, l, fmt.Sprintf("mine-%d", i), `{"state":"not-started","needs":"trial"}`)
		a := tell(t, master, request("GET", "/getWork?worker=liar&accepts=trial&wait=10s"))
		if err := json.Unmarshal([]byte(a.body), &work[i]); err != nil {
			t.Fatal(a, err)
		}
	}
	mine, other := work[0], work[1]
	stored := tell(t, address(l, "storage"), request("PUT", "/images/finished/"+mine.Outputs[0].Key, "Content-Length: 3")+"abc")
	var info struct{ SHA256 string }
	if err := json.Unmarshal([]byte(stored.body), &info); err != nil {
		t.Fatal(stored, err)
	}
	output := func(key, sha string, size int) string {
		return fmt.Sprintf(`{"name":"","key":%q,"size":%d,"sha256":%q,"contentType":"image/png"}`, key, size, sha)
	}
	truth := output(mine.Outputs[0].Key, info.SHA256, 3)
	finish, beat := "/workFinished?id="+mine.ID+"&lease="+mine.Lease, "/heartbeat?id="+mine.ID+"&lease="
	for name, c := range map[string]struct {
		target, body string
		status       int
	}{
		"another's key":         {finish, `{"outputs":[` + output(other.Outputs[0].Key, info.SHA256, 3) + `]}`, 422},
		"a key of its own":      {finish, `{"outputs":[` + output("mine", info.SHA256, 3) + `]}`, 422},
		"steps in a key":        {finish, `{"outputs":[` + output("../inProgress/x", info.SHA256, 3) + `]}`, 422},
		"another size":          {finish, `{"outputs":[` + output(mine.Outputs[0].Key, info.SHA256, 4) + `]}`, 422},
		"a negative size":       {finish, `{"outputs":[` + output(mine.Outputs[0].Key, info.SHA256, -1) + `]}`, 422},
		"another digest":        {finish, `{"outputs":[` + output(mine.Outputs[0].Key, many("0", 64), 3) + `]}`, 422},
		"no outputs":            {finish, `{"outputs":[]}`, 422},
		"the same output twice": {finish, `{"outputs":[` + truth + "," + truth + `]}`, 422},
		"giant facts":           {finish, `{"outputs":[` + truth + `],"facts":{"a":"` + many("x", 300<<10) + `"}}`, 413},
		"large facts":           {finish, `{"outputs":[` + truth + `],"facts":{"a":"` + many("x", 70<<10) + `"}}`, 422},
		"facts that are none":   {finish, `{"outputs":[` + truth + `],"facts":[1]}`, 422},
		"another's lease":       {"/workFinished?id=" + mine.ID + "&lease=" + other.Lease, `{"outputs":[` + truth + `]}`, 409},
		"a later token":         {"/workFinished?id=" + mine.ID + "&lease=9" + mine.Lease[1:], `{"outputs":[` + truth + `]}`, 409},
		"another's task":        {"/workFinished?id=" + other.ID + "&lease=" + mine.Lease, `{"outputs":[` + truth + `]}`, 409},
		"another's heartbeat":   {beat + other.Lease, `{"progress":1}`, 409},
		"no progress":           {beat + mine.Lease, `{"progress":1e999}`, 400},
		"a lease of 10 KiB":     {beat + many("a", 10<<10), `{"progress":1}`, 409},
	} {
		if a := tell(t, master, post(c.target, "application/json", c.body)); a.status != c.status {
			t.Errorf("%s: answered %d %s, want %d", name, a.status, a.body, c.status)
		}
	}
	if a := tell(t, master, post(finish, "application/json", `{"outputs":[`+truth+`]}`)); a.status != 200 {
		t.Errorf("the truth is answered %d %s", a.status, a.body)
	}
	stop()
}

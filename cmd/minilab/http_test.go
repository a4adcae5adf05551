package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdHTTP is `http [-H NAME:VALUE] [-d FILE|-t TEXT] [-o FILE] METHOD URL STATUS`.
// It prints the answer's headers and body; every error must be a problem.
func cmdHTTP(ts *testscript.TestScript, neg bool, args []string) {
	var body io.Reader
	out := ""
	header := http.Header{}
	for ; len(args) > 3; args = args[2:] {
		switch args[0] {
		case "-H":
			name, value, _ := strings.Cut(args[1], ":")
			header.Set(name, strings.TrimSpace(value))
		case "-d":
			body = strings.NewReader(ts.ReadFile(args[1]))
		case "-t":
			body = strings.NewReader(args[1])
		case "-o":
			out = ts.MkAbs(args[1])
		}
	}
	if neg || len(args) != 3 {
		ts.Fatalf("usage: http [-H NAME:VALUE] [-d FILE|-t TEXT] [-o FILE] METHOD URL STATUS")
	}
	req, err := http.NewRequest(args[0], args[1], body)
	ts.Check(err)
	req.Header = header
	resp, err := noRedirects.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	ts.Check(err)
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		fmt.Fprintf(ts.Stdout(), "%s: %s\n", name, strings.Join(resp.Header[name], ", "))
	}
	if out != "" {
		ts.Check(os.WriteFile(out, data, 0o600))
	} else {
		fmt.Fprintf(ts.Stdout(), "\n%s\n", data)
	}
	if want, _ := strconv.Atoi(args[2]); resp.StatusCode != want {
		ts.Fatalf("%s %s: %s, want %d\n%.500s", args[0], args[1], resp.Status, want, data)
	}
	if resp.StatusCode >= http.StatusBadRequest && req.Method != http.MethodHead {
		checkProblem(ts, resp, data)
	}
}

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func checkProblem(ts *testscript.TestScript, resp *http.Response, body []byte) {
	var p struct{ Type, Title, Code string }
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&p); err != nil || p.Code == "" || p.Title == "" || !strings.HasSuffix(p.Type, "/"+p.Code) ||
		resp.Header.Get("Content-Type") != "application/problem+json" {
		ts.Fatalf("%s is no problem: %v %s\n%s", resp.Request.URL, err, resp.Header, body)
	}
}

// cmdCapture is `capture NAME REGEXP`: the first group of the match in the
// last standard output becomes a variable.
func cmdCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME REGEXP")
	}
	m := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) < 2 {
		ts.Fatalf("no match for %s", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// cmdAwait is `await ID STATUS`: it long-polls until the task has ended.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await ID STATUS")
	}
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		var st struct{ Status string }
		body := getText(ts, ts.Getenv("frontend")+"/image/isReady?wait=20s&id="+args[0])
		ts.Check(json.Unmarshal([]byte(body), &st))
		if st.Status == "in progress" {
			continue
		}
		fmt.Fprintln(ts.Stdout(), body)
		if st.Status != args[1] {
			ts.Fatalf("%s ended %s", args[0], body)
		}
		return
	}
	ts.Fatalf("%s has not ended after a minute", args[0])
}

func getText(ts *testscript.TestScript, url string) string {
	resp, err := noRedirects.Get(url)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	return string(body)
}

// cmdFinish is `finish ID LEASE KEY FILE`: what a worker reports when it has
// stored FILE under KEY.
func cmdFinish(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: finish ID LEASE KEY FILE")
	}
	data := ts.ReadFile(args[3])
	report := fmt.Sprintf(`{"outputs":[{"name":"","key":%q,"size":%d,"sha256":%q,"contentType":"image/png"}],"facts":{}}`,
		args[2], len(data), digest(data))
	url := fmt.Sprintf("%s/workFinished?id=%s&lease=%s", ts.Getenv("master"), args[0], args[1])
	cmdHTTP(ts, false, []string{"-t", report, http.MethodPost, url, "200"})
}

// cmdUntil is `until URL STATUS [REGEXP]`: it asks until the answer has the
// status, and a body that matches.
func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: until URL STATUS [REGEXP]")
	}
	status, err := strconv.Atoi(args[1])
	ts.Check(err)
	pattern := regexp.MustCompile(strings.Join(args[2:], ""))
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(time.Minute); ; <-again.C {
		resp, err := noRedirects.Get(args[0])
		ts.Check(err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		ts.Check(err)
		if resp.StatusCode == status && pattern.Match(body) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s still answers %s\n%.5000s", args[0], resp.Status, body)
		}
	}
}

// cmdMeans is `means FILE PRESET STATUS REGEXP`: it hands FILE in with the
// preset until the answer, or the task that came of it, matches. A change of a
// preset is seen within a second.
func cmdMeans(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: means FILE PRESET STATUS REGEXP")
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(time.Second); ; <-again.C {
		status, body := handIn(ts, args[0], args[1])
		if strconv.Itoa(status) == args[2] && regexp.MustCompile(args[3]).MatchString(body) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("after a second the preset %s still gives %d %s", args[1], status, body)
		}
	}
}

// handIn gives the task that was made, or why none was.
func handIn(ts *testscript.TestScript, file, preset string) (status int, body string) {
	resp, err := noRedirects.Post(ts.Getenv("frontend")+"/newImage?preset="+preset, "", strings.NewReader(ts.ReadFile(file)))
	ts.Check(err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	ts.Check(err)
	var ticket struct{ ID string }
	if resp.StatusCode != http.StatusAccepted || json.Unmarshal(data, &ticket) != nil {
		return resp.StatusCode, string(data)
	}
	return resp.StatusCode, getText(ts, ts.Getenv("taskdb")+"/tasks/"+ticket.ID)
}

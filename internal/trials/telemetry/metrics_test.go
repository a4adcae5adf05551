package telemetry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"minilab/internal/config"
	"minilab/internal/trials"
)

// scraped is what all services tell.
type scraped struct {
	series map[string][]labels.Labels // by the name of their metric
	values map[string]float64         // by the service and the series as it is written
}

// observed is what a lab tells of itself after it has worked.
func observed(ctx context.Context, t *testing.T) scraped {
	t.Helper()
	r := newReceiver(t)
	l := start(t, trials.SixProcesses, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.URL, "OTEL_BSP_SCHEDULE_DELAY=50",
		"MINILAB_SWEEP_EVERY=1s", "MINILAB_SWEEP_GRACE=2s", "MINILAB_LEASE=2s")
	for range 3 {
		handIn(ctx, t, l, "")
	}
	broken(ctx, t, l)
	var all scraped
	until(ctx, t, func() bool {
		all = scrape(ctx, t, l)
		return all.values["worker minilab_worker_attempts_running"] == 0 // it counts its last one a little later
	})
	return all
}

func scrape(ctx context.Context, t *testing.T, l *trials.Lab) scraped {
	t.Helper()
	all := scraped{map[string][]labels.Labels{}, map[string]float64{}}
	for _, service := range config.Services {
		status, text := call(ctx, t, http.MethodGet, l.URL(service)+"/metrics", "", nil)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", service, status, text)
		}
		all.read(t, service, string(text))
	}
	return all
}

// broken hands a picture in whose second half is missing.
func broken(ctx context.Context, t *testing.T, l *trials.Lab) {
	t.Helper()
	picture := trials.PNG(300, 200, 7)
	c := trials.Customer{Base: l.URL("frontend"), HTTP: http.DefaultClient}
	id, err := c.Upload(ctx, picture[:len(picture)/2])
	if err != nil {
		t.Fatal(err)
	}
	if s, err := c.Await(ctx, id); err != nil || s.Error.Code != "broken-image" {
		t.Fatalf("%+v, %v", s, err)
	}
}

var sample = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{.*\})?) ([^ ]+)$`)

func (s scraped) read(t *testing.T, service, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		found := sample.FindStringSubmatch(line)
		if found == nil {
			t.Fatalf("what does %q mean?", line)
		}
		series, err := parser.NewParser(parser.Options{}).ParseMetric(found[1])
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		name := series.Get(model.MetricNameLabel)
		s.series[name] = append(s.series[name], series)
		if s.values[service+" "+found[1]], err = strconv.ParseFloat(found[2], 64); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
}

// has says that there are series with these labels, or with the names of them
// where the value is one that a healthy lab does not come to have.
func (s scraped) has(m *labels.Matcher, name string) bool {
	rare := m.Name == "status"
	return slices.ContainsFunc(s.series[name], func(l labels.Labels) bool { return l.Has(m.Name) && (rare || m.Matches(l.Get(m.Name))) })
}

// hold holds an expression against what there is.
func (s scraped) hold(t *testing.T, where, expr string) {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	used := 0
	parser.Inspect(parsed, func(n parser.Node, path []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			used++
			if len(s.series[n.Name]) == 0 {
				t.Errorf("%s: there is no metric %s", where, n.Name)
				return nil
			}
			for _, m := range n.LabelMatchers {
				if m.Name != model.MetricNameLabel && !s.has(m, n.Name) {
					t.Errorf("%s: no series of %s has %s", where, n.Name, m)
				}
			}
		case *parser.AggregateExpr:
			for _, label := range n.Grouping {
				if !s.labelled(n.Expr, label) {
					t.Errorf("%s: what is grouped by %s has no such label", where, label)
				}
			}
		}
		return nil
	})
	if used == 0 {
		t.Errorf("%s: %s is about nothing", where, expr)
	}
}

// labelled says that all metrics below an expression have the label.
func (s scraped) labelled(below parser.Expr, label string) bool {
	ok := label != "job"
	parser.Inspect(below, func(n parser.Node, _ []parser.Node) error {
		if v, is := n.(*parser.VectorSelector); is && label != "instance" { // that is Prometheus' own
			ok = ok && slices.ContainsFunc(s.series[v.Name], func(l labels.Labels) bool { return l.Has(label) })
		}
		return nil
	})
	return ok
}

// ranges are what Grafana puts into expressions.
var ranges = strings.NewReplacer("$__rate_interval", "1m", "$__range", "3h")

type dashboard struct {
	UID    string
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr string }
	}
	Templating struct{ List []struct{ Name, Type string } }
}

type rules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

// TestWhatIsWatchedIsThere: every metric and label that the dashboard and the
// rules ask for is there, and every metric there is, is written down.
func TestWhatIsWatchedIsThere(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	all := observed(ctx, t)
	t.Run("values", func(t *testing.T) { all.right(t) })
	t.Run("dashboard", func(t *testing.T) { all.dashboard(t) })
	t.Run("rules", func(t *testing.T) { all.rules(t) })
	t.Run("documentation", func(t *testing.T) { all.documented(t) })
	t.Run("labels", func(t *testing.T) { all.bounded(t) })
}

// right: three images went through that lab, and one that is broken.
func (s scraped) right(t *testing.T) {
	for series, want := range map[string]float64{
		`taskdb minilab_tasks{state="finished"}`:                                                                3,
		`taskdb minilab_tasks{state="failed"}`:                                                                  1,
		`taskdb minilab_task_moves_total{from="none",to="not-started"}`:                                         4,
		`taskdb minilab_task_moves_total{from="in-progress",to="finished"}`:                                     3,
		`taskdb minilab_queue_ready{needs="image",priority="0"}`:                                                0,
		`master minilab_stage_seconds_count{stage="queue"}`:                                                     4,
		`master minilab_stage_seconds_count{stage="total"}`:                                                     3,
		`worker minilab_stage_seconds_count{stage="fetch"}`:                                                     4,
		`worker minilab_stage_seconds_count{stage="wait"}`:                                                      4,
		`worker minilab_stage_seconds_count{stage="engine"}`:                                                    4,
		`worker minilab_stage_seconds_count{stage="store"}`:                                                     3,
		`worker minilab_worker_attempts_total{code="",outcome="finished"}`:                                      3,
		`worker minilab_worker_attempts_total{code="broken-image",outcome="failed"}`:                            1,
		`worker minilab_engine_starts_total{outcome="failed"}`:                                                  0,
		`storage minilab_storage_min_free_bytes`:                                                                1 << 20,
		`frontend minilab_instances{service="worker"}`:                                                          1,
		`worker minilab_instances{service="taskdb"}`:                                                            1,
		`frontend minilab_http_requests_total{method="POST",route="/newImage",service="frontend",status="202"}`: 4,
	} {
		if got, there := s.values[series]; !there || got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	for series, least := range map[string]float64{
		`taskdb minilab_commit_seconds_count{database="taskdb"}`:                  12,
		`taskdb minilab_commit_operations_sum{database="taskdb"}`:                 12,
		`kv minilab_commit_seconds_count{database="kv"}`:                          5,
		`storage minilab_storage_bytes_total{direction="in",state="inProgress"}`:  400,
		`storage minilab_storage_bytes_total{direction="out",state="inProgress"}`: 400,
		`storage minilab_storage_bytes_total{direction="in",state="finished"}`:    300,
		`storage minilab_storage_free_bytes`:                                      1 << 20,
		`worker minilab_engine_processes`:                                         1,
		`worker minilab_engine_memory_bytes`:                                      1 << 20,
		`worker minilab_worker_capacity`:                                          1,
		`master minilab_stage_seconds_sum{stage="total"}`:                         0.001,
		`kv minilab_http_streams_open{service="kv"}`:                              1,
	} {
		if got := s.values[series]; got < least {
			t.Errorf("%s is %v, want at least %v", series, got, least)
		}
	}
}

// project reads a file of the project.
func project(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile("../../../" + path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (s scraped) dashboard(t *testing.T) {
	var d dashboard
	if err := json.Unmarshal(project(t, "deploy/grafana/minilab.json"), &d); err != nil {
		t.Fatal(err)
	}
	if d.UID != "minilab" || len(d.Templating.List) != 1 || d.Templating.List[0].Type != "datasource" || len(d.Panels) < 30 {
		t.Errorf("the dashboard is %s with %d panels and the variables %v", d.UID, len(d.Panels), d.Templating.List)
	}
	taken := map[string]string{}
	for i, p := range d.Panels {
		if p.ID != i+1 {
			t.Errorf("%s has the number %d", p.Title, p.ID)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				at := fmt.Sprint(x, y)
				if taken[at] != "" || x > 23 {
					t.Errorf("%s lies over %s", p.Title, taken[at])
				}
				taken[at] = p.Title
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%s shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			s.hold(t, p.Title, ranges.Replace(target.Expr))
		}
	}
}

func (s scraped) rules(t *testing.T) {
	var r rules
	asMap, err := yaml.Parser().Unmarshal(project(t, "deploy/grafana/alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(asMap)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(asJSON, &r); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, g := range r.Groups {
		for _, rule := range g.Rules {
			severity := rule.Labels["severity"]
			if rule.Alert == "" || seen[rule.Alert] || !slices.Contains([]string{"critical", "warning", "info"}, severity) ||
				rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("%+v lacks something", rule)
			}
			seen[rule.Alert] = true
			s.hold(t, rule.Alert, rule.Expr)
		}
	}
	if len(seen) < 14 {
		t.Errorf("there are %d rules", len(seen))
	}
}

var metricName = regexp.MustCompile("`(minilab_[a-z_]+)`")

// documented: the table of docs/telemetry.md has every metric, and no other.
func (s scraped) documented(t *testing.T) {
	text := string(project(t, "docs/telemetry.md"))
	written := map[string]bool{}
	for _, found := range metricName.FindAllStringSubmatch(text, -1) {
		written[found[1]] = true
	}
	there := map[string]bool{}
	for name := range s.series {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base := strings.TrimSuffix(name, suffix); base != name && len(s.series[base+"_bucket"]) > 0 {
				name = base
			}
		}
		if strings.HasPrefix(name, "minilab_") {
			there[name] = true
		}
	}
	for name := range maps.Keys(there) {
		if !written[name] {
			t.Errorf("%s is not in docs/telemetry.md", name)
		}
	}
	for name := range maps.Keys(written) {
		if !there[name] {
			t.Errorf("docs/telemetry.md has %s, which is not there", name)
		}
	}
}

// bounded: no label grows with customers, tasks or workers.
func (s scraped) bounded(t *testing.T) {
	known := []string{
		model.MetricNameLabel, "le", "service", "route", "method", "status", "version", "state", "direction", "stage", "priority", "needs",
		"from", "to", "outcome", "code", "reason", "database", "quantile",
	}
	for name, list := range s.series {
		for _, l := range list {
			l.Range(func(l labels.Label) {
				if strings.HasPrefix(name, "minilab_") && !slices.Contains(known, l.Name) {
					t.Errorf("%s has the label %s", name, l.Name)
				}
			})
		}
	}
}

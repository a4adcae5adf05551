package taskdb

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"minilab/internal/hook"
	"minilab/internal/pipeline"
)

// Limits and defaults that hold in every engine.
const (
	MaxID      = 64  // characters
	MaxName    = 128 // bytes of an owner, worker, tag, need or request
	MaxTags    = 32  // of one task
	MaxOutputs = pipeline.MaxOutputs
	MaxFacts   = 64 << 10 // bytes
	MaxDetail  = 1024     // bytes of an error's detail
	MaxClaim   = 64       // tasks of one claim
	MaxBatch   = 1000     // entries of one list of reports
	MaxPage    = 1000     // tasks or events of one answer
	MaxExpire  = 256      // tasks of one Expire
	MaxStage   = 32       // characters
	MaxTold    = 256      // events of one attempt that say how it gets on
	MaxAhead   = 10_000   // tasks that are counted before a waiting one
	MaxLanes   = 100      // lanes of one priority that are looked at for a place
	MaxWait    = time.Minute

	// MaxPageBytes is how many bytes the tasks of one List have, without the
	// last one of them.
	MaxPageBytes = 2 << 20

	SeqLeap = 1_000_000_000 // at least, of the feed of a database that was restored from a backup
	MaxPrio = 9             // priorities go from MinPrio to MaxPrio
	MinPrio = -9

	DefaultOwner = "public"
	DefaultNeeds = "image" // the operations that are built in

	IdempotencyKeep = 24 * time.Hour
	MaxKeep         = 100 * 365 * 24 * time.Hour

	minYear, maxYear = 1970, 9000 // of a time to run at
)

// CheckID is ErrID unless the id is 1 to 64 of a-z, 0-9 and "-", and no
// state's name.
func CheckID(id string) error {
	if !spelled(id) {
		return ErrID.Detailf("an id is 1 to %d of a-z, 0-9 and -", MaxID)
	}
	if State(id).Valid() {
		return ErrID.Detailf("an id is not the name of a state")
	}
	return nil
}

func spelled(id string) bool {
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return len(id) > 0 && len(id) <= MaxID
}

// CheckNew is the error of the first thing that is wrong with a task to be
// created.
func CheckNew(t Task) error {
	if err := CheckID(t.ID); err != nil {
		return err
	}
	switch {
	case t.Source.Key == "" || t.Source.Size < 0:
		return ErrTask.Detailf("a task has a source")
	case t.Priority < MinPrio || t.Priority > MaxPrio:
		return ErrTask.Detailf("a priority is from %d to %d", MinPrio, MaxPrio)
	case len(t.Tags) > MaxTags:
		return ErrTask.Detailf("a task has at most %d tags", MaxTags)
	case len(t.Outputs) > MaxOutputs:
		return ErrTask.Detailf("a task has at most %d outputs", MaxOutputs)
	case t.Keep < 0 || t.Keep > MaxKeep:
		return ErrTask.Detailf("a time to keep is at most %v", MaxKeep)
	case !t.RunAt.IsZero() && (t.RunAt.UTC().Year() < minYear || t.RunAt.UTC().Year() > maxYear):
		return ErrTask.Detailf("a time to run at is in a year from %d to %d", minYear, maxYear)
	}
	if err := checkPipelines(t); err != nil {
		return err
	}
	if err := checkOutputNames(t.Outputs); err != nil {
		return err
	}
	names := append([]string{t.Owner, t.Needs, t.IdempotencyKey, t.IdempotencyHash, t.Fingerprint, t.Trace}, t.Tags...)
	if i := slices.IndexFunc(names, badName); i >= 0 {
		return ErrTask.Detailf("a name has at most %d bytes of UTF-8 without control characters", MaxName)
	}
	if err := checkCallback(t.Callback); err != nil {
		return err
	}
	return checkBirth(t)
}

// checkBirth holds a task that is born finished to the rules of a finish.
func checkBirth(t Task) error {
	switch {
	case t.State == "":
		return nil
	case !slices.Contains(Births, t.State):
		return ErrTask.Detailf("no task begins in the state %q", t.State)
	case t.State == NotStarted:
		return nil
	case t.Token != 1:
		return ErrTask.Detailf("a task that begins finished has the token 1")
	case len(t.Outputs) == 0:
		return ErrTask.Detailf("a task that begins finished has outputs")
	}
	return CheckFinish(t, Finish{Outputs: t.Outputs, Facts: t.Facts})
}

// checkPipelines holds the task's pipeline, and each output's after it, to the
// rules of one. An operation that is not built in is what the task needs.
func checkPipelines(t Task) error {
	outputs := t.Outputs
	if len(outputs) == 0 {
		outputs = []Output{{}}
	}
	for _, o := range outputs {
		if len(t.Pipeline)+len(o.Pipeline) == 0 {
			return ErrTask.Detailf("a task has a pipeline")
		}
		all, err := pipeline.Join(t.Pipeline, o.Pipeline)
		if err != nil {
			return err
		}
		if err := comesBack(all); err != nil {
			return err
		}
		for _, name := range all.Foreign() {
			if name != t.Needs {
				return pipeline.ErrInvalid.Detailf("unknown operation %q: it is not built in and not what the task needs", name)
			}
		}
	}
	return nil
}

// checkOutputNames lets a single output have no name.
func checkOutputNames(outputs []Output) error {
	if len(outputs) == 1 && outputs[0].Name == "" {
		return nil
	}
	for i, o := range outputs {
		if !pipeline.IsOutputName(o.Name) {
			return ErrTask.Detailf("output %d: a name is 1 to 64 of a-z, 0-9, - and _, a letter or digit first", i+1)
		}
		if slices.ContainsFunc(outputs[:i], func(p Output) bool { return p.Name == o.Name }) {
			return ErrTask.Detailf("the output %q is there twice", o.Name)
		}
	}
	return nil
}

// comesBack makes sure that what is written down can be read again: a task that
// cannot would stand in the way of all others.
func comesBack(p pipeline.Pipeline) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	var back pipeline.Pipeline
	if err := json.Unmarshal(data, &back); err != nil || back.String() != p.String() {
		return pipeline.ErrInvalid.Detailf("the pipeline cannot be kept as it is written").Because(err)
	}
	return nil
}

// badName says that a name is too long or cannot be kept by every engine.
func badName(name string) bool {
	return len(name) > MaxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl)
}

func checkCallback(callback string) error {
	if callback == "" {
		return nil
	}
	if err := hook.CheckURL(callback); err != nil {
		return ErrTask.Detailf("the callback: %v", err)
	}
	return nil
}

// CheckClaim is the error of the first thing that is wrong with a claim.
func CheckClaim(r ClaimRequest) error {
	switch {
	case r.Worker == "" || badName(r.Worker):
		return ErrTask.Detailf("a worker has a name of 1 to %d bytes of UTF-8 without control characters", MaxName)
	case r.Max < 0 || r.Max > MaxClaim:
		return ErrTask.Detailf("a claim is for 1 to %d tasks", MaxClaim)
	case r.Wait < 0 || r.Wait > MaxWait:
		return ErrTask.Detailf("a claim waits for at most %v", MaxWait)
	case badName(r.Request) || len(r.Accepts) > MaxTags || slices.ContainsFunc(r.Accepts, badName):
		return ErrTask.Detailf("the request or the list of what is accepted is too long or has control characters")
	}
	if r.ID != "" {
		return CheckID(r.ID)
	}
	return nil
}

// CheckFinish is the error of the first thing that is wrong with a finish of
// that task: every wanted output must be there once, whole.
func CheckFinish(t Task, f Finish) error {
	if len(f.Facts) > MaxFacts || len(f.Facts) > 0 && !isObject(f.Facts) {
		return ErrTask.Detailf("facts are a JSON object of at most %d bytes", MaxFacts)
	}
	if len(f.Outputs) != len(t.Outputs) {
		return ErrTask.Detailf("the task has %d outputs, got %d", len(t.Outputs), len(f.Outputs))
	}
	for _, want := range t.Outputs {
		i := slices.IndexFunc(f.Outputs, func(o Output) bool { return o.Name == want.Name })
		if i < 0 || f.Outputs[i].Key == "" || f.Outputs[i].SHA256 == "" {
			return ErrTask.Detailf("the output %q is missing or has no key or digest", want.Name)
		}
	}
	return nil
}

func isObject(data json.RawMessage) bool {
	var m map[string]json.RawMessage
	return json.Unmarshal(data, &m) == nil && m != nil
}

// CheckFilter is the error of the first thing that is wrong with a filter,
// but for its cursor.
func CheckFilter(f Filter) error {
	if f.State != "" && !f.State.Valid() {
		return ErrTask.Detailf("there is no such state")
	}
	if f.Fingerprint != "" && (f.Owner == "" || f.State != Finished) {
		return ErrTask.Detailf("a fingerprint is looked for among the finished tasks of an owner")
	}
	return nil
}

// CheckPlaces is ErrTask for more ids than places are told for at a time.
func CheckPlaces(n int) error {
	if n > MaxPage {
		return ErrTask.Detailf("places are told for at most %d tasks at a time", MaxPage)
	}
	return nil
}

// CheckBatch is ErrTask for a list of reports that is too long.
func CheckBatch(n int) error {
	if n > MaxBatch {
		return ErrTask.Detailf("a list has at most %d entries", MaxBatch)
	}
	return nil
}

// ClampError makes a worker's error fit: it has a code, and is cut to MaxName
// and MaxDetail bytes.
func ClampError(e Error) Error {
	e = Error{Code: clamp(e.Code, MaxName), Detail: clamp(e.Detail, MaxDetail)}
	if e.Code == "" {
		e.Code = "unknown"
	}
	return e
}

func clamp(text string, limit int) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD")
	for len(text) > limit {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// ClampProgress puts a progress into 0 to 1; what is no number becomes 0.
func ClampProgress(p float64) float64 {
	if !(p > 0) {
		return 0
	}
	return min(p, 1)
}

// ClampStage is the stage, or empty for what cannot be one.
func ClampStage(stage string) string {
	other := func(c rune) bool { return (c < 'a' || c > 'z') && c != '-' }
	if len(stage) > MaxStage || strings.ContainsFunc(stage, other) {
		return ""
	}
	return stage
}

// PageLimit is the number of entries that a page with this limit has.
func PageLimit(limit int) int {
	if limit <= 0 || limit > MaxPage {
		return MaxPage
	}
	return limit
}

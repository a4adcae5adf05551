package master

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"minilab/internal/lab"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// requestHash tells one request from another of the same idempotency key: all
// that is asked for, and of which bytes.
func requestHash(s lab.Submission, source string) string {
	s.Size, s.ContentType, s.IdempotencyKey = 0, "", ""
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a submission is made of what can be written
	}
	return hash(string(text), source)
}

// fingerprint is what tasks have in common whose results are the same, empty
// for one whose results may differ each time: it asks for other images, which
// may change, or for work that is not the engine's own.
func (m *Master) fingerprint(t taskdb.Task) string {
	named := make([]string, 0, 2*len(t.Outputs))
	references := t.Pipeline.References()
	for _, o := range t.Outputs {
		named = append(named, o.Name, o.Pipeline.String())
		references = append(references, o.Pipeline.References()...)
	}
	if len(references) > 0 || t.Needs != "" && t.Needs != taskdb.DefaultNeeds {
		return ""
	}
	return hash(append([]string{m.Version, t.Source.SHA256, t.Pipeline.String()}, named...)...)
}

// hash is a digest of texts, each with its length, in hex.
func hash(texts ...string) string {
	text, err := json.Marshal(texts)
	if err != nil {
		panic(err) // strings can be written
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// reused is the task as one that has finished, with results of its own, when
// its owner has had the same made of the same bytes before; else the task as it
// is. Nothing that goes wrong here stands in the way of making it anew.
func (m *Master) reused(ctx context.Context, t taskdb.Task, fresh bool) taskdb.Task {
	t.Fingerprint = m.fingerprint(t)
	if fresh || t.Fingerprint == "" {
		return t
	}
	page, err := m.DB.List(ctx, taskdb.Filter{
		Owner: ownerOr(t.Owner), State: taskdb.Finished, Fingerprint: t.Fingerprint, Descending: true, Limit: 1,
	})
	if err != nil || len(page.Tasks) == 0 {
		return t
	}
	born := t
	born.State, born.Token, born.Facts = taskdb.Finished, 1, page.Tasks[0].Facts
	born.Outputs = nil
	for _, o := range page.Tasks[0].Outputs {
		key := taskdb.ResultKey(born, o.Name)
		if info, err := m.Storage.Copy(ctx, storage.Finished, o.Key, key); err != nil || info.SHA256 != o.SHA256 {
			m.Log.InfoContext(ctx, "results are made anew", "task_id", t.ID, "of", page.Tasks[0].ID, "error", err)
			m.discard(ctx, storage.Finished, key) // whatever there is of it
			m.discardOutputs(ctx, born)
			return t
		}
		o.Key = key
		born.Outputs = append(born.Outputs, o)
	}
	return born
}

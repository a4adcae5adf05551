package taskdb_test

import (
	"errors"
	"testing"
	"time"

	"minilab/internal/pipeline"
	"minilab/internal/taskdb"
)

// A time that JSON cannot write must not get into the database.
func TestTimesOutOfRangeAreRefused(t *testing.T) {
	task := taskdb.Task{ID: "t", Owner: taskdb.DefaultOwner, Needs: taskdb.DefaultNeeds, Pipeline: pipeline.Default(), Source: taskdb.Blob{Key: "k"}}
	west, east := time.FixedZone("", -14*3600), time.FixedZone("", 14*3600)
	for _, at := range []time.Time{
		time.Date(9999, 12, 31, 23, 59, 59, 0, west), time.Date(0, 1, 1, 0, 0, 0, 0, east), time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC),
	} {
		bad := task
		bad.RunAt = at
		if err := taskdb.CheckNew(bad); !errors.Is(err, taskdb.ErrTask) {
			t.Errorf("to run at %v: %v", at, err)
		}
	}
	for _, keep := range []time.Duration{-1, taskdb.MaxKeep + 1} {
		bad := task
		bad.Keep = keep
		if err := taskdb.CheckNew(bad); !errors.Is(err, taskdb.ErrTask) {
			t.Errorf("to keep for %v: %v", keep, err)
		}
	}
	good := task
	good.RunAt, good.Keep = time.Now(), taskdb.MaxKeep
	if err := taskdb.CheckNew(good); err != nil {
		t.Error(err)
	}
}

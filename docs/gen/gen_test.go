package main

import (
	"os"
	"path/filepath"
	"testing"

	"minilab/internal/pipeline"
)

// TestEveryOperationHasItsPicture in the docs, and the engine can make it.
func TestEveryOperationHasItsPicture(t *testing.T) {
	made := t.TempDir()
	if err := drawAll(made); err != nil {
		t.Fatal(err)
	}
	for _, op := range pipeline.Ops() {
		for _, folder := range []string{made, "../operations"} {
			data, err := os.ReadFile(filepath.Join(folder, op.Name+".webp"))
			if err != nil {
				t.Errorf("run make pictures: %v", err)
				continue
			}
			if m, err := look(data); err != nil || m.Bounds().Dx() <= width {
				t.Errorf("%s/%s.webp is no picture of before and after: %v", folder, op.Name, err)
			}
		}
	}
}

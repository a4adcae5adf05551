package master_test

import (
	"testing"

	"minilab/internal/lab/labtest"
	"minilab/internal/master/mastertest"
)

func TestMaster(t *testing.T) { labtest.Run(t, mastertest.Open) }

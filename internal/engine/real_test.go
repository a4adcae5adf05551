package engine_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"testing"

	"minilab/internal/engine"
	"minilab/internal/engine/enginetest"
	"minilab/internal/pipeline"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

func TestJPEGThroughThePool(t *testing.T) {
	pool := enginetest.Pool(t, engine.Config{Path: enginetest.Engine(t), Limits: engine.DefaultLimits()})
	t.Logf("%+v", pool.Hello())
	src := image.NewNRGBA(image.Rect(0, 0, 64, 48))
	for i := range 64 * 48 {
		src.SetNRGBA(i%64, i/64, color.NRGBA{200, 100, 50, 255})
	}
	var in bytes.Buffer
	if err := jpeg.Encode(&in, src, nil); err != nil {
		t.Fatal(err)
	}
	result, err := pool.Run(t.Context(), engine.Job{Owner: "a", Pipeline: pipeline.Default(), Input: enginetest.Input(t, in.Bytes())})
	if err != nil {
		t.Fatal(err)
	}
	defer result.Output.Close()
	data, err := io.ReadAll(result.Output.Reader())
	if err != nil {
		t.Fatal(err)
	}
	out, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(out.At(10, 10), result)
}

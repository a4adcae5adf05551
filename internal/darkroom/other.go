package darkroom

import "minilab/internal/pipeline"

// otherOperations change no pixel.
var otherOperations = map[string]operation{
	"facts": facts,
	"strip": strip,
}

func strip(s *Sheet, step pipeline.Step) {
	if step.Value("what") == "gps" {
		s.Strip.GPS = true
		return
	}
	s.Strip.All, s.Strip.KeepCopyright, s.Strip.KeepICC = true, step.Flag("copyright"), step.Flag("icc")
}

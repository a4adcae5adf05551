package darkroom

import "minilab/internal/pipeline"

// otherOperations change no pixel.
var otherOperations = map[string]operation{
	"facts": facts,
	"strip": strip,
}

func strip(s *Sheet, step pipeline.Step) { s.Strip = Stripped(s.Strip, step) }

// Stripped is what is not written after a strip step either.
func Stripped(s Strip, step pipeline.Step) Strip {
	if step.Value("what") == "gps" {
		s.GPS = true
		return s
	}
	s.All, s.KeepCopyright, s.KeepICC = true, step.Flag("copyright"), step.Flag("icc")
	return s
}

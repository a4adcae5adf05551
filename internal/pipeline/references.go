package pipeline

import "slices"

// maxReference is the length of the name of what is kept elsewhere, in bytes.
const maxReference = 128

// IsReference says that an operation can ask for something of this name.
func IsReference(name string) bool {
	return name != "" && len(name) <= maxReference && isReference(name)
}

// References are the names of what the step asks for and is kept elsewhere.
func (s Step) References() []string {
	var names []string
	for i, p := range s.op.Params {
		if p.Kind == Reference && s.values[i] != "" {
			names = append(names, s.values[i])
		}
	}
	return names
}

// References are the names of what the operations ask for and is kept elsewhere,
// each once.
func (p Pipeline) References() []string {
	var names []string
	for _, s := range p {
		for _, name := range s.References() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

package preset

import (
	"strconv"
	"strings"
)

// maxName is the length of a preset's name without its version, in bytes.
const maxName = 64

// MaxVersion is the last version that a preset may have.
const MaxVersion = 999_999_999

// Name is a preset's: NAME of the live one, NAME@VERSION of a version.
type Name struct {
	Base    string
	Version int // from 1; 0: the live one
}

// ParseName reads a name; what is none is ErrInvalid.
func ParseName(text string) (Name, error) {
	base, version, versioned := strings.Cut(text, "@")
	if !spelled(base) {
		return Name{}, ErrInvalid.Detailf(`a preset's name is 1 to %d of a-z, 0-9, ".", "-" and "_", a letter or digit first, and perhaps "@" with a version behind it`, maxName)
	}
	if !versioned {
		return Name{Base: base}, nil
	}
	n, err := strconv.Atoi(version)
	if err != nil || n < 1 || n > MaxVersion || strconv.Itoa(n) != version {
		return Name{}, ErrInvalid.Detailf("a preset's version is a number from 1 to %d without leading zeroes", MaxVersion)
	}
	return Name{base, n}, nil
}

func spelled(base string) bool {
	return base != "" && len(base) <= maxName && !strings.ContainsRune(".-_", rune(base[0])) && !strings.ContainsFunc(base, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	})
}

// String is the name as ParseName reads it.
func (n Name) String() string {
	if n.Version == 0 {
		return n.Base
	}
	return n.Base + "@" + strconv.Itoa(n.Version)
}

// IsVersion says that a key of the key-value store is that of a preset's
// version, which is written once.
func IsVersion(key string) bool {
	text, ok := strings.CutPrefix(key, Prefix)
	n, err := ParseName(text)
	return ok && err == nil && n.Version > 0
}

// Find says which of the presets a name means: the one of that very name, else
// of a live one that is not there the highest version.
func Find[T any](presets map[string]T, n Name) (Name, T, bool) {
	if p, ok := presets[n.String()]; ok || n.Version > 0 {
		return n, p, ok
	}
	highest := n
	for text := range presets {
		if !strings.HasPrefix(text, n.Base+"@") {
			continue
		}
		if other, err := ParseName(text); err == nil && other.Version > highest.Version {
			highest = other
		}
	}
	p, ok := presets[highest.String()]
	return highest, p, ok
}

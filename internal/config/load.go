package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"minilab/internal/fault"
)

// EnvPrefix begins the names of the variables: --max-bytes is MINILAB_MAX_BYTES.
const EnvPrefix = "MINILAB_"

// configFlag names the YAML file itself.
const configFlag = "config"

// CallerVariables are what the commands that call a frontend read, and what
// workers of one's own do: they are no settings of a service, and may be there
// when one starts.
var CallerVariables = []string{EnvPrefix + "SERVER", EnvPrefix + "KEY", EnvPrefix + "TOKEN"}

// delim separates levels of keys; no setting has levels.
const delim = "."

// AddFlags declares a flag for every setting, and --config.
func AddFlags(fs *pflag.FlagSet) {
	fs.String(configFlag, "", "YAML file with settings; also MINILAB_CONFIG")
	for _, s := range settings {
		if s.isBool {
			fs.Bool(s.name, s.value == "true", s.doc)
			continue
		}
		fs.String(s.name, s.value, s.doc)
	}
}

// Load reads the settings. environ is like os.Environ's.
func Load(fs *pflag.FlagSet, environ []string) (Config, error) {
	k, err := merge(fs, environ)
	if err != nil {
		return Config{}, err
	}
	var c Config
	faults := unknown(k)
	for _, s := range settings {
		if err := s.set(&c, k.String(s.name)); err != nil {
			faults = append(faults, fmt.Errorf("%s %w", s.name, err))
		}
	}
	if len(faults) == 0 {
		faults = append(faults, c.fits())
	}
	return c, errors.Join(faults...)
}

func merge(fs *pflag.FlagSet, environ []string) (*koanf.Koanf, error) {
	k := koanf.New(delim)
	vars := env.Provider(delim, env.Opt{
		Prefix:        EnvPrefix,
		TransformFunc: func(name, value string) (string, any) { return settingName(name), value },
		EnvironFunc:   func() []string { return environ },
	})
	if err := k.Load(vars, nil); err != nil {
		return nil, fmt.Errorf("environment: %w", err)
	}
	path, _ := fs.GetString(configFlag)
	if path == "" {
		path = k.String(configFlag)
	}
	if path != "" {
		file, err := readFile(path)
		if err != nil {
			return nil, err
		}
		if err := file.Merge(k); err != nil { // the environment over the file
			return nil, fmt.Errorf("config %s: %w", path, err)
		}
		k = file
	}
	if err := k.Load(posflag.Provider(onlySettings(fs), delim, k), nil); err != nil {
		return nil, fmt.Errorf("flags: %w", err)
	}
	return k, nil
}

// settingName turns MINILAB_MAX_BYTES into max-bytes, and what is no setting
// into nothing.
func settingName(variable string) string {
	if slices.Contains(CallerVariables, variable) {
		return ""
	}
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(variable, EnvPrefix)), "_", "-")
}

func readFile(path string) (*koanf.Koanf, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.ErrInvalid.Detailf("config file cannot be read: %v", err)
	}
	k := koanf.New(delim)
	if err := k.Load(rawbytes.Provider(data), yaml.Parser()); err != nil {
		return nil, fault.ErrInvalid.Detailf("config file %s is not valid YAML: %v", path, err)
	}
	return k, nil
}

// onlySettings leaves out the flags that commands have besides.
func onlySettings(fs *pflag.FlagSet) *pflag.FlagSet {
	out := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.VisitAll(func(f *pflag.Flag) {
		if known(f.Name) {
			out.AddFlag(f)
		}
	})
	return out
}

func known(name string) bool {
	return slices.ContainsFunc(settings, func(s setting) bool { return s.name == name })
}

func unknown(k *koanf.Koanf) []error {
	var faults []error
	for _, key := range k.Keys() {
		if !known(key) && key != configFlag {
			faults = append(faults, fmt.Errorf("%s is not a setting", key))
		}
	}
	return faults
}

// Print shows the effective values as YAML, secrets masked.
func Print(fs *pflag.FlagSet, environ []string) (string, error) {
	if _, err := Load(fs, environ); err != nil {
		return "", err
	}
	k, err := merge(fs, environ)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, s := range settings {
		value := k.String(s.name)
		if s.secret {
			value = mask(value)
		}
		fmt.Fprintf(&b, "%s: %s\n", s.name, quote(value))
	}
	return b.String(), nil
}

// quote writes a value as a YAML string where it would be read as something else.
func quote(v string) string {
	if !utf8.ValidString(v) { // a folder may have such a name, a YAML string may not
		return "!!binary " + base64.StdEncoding.EncodeToString([]byte(v))
	}
	k := koanf.New(delim)
	if k.Load(rawbytes.Provider([]byte("v: "+v)), yaml.Parser()) == nil && v != "" && k.String("v") == v && len(k.Keys()) == 1 {
		return v
	}
	return fmt.Sprintf("%q", v)
}

// Markdown is the table of settings for the documentation.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| flag | variable | default | what it is |\n| --- | --- | --- | --- |\n")
	for _, s := range settings {
		variable := EnvPrefix + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
		fmt.Fprintf(&b, "| `--%s` | `%s` | `%s` | %s |\n", s.name, variable, s.value, s.doc)
	}
	return b.String()
}

package config

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	envPrefix         = "PARLEY_"
	webhooksEnvPrefix = envPrefix + "WEBHOOKS_"
	// referenceEnvPrefix is what the reference reads its callbacks' settings from.
	referenceEnvPrefix = "IMENV_"

	enableSetting = "webhooks.enable"
	urlSetting    = "webhooks.url"
)

// Sources is where Load looks, weakest first. The zero value gives the defaults.
type Sources struct {
	// File is the path of the YAML file; empty means none.
	File string
	// Env is the environment as os.Environ gives it; nil means none.
	Env []string
	// Flags are settings by name ("api.listen") that were given on the command line.
	Flags map[string]string
}

// Load reads the sources and validates the result. The error is [Faults] with
// everything that is wrong; the configuration is returned beside it, good
// enough to be shown but not to be served with.
func Load(src Sources) (*Config, error) {
	l := loader{cfg: Default(), settings: settings()}
	if src.File != "" {
		l.loadFile(src.File)
	}
	l.applyEnv(src.Env)
	l.applyFlags(src.Flags)
	l.cfg.warnings = l.warnings
	return l.cfg, append(l.faults, l.cfg.faults()...).orNil()
}

// parse is Load for the text of a file alone, which tests and the fuzzer want.
func parse(name string, data []byte) (*Config, error) {
	l := loader{cfg: Default(), settings: settings()}
	l.applyFile(name, data)
	l.cfg.warnings = l.warnings
	return l.cfg, append(l.faults, l.cfg.faults()...).orNil()
}

type loader struct {
	cfg      *Config
	settings []setting
	faults   Faults
	warnings []string
}

func (l *loader) fault(settingName, where, text string) {
	l.faults = append(l.faults, Fault{Setting: settingName, Where: where, Text: text})
}

func (l *loader) warn(format string, args ...any) {
	l.warnings = append(l.warnings, fmt.Sprintf(format, args...))
}

// ---- file

func (l *loader) loadFile(path string) {
	f, err := os.Open(path)
	if err != nil {
		l.fault("", "config file "+path, causeOf(err))
		return
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		l.fault("", "config file "+path, causeOf(err))
		return
	}
	l.applyFile(path, data)
}

func (l *loader) applyFile(name string, data []byte) {
	root, err := parseTree(data)
	if err != nil {
		where := name
		if le, ok := err.(*lineError); ok { //nolint:errorlint // parseTree returns it unwrapped
			where = name + ":" + strconv.Itoa(le.line)
		}
		l.fault("", where, err.Error())
		return
	}
	l.applyTable(name, "", root)
}

// applyTable applies the table at a path ("" is the whole file) of the ordinary, strict part.
func (l *loader) applyTable(file, path string, t *tree) {
	if t.kind == treeNull {
		return
	}
	if t.kind != treeTable {
		l.fault(path, place(file, t.line), "must be a table of settings")
		return
	}
	for _, p := range t.pairs {
		name := join(path, p.key)
		switch {
		case name == "webhooks":
			l.applyWebhooks(file, p.value)
		case l.isTable(name):
			l.applyTable(file, name, p.value)
		default:
			s, ok := l.find(name)
			if !ok {
				l.fault(name, place(file, p.line), "is not a setting"+l.hintFor(path, p.key))
				continue
			}
			l.setFromTree(s, l.cfg, s.name, file, p)
		}
	}
}

// hintFor says what an unknown key was probably meant to be.
func (l *loader) hintFor(path, key string) string {
	if _, ok := findCallbackKey(key); ok {
		return ", a callback stands under webhooks:"
	}
	var known []string
	for _, s := range l.settings {
		if rest, ok := strings.CutPrefix(s.name, path+"."); ok || path == "" {
			if path == "" {
				rest = s.name
			}
			first, _, _ := strings.Cut(rest, ".")
			known = append(known, first)
		}
	}
	return hint(key, known)
}

// applyWebhooks applies the section that takes the reference's text: unknown
// keys become warnings, keys are found whatever their letter case.
func (l *loader) applyWebhooks(file string, t *tree) {
	if t.kind == treeNull {
		return
	}
	if t.kind != treeTable {
		l.fault("webhooks", place(file, t.line), "must be a table of callbacks")
		return
	}
	enabled := false
	for _, p := range t.pairs {
		if key, ok := findCallbackKey(p.key); ok {
			l.applyCallback(file, key, p.value)
			continue
		}
		if s, ok := l.find("webhooks." + p.key); ok {
			l.setFromTree(s, l.cfg, s.name, file, p)
			enabled = enabled || s.name == enableSetting
			if s.name == urlSetting && p.value.kind == treeText && p.value.text == "" {
				// Whoever blanks the address does not want the default one to be called.
				l.cfg.Webhooks.URL = ""
				l.cfg.setOrigin(urlSetting, Origin{Source: FromFile, Where: place(file, p.line)})
			}
			continue
		}
		if p.key == "callback" {
			l.warn("%s: webhooks.callback is ignored, the callbacks must stand directly under webhooks:", place(file, p.line))
			continue
		}
		l.warn("%s: webhooks.%s is not known and is ignored%s", place(file, p.line), p.key, hint(p.key, callbackKeys()))
	}
	// After the blocks: the reference's text says `enable: false` in each of them,
	// and a list written beside it must not be without effect.
	if enabled {
		l.enable(l.cfg.Origin(enableSetting))
	}
}

func (l *loader) applyCallback(file, key string, t *tree) {
	name := "webhooks." + key
	if t.kind == treeNull {
		return
	}
	if t.kind != treeTable {
		l.fault(name, place(file, t.line), "must be a block with enable, timeout and so on")
		return
	}
	cb := l.cfg.Webhooks.Callbacks[key]
	fields := callbackFields()
	for _, p := range t.pairs {
		i := slices.IndexFunc(fields, func(s setting) bool { return strings.EqualFold(s.name, p.key) })
		if i < 0 {
			l.warn("%s: %s.%s is not known and is ignored%s", place(file, p.line), name, p.key, hint(p.key, namesOf(fields)))
			continue
		}
		l.setFromTree(fields[i], &cb, name+"."+fields[i].name, file, p)
	}
	l.cfg.Webhooks.Callbacks[key] = cb
}

// setFromTree sets a leaf from the file. Null and empty leave it as it is.
func (l *loader) setFromTree(s setting, target any, name, file string, p pair) {
	where := place(file, p.line)
	var text string
	switch p.value.kind {
	case treeNull:
		return
	case treeText:
		text = p.value.text
	case treeList:
		var ok bool
		if text, ok = listText(p.value); !ok || !s.list {
			l.fault(name, where, "must be "+shape(s))
			return
		}
	default:
		l.fault(name, where, "must be "+shape(s))
		return
	}
	l.set(s, target, name, text, Origin{Source: FromFile, Where: where})
}

func (l *loader) set(s setting, target any, name, text string, from Origin) {
	if strings.TrimSpace(text) == "" {
		return
	}
	if err := s.set(target, text); err != nil {
		l.fault(name, from.Where, err.Error())
		return
	}
	l.cfg.setOrigin(name, from)
}

func shape(s setting) string {
	if s.list {
		return "a list of plain values"
	}
	return "a single value"
}

// listText turns a list of scalars into the JSON array that list settings parse.
func listText(t *tree) (text string, ok bool) {
	entries := make([]string, 0, len(t.items))
	for _, item := range t.items {
		switch item.kind {
		case treeNull:
		case treeText:
			entries = append(entries, item.text)
		default:
			return "", false
		}
	}
	data, err := json.Marshal(entries)
	return string(data), err == nil
}

// ---- environment and flags

func (l *loader) applyEnv(environ []string) {
	vars := make(map[string]string)
	reference := false
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, envPrefix) && !isServiceLink(name) {
			vars[name] = strings.TrimSpace(value)
		}
		reference = reference || strings.HasPrefix(name, referenceEnvPrefix)
	}
	if reference {
		l.warn("variables that begin with %s belong to another server and are not read, ours begin with %s", referenceEnvPrefix, envPrefix)
	}
	for _, s := range l.settings {
		value, ok := vars[s.env]
		if !ok {
			continue
		}
		delete(vars, s.env)
		from := Origin{Source: FromEnv, Where: s.env}
		l.set(s, l.cfg, s.name, value, from)
		if s.name == enableSetting && value != "" {
			l.enable(from)
		}
	}
	// What is left names a callback or nothing. These come after the list, so
	// that "all, except one" can be said in the environment.
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		key, field, ok := findCallbackVariable(name)
		if !ok {
			l.fault(name, "", "is not a variable of parley"+hint(name, l.variables()))
			continue
		}
		cb := l.cfg.Webhooks.Callbacks[key]
		l.set(field, &cb, "webhooks."+key+"."+field.name, vars[name], Origin{Source: FromEnv, Where: name})
		l.cfg.Webhooks.Callbacks[key] = cb
	}
}

// isServiceLink recognises the variables that Kubernetes puts into every
// container for each service around it. A service named "parley" or
// "parley-api" makes them look like ours, and nobody can take them away.
func isServiceLink(name string) bool {
	return regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`).MatchString(name)
}

// findCallbackVariable takes PARLEY_WEBHOOKS_<KEY>_<FIELD> apart.
func findCallbackVariable(name string) (key string, field setting, ok bool) {
	rest, ok := strings.CutPrefix(name, webhooksEnvPrefix)
	if !ok {
		return "", setting{}, false
	}
	upper, part, _ := strings.Cut(rest, "_")
	if upper != strings.ToUpper(upper) {
		return "", setting{}, false
	}
	if key, ok = findCallbackKey(upper); !ok {
		return "", setting{}, false
	}
	for _, s := range callbackFields() {
		if s.env == part {
			return key, s, true
		}
	}
	return "", setting{}, false
}

// variables lists every variable there is.
func (l *loader) variables() []string {
	var all []string
	for _, s := range l.settings {
		all = append(all, s.env)
	}
	for _, key := range callbackKeys() {
		for _, s := range callbackFields() {
			all = append(all, webhooksEnvPrefix+strings.ToUpper(key)+"_"+s.env)
		}
	}
	return all
}

func (l *loader) applyFlags(flags map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		s, ok := l.find(name)
		if !ok {
			l.fault(name, "", "is not a setting")
			continue
		}
		from := Origin{Source: FromFlag}
		l.set(s, l.cfg, s.name, flags[name], from)
		if s.name == enableSetting {
			l.enable(from)
		}
	}
}

// enable carries out webhooks.enable for the source that set it.
func (l *loader) enable(from Origin) {
	keys, err := l.cfg.Webhooks.turnOn(l.cfg.Webhooks.Enable)
	for _, key := range keys {
		l.cfg.setOrigin("webhooks."+key+".enable", from)
	}
	if err != nil {
		l.fault(enableSetting, from.Where, err.Error())
	}
}

// ---- names

func (l *loader) find(name string) (setting, bool) {
	for _, s := range l.settings {
		if s.name == name {
			return s, true
		}
	}
	return setting{}, false
}

func (l *loader) isTable(name string) bool {
	return slices.ContainsFunc(l.settings, func(s setting) bool { return strings.HasPrefix(s.name, name+".") })
}

func namesOf(list []setting) []string {
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.name
	}
	return names
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func place(file string, line int) string { return file + ":" + strconv.Itoa(line) }

// causeOf drops operation and path from a file error, which the caller has named already.
func causeOf(err error) string {
	if pe, ok := err.(*fs.PathError); ok { //nolint:errorlint // straight from package os
		return pe.Err.Error()
	}
	return err.Error()
}

package obs

import (
	"runtime"
	"runtime/debug"
)

// Build says what the program was built from.
type Build struct {
	// Version is the module's version, or "dev" for a build outside of a release.
	Version string `json:"version"`
	// Commit is the revision, with "+dirty" when the tree had changes; empty when unknown.
	Commit string `json:"commit"`
	// Go is the version of the toolchain.
	Go string `json:"go"`
}

// ReadBuild reads what the toolchain stamped into the running program.
func ReadBuild() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Build{Version: "dev", Go: runtime.Version()}
	}
	return buildOf(info)
}

func buildOf(info *debug.BuildInfo) Build {
	b := Build{Version: info.Main.Version, Go: info.GoVersion}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "dev"
	}
	dirty := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			dirty = s.Value == "true"
		}
	}
	if dirty && b.Commit != "" {
		b.Commit += "+dirty"
	}
	return b
}

// String is the build on one line.
func (b Build) String() string {
	commit := b.Commit
	if commit == "" {
		commit = "unknown"
	}
	return "parley " + b.Version + " commit " + commit + " " + b.Go
}

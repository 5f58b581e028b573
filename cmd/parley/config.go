package main

import (
	"errors"
	"strings"

	"parley/internal/config"
	"parley/internal/obs"
)

// configCmd is `parley config`.
type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Say ok, or everything that is wrong."`
	Print configPrintCmd `cmd:"" help:"Print the effective configuration and where each value comes from."`
}

// configCheckCmd is `parley config check`.
type configCheckCmd struct{ sources }

// Run prints ok and what the webhooks will do, or all faults.
func (c *configCheckCmd) Run(m *Main) error {
	cfg, err := c.load(m, nil)
	report := cfg.Report()
	lines := append([]string{"ok"}, report.Lines()...)
	if err != nil {
		lines = faultLines(err)
		for _, w := range report.Warnings {
			lines = append(lines, "warning: "+w)
		}
	}
	if sayErr := m.say(strings.Join(lines, "\n")); sayErr != nil {
		return sayErr
	}
	if err != nil {
		return errSaid
	}
	return nil
}

// configPrintCmd is `parley config print`.
type configPrintCmd struct{ sources }

// Run prints what is in force, also when it is faulty: that is when one looks.
func (c *configPrintCmd) Run(m *Main) error {
	cfg, err := c.load(m, nil)
	if printErr := cfg.Print(m.Stdout); printErr != nil {
		return printErr
	}
	return err
}

func faultLines(err error) []string {
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		return []string{err.Error()}
	}
	lines := make([]string, len(faults))
	for i, f := range faults {
		lines[i] = f.String()
	}
	return lines
}

// versionCmd is `parley version`.
type versionCmd struct{}

// Run prints one line.
func (versionCmd) Run(m *Main) error { return m.say(obs.ReadBuild().String()) }

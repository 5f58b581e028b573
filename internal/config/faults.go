package config

import "strings"

// Fault is one thing wrong with a configuration.
type Fault struct {
	// Setting is the path in the file ("api.listen"), or the variable when no
	// setting of that name exists; empty when the file as a whole is at fault.
	Setting string
	// Where is the line or variable that holds the faulty value; empty when it is not known.
	Where string
	// Text says what is wrong and what would be right. It never holds a secret.
	Text string
}

// String is the fault as one line.
func (f Fault) String() string {
	switch {
	case f.Setting == "" && f.Where == "":
		return f.Text
	case f.Setting == "":
		return f.Where + ": " + f.Text
	case f.Where == "" || f.Where == f.Setting:
		return f.Setting + ": " + f.Text
	}
	return f.Setting + " (" + f.Where + "): " + f.Text
}

// Faults is the error of [Load] and [Config.Validate]: everything that is wrong, in the order of the settings.
type Faults []Fault

// Error joins all faults to one line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "; ")
}

// orNil keeps an empty list from becoming a non-nil error.
func (fs Faults) orNil() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}

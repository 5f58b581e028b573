//go:build unix

package storetest

import (
	"syscall"
	"testing"
	"time"
)

// ProcessorTime is what this process has used up, user and system. Unlike the clock it
// says little of what else the machine does.
func ProcessorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	noErr(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

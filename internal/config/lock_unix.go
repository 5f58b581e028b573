//go:build unix && !solaris && !illumos && !aix

package config

import (
	"errors"
	"os"
	"syscall"
)

// lockFileAt opens and locks a file. flock belongs to the open file, so a second
// server in the same process is refused as well.
func lockFileAt(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = errLocked
	}
	return nil, errors.Join(err, f.Close())
}

// unlockFile ends the lock at once. Closing alone would not while a child process
// that is just being started still has the file open.
func unlockFile(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }

package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const lockFile = "parley.lock"

// errLocked is what the lockFileAt of each system returns when another open
// file holds the lock.
var errLocked = errors.New("locked")

// LockDir makes this process the only one that serves from a directory, and
// creates the directory when it is missing. The lock ends with release or with
// the process, however it ends; the file stays behind on purpose, since removing
// it would let two processes lock two files of one name.
func LockDir(dir string) (release func() error, err error) {
	if err := createDataDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, lockFile)
	f, err := lockFileAt(path)
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("data directory %s is in use by another parley (%s), choose another one with dataDir", dir, holder(path))
	}
	if err != nil {
		return nil, fmt.Errorf("dataDir: cannot lock %s: %w", path, unwrapPath(err))
	}
	if err := writePID(f); err != nil {
		return nil, errors.Join(fmt.Errorf("dataDir: cannot write %s: %w", path, unwrapPath(err)), f.Close())
	}
	return func() error {
		// An empty file says that nobody holds it to those who only look.
		return errors.Join(f.Truncate(0), unlockFile(f), f.Close())
	}, nil
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder names the process that holds a lock. Between taking the lock and
// writing its number a holder is unknown for a moment.
func holder(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "process unknown"
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
	data, err := io.ReadAll(io.LimitReader(f, 32))
	pid, convErr := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || convErr != nil {
		return "process unknown"
	}
	return "process " + strconv.Itoa(pid)
}

package config

import (
	"errors"
	"os"
	"syscall"
)

// errSharingViolation is what the system answers when another handle forbids this one.
const errSharingViolation = syscall.Errno(32)

// lockFileAt opens a file in a way that lets others read it but not open it for
// writing, which every other server would need.
func lockFileAt(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ,
		nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharingViolation) {
		return nil, errLocked
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), path), nil
}

// unlockFile has nothing to do: closing the file ends the lock.
func unlockFile(*os.File) error { return nil }

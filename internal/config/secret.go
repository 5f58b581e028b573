package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	secretFile = "secret"
	// minSecretLen refuses what can be guessed; a generated secret has 43 characters.
	minSecretLen = 16
	// generatedBytes is the block of the hash that tokens are signed with.
	generatedBytes = 32
)

// ResolveSecret returns the server's secret: the configured one, or else the
// one in the data directory, which it generates at first start (generated is
// then true). The directory is created when it is missing.
//
// Two processes may call it at once on a fresh directory, for example a server
// and `parley token`: both get the same secret.
func ResolveSecret(dataDir, configured string) (secret string, generated bool, err error) {
	if configured != "" {
		if err := checkConfiguredSecret(configured); err != nil {
			return "", false, fmt.Errorf("secret: %w", err)
		}
		return configured, false, nil
	}
	path := filepath.Join(dataDir, secretFile)
	secret, err = readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, false, err
	}
	if err := createDataDir(dataDir); err != nil {
		return "", false, err
	}
	random := make([]byte, generatedBytes)
	_, _ = rand.Read(random) // never fails: it ends the process instead
	secret = base64.RawURLEncoding.EncodeToString(random)
	switch err := createFile(path, secret+"\n"); {
	case errors.Is(err, fs.ErrExist):
		secret, err = readSecret(path)
		return secret, false, err
	case err != nil:
		return "", false, fmt.Errorf("cannot keep the generated secret in %s: %w; dataDir must be writable", path, err)
	}
	return secret, true, nil
}

func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("cannot read the generated secret: %w", err)
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("cannot read the generated secret: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes))
	if err != nil {
		return "", fmt.Errorf("cannot read the generated secret: %w", err)
	}
	secret := strings.TrimSpace(string(data))
	if err := checkSecret(secret); err != nil {
		return "", fmt.Errorf("the secret in %s %w; remove the file to have a new one generated (all users must then log in again), or set secret", path, err)
	}
	// Restoring a backup or a volume's group policy may have widened the mode.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(path, 0o600); err != nil {
			return "", fmt.Errorf("the generated secret can be read by other users and that cannot be changed: %w", err)
		}
	}
	return secret, nil
}

// checkSecret refuses secrets that an outsider knows or can guess: whoever has
// the secret can mint a token for every user.
func checkSecret(secret string) error {
	for _, known := range []string{
		"openIM123", "openIM", "secret", "password", "changeme", "change-me", "change_me",
		"changemechangeme", "openIM123openIM123", "your-secret-here", "your_secret_here",
		"0123456789abcdef", "1234567890123456", "1234567890abcdef", "abcdefghijklmnop",
	} {
		if strings.EqualFold(secret, known) {
			return errors.New("is a well-known example that everybody can try")
		}
	}
	if len(secret) < minSecretLen {
		return fmt.Errorf("is too short: it has %d characters and needs at least %d", len(secret), minSecretLen)
	}
	return nil
}

func checkConfiguredSecret(secret string) error {
	if err := checkSecret(secret); err != nil {
		return fmt.Errorf("%w; leave it empty to have one generated", err)
	}
	return nil
}

func createDataDir(dir string) error {
	// Chats and media are nobody else's business on a shared machine.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("dataDir: cannot create %s: %w", dir, unwrapPath(err))
	}
	return nil
}

// createFile makes a file of mode 0600 that either has the whole text and is on
// the disk, or does not exist. It fails with fs.ErrExist rather than replace one.
func createFile(path, text string) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // already gone when it was renamed
	_, err = tmp.WriteString(text)
	if err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	// A link, unlike a rename, does not replace what another process made meanwhile.
	err = os.Link(tmp.Name(), path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		// File systems without links: the loser of a race would win, which is
		// better than no secret at all.
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir puts a new name on the disk. Windows cannot sync directories and does not need it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

func unwrapPath(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

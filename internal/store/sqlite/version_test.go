package sqlite_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestLibcVersion wants modernc.org/libc in exactly the version that the SQLite
// driver was built and tested with: a newer one compiles and then corrupts memory.
func TestLibcVersion(t *testing.T) {
	t.Parallel()
	const driver, libc = "modernc.org/sqlite", "modernc.org/libc"
	run := func(args ...string) string {
		t.Helper()
		var stderr bytes.Buffer
		cmd := exec.Command("go", args...)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
		}
		return strings.TrimSpace(string(out))
	}
	used := run("list", "-m", "-f", "{{.Version}}", libc)
	version, file, _ := strings.Cut(run("list", "-m", "-f", "{{.Version}} {{.GoMod}}", driver), " ")
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(s.Text()), "require "))
		if len(fields) >= 2 && fields[0] == libc {
			if fields[1] != used {
				t.Errorf("%s %s wants %s %s, go.mod has %s", driver, version, libc, fields[1], used)
			}
			return
		}
	}
	t.Errorf("the go.mod of %s %s does not name %s", driver, version, libc)
}

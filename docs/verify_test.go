package docs_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSamplesVerify runs the samples of verify.md, in the languages that are on
// the machine, with good and bad signatures.
func TestSamplesVerify(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/webhooks/verify.md")
	for _, l := range []struct{ fence, file, program, flag string }{
		{"go", "main.go", "go", "run"},
		{"js", "verify.js", "node", ""},
		{"python", "verify.py", "python3", ""},
		{"java", "Verify.java", "java", ""},
		{"php", "verify.php", "php", ""},
	} {
		t.Run(l.fence, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(l.program); err != nil {
				t.Skipf("%s is not on this machine", l.program)
			}
			_, after, _ := strings.Cut(page, "```"+l.fence+"\n")
			code, _, found := strings.Cut(after, "```")
			if !found {
				t.Fatal("no sample")
			}
			file := filepath.Join(t.TempDir(), l.file)
			if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
				t.Fatal(err)
			}
			key := []byte("0123456789abcdef0123456789abcdef")
			secret := "whsec_" + base64.StdEncoding.EncodeToString(key)
			sign := func(at, body string) string {
				mac := hmac.New(sha256.New, key)
				fmt.Fprintf(mac, "evt_1.%s.%s", at, body)
				return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
			}
			now, old := fmt.Sprint(time.Now().Unix()), fmt.Sprint(time.Now().Add(-time.Hour).Unix())
			const body = `{"content":"ä用"}`
			for _, c := range []struct{ name, at, header, body, want string }{
				{"good", now, sign(now, body), body, "true"},
				{"second of two", now, sign(now, "x") + " " + sign(now, body), body, "true"},
				{"other body", now, sign(now, body), body + " ", "false"},
				{"too old", old, sign(old, body), body, "false"},
			} {
				args := []string{file, secret, "evt_1", c.at, c.header, c.body}
				if l.flag != "" {
					args = append([]string{l.flag}, args...)
				}
				out, err := exec.Command(l.program, args...).CombinedOutput()
				if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
					t.Errorf("%s: %s %v, want %s", c.name, got, err, c.want)
				}
			}
		})
	}
}

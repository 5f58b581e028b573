package files

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"parley/internal/im"
)

// childVariable tells this test binary to be the process that is killed; it holds
// the directory of its store.
const childVariable = "FILES_TEST_CHILD"

const childPart = 1000

// childData is the content that the child uploads again and again.
func childData() []byte { return random(20*childPart + 7) }

// completeForEver uploads and completes until the process is killed. It prints the
// key of each upload before it completes it, and says when it is done.
func completeForEver() {
	s, err := Open(Options{Dir: os.Getenv(childVariable), Key: []byte("key")})
	if err != nil {
		panic(err)
	}
	t := new(quietly)
	for {
		u, pieces, sums := begin(t, s, childData(), childPart)
		for n, p := range pieces {
			if err := put(t, s, u, n+1, p); err != nil {
				panic(err)
			}
		}
		fmt.Println("completing", u.ID)
		if _, err := s.Complete(context.Background(), u, sums); err != nil {
			panic(err)
		}
		fmt.Println("completed", u.ID)
	}
}

// quietly is a testing.TB for a process that has no test.
type quietly struct{ testing.TB }

func (*quietly) Helper()                   {}
func (*quietly) Fatal(a ...any)            { panic(fmt.Sprint(a...)) }
func (*quietly) Errorf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (*quietly) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

// TestKilled kills a process while it completes uploads. Each of them is there whole
// or not at all, and those that were reported as completed are there.
func TestKilled(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts processes")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, want := t.TempDir(), childData()
	whole, none := 0, 0
	for cycle := range 25 {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), childVariable+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var begun, completed []string
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			word, id, _ := strings.Cut(lines.Text(), " ")
			switch word {
			case "completing":
				begun = append(begun, id)
				// The moment is what the test varies: somewhere within the completion.
				if len(begun) == 3 {
					time.Sleep(time.Duration(cycle*40) * time.Microsecond)
					if err := cmd.Process.Kill(); err != nil {
						t.Fatal(err)
					}
				}
			case "completed":
				completed = append(completed, id)
			}
		}
		_ = cmd.Wait()
		s, err := Open(Options{Dir: dir, Key: []byte("key")})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range begun {
			u := &im.ObjectUpload{ID: id, Key: "data/" + id}
			c, err := s.Open(context.Background(), u.Key)
			switch {
			case im.IsKind(err, im.NotFound):
				none++
				for _, done := range completed {
					if done == id {
						t.Fatalf("cycle %d: the upload was completed and is not there", cycle)
					}
				}
			case err != nil:
				t.Fatalf("cycle %d: %v", cycle, err)
			default:
				got, err := io.ReadAll(c)
				c.Close()
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("cycle %d: half an upload: %d bytes, %v", cycle, len(got), err)
				}
				whole++
			}
			if err := s.Abort(context.Background(), u); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.RemoveAll(s.path("parts")); err != nil { // of what it had just begun
			t.Fatal(err)
		}
	}
	t.Logf("%d whole, %d not there", whole, none)
	if whole == 0 {
		t.Error("nothing was completed")
	}
}

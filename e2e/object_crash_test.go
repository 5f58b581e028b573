package e2e

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/imtest"
)

// largeMB is the size of the large upload; 1024 takes several seconds.
var largeMB = flag.Int("large", 200, "MiB of the large upload of TestLargeUpload")

// onStorageProcesses is onStorages for the program itself.
func onStorageProcesses(t *testing.T, bin string, fn func(t *testing.T, p *process)) {
	t.Run("files", func(t *testing.T) { fn(t, newProcess(t, bin)) })
	t.Run("s3", func(t *testing.T) {
		s3 := imtest.StartS3(t)
		fn(t, newProcess(t, bin, append(s3.Env(), postgresEnv(t))...))
	})
	http.DefaultClient.CloseIdleConnections()
}

// TestUploadCrash kills the server while it completes uploads. Each file is there
// whole or not at all; afterwards the upload can be completed, and the file is whole.
func TestUploadCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	onStorageProcesses(t, build(t), func(t *testing.T, p *process) {
		p.start()
		u := newUploader(t, imtest.NewCaller("http://"+p.api, secret), "ann")
		whole, none := 0, 0
		for cycle := range 8 {
			f, name := randomFile(minPart+1000+cycle), fmt.Sprintf("file-%d", cycle)
			b, err := u.begin(f, name, "")
			if err == nil {
				err = u.send(f, b)
			}
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				// Cut off by the end of the process, or done before it.
				_, _ = u.complete(b, f.sums(), name, "")
			}()
			// The moment is what the test varies.
			time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
			p.kill()
			<-ended
			p.start()
			u.c = imtest.NewCaller("http://"+p.api, secret)
			address := u.c.URL("/object/ann/" + name)
			status, body, _, err := fetch(address, nil)
			switch {
			case err != nil:
				t.Fatal(err)
			case status == http.StatusNotFound:
				none++
			case status == http.StatusOK && bytes.Equal(body, f.data):
				whole++
			default:
				t.Fatalf("cycle %d: HTTP %d, %d bytes of %d", cycle, status, len(body), len(f.data))
			}
			if _, err := u.complete(b, f.sums(), name, ""); err != nil {
				t.Fatalf("cycle %d: completing after the crash: %v", cycle, err)
			}
			wantContent(t, address, f.data)
		}
		t.Logf("%d whole, %d not there", whole, none)
	})
}

// zeros is a content of many bytes that needs no memory.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	clear(p[:n])
	z.left -= n
	return int(n), nil
}

func sumOfZeros(t *testing.T, size int64) string {
	t.Helper()
	h := md5.New()
	if _, err := io.Copy(h, &zeros{size}); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// resident returns the most memory that a process has had, in bytes.
func resident(t *testing.T, p *process) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Skipf("this system does not tell the memory of a process: %v", err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("no VmHWM in %s", status)
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// TestLargeUpload streams a large file into the server and out of it again. Its memory
// does not grow with the file.
func TestLargeUpload(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a large file")
	}
	p := newProcess(t, build(t))
	p.start()
	u := newUploader(t, imtest.NewCaller("http://"+p.api, secret), "ann")
	if _, err := u.upload(randomFile(minPart), "warm", ""); err != nil {
		t.Fatal(err)
	}
	before := resident(t, p)
	size := int64(*largeMB)<<20 + 1
	count := int(size/minPart) + 1
	full, last := sumOfZeros(t, minPart), sumOfZeros(t, size%minPart)
	sums := make([]string, count)
	for i := range sums {
		sums[i] = full
	}
	sums[count-1] = last
	began := time.Now()
	var b begunUpload
	err := u.c.Post(u.token, "/object/initiate_multipart_upload", imtest.H{
		"hash": md5Hex([]byte(strings.Join(sums, ","))), "size": size, "maxParts": -1, "name": "ann/large",
	}, &b)
	if err != nil {
		t.Fatal(err)
	}
	for n := range count {
		length := min(minPart, size-int64(n)*minPart)
		address, h, err := b.Upload.Sign.address(n + 1)
		if err != nil {
			t.Fatal(err)
		}
		if status, err := put(address, h, &zeros{length}, length); err != nil || status != http.StatusOK {
			t.Fatalf("part %d: HTTP %d %v", n+1, status, err)
		}
	}
	sent := time.Now()
	address, err := u.complete(b, sums, "large", "")
	if err != nil {
		t.Fatal(err)
	}
	completed := time.Now()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	h := md5.New()
	n, err := io.Copy(h, resp.Body)
	if err != nil || n != size || hex.EncodeToString(h.Sum(nil)) != sumOfZeros(t, size) {
		t.Errorf("%d bytes of %d came back, %v", n, size, err)
	}
	grown := resident(t, p) - before
	t.Logf("%d MiB: sent in %v, completed in %v, fetched in %v; memory %d MiB, %d MiB more than before",
		size>>20, sent.Sub(began).Round(time.Millisecond), completed.Sub(sent).Round(time.Millisecond), time.Since(completed).Round(time.Millisecond),
		(before+grown)>>20, grown>>20)
	if grown > 32<<20 {
		t.Errorf("the memory of the server has grown by %d MiB", grown>>20)
	}
	if parts, err := os.ReadDir(filepath.Join(p.dir, "objects", "parts")); err != nil || len(parts) != 0 {
		t.Errorf("parts of completed uploads are left: %v %v", parts, err)
	}
	http.DefaultClient.CloseIdleConnections()
}

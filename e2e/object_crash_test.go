package e2e

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
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

// storeCompletes reports whether a request to an S3 store completes an upload.
func storeCompletes(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
}

// storeLooks reports whether a request to an S3 store looks for a content.
func storeLooks(r *http.Request) bool {
	return r.Method == http.MethodHead && strings.Count(r.URL.Path, "/") > 1 // else it is the bucket
}

// parleyCompletes reports whether a request asks Parley to complete an upload.
func parleyCompletes(r *http.Request) bool { return r.URL.Path == "/object/complete_multipart_upload" }

// TestUploadCrashPoints kills the server at chosen moments of the completion of an
// upload. At each it is known whether the store has the file, whole, and whether it
// has its name; afterwards the same upload can be completed, and the file is there once.
func TestUploadCrashPoints(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	type point struct {
		name   string
		toS3   bool // the request is one to the store, else one to Parley
		wanted func(*http.Request) bool
		when   moment
		stored bool // the file is in the store
		named  bool // clients find it
	}
	points := []point{
		{"before Parley is asked", false, parleyCompletes, onArrival, false, false},
		{"before the store is asked", true, storeCompletes, onArrival, false, false},
		{"the store has completed it, Parley does not know", true, storeCompletes, carriedOut, true, false},
		{"Parley knows, but not the size", true, storeLooks, onArrival, true, false},
		{"Parley has not noted what it knows", true, storeLooks, carriedOut, true, false},
		{"Parley has answered, the client does not know", false, parleyCompletes, carriedOut, true, true},
	}
	bin := build(t)
	run := func(t *testing.T, p *process, store *crossing, contents func() [][]byte) {
		p.start()
		front := startCrossing(t, "http://"+p.api)
		u := newUploader(t, imtest.NewCaller(front.URL, secret), "ann")
		for i, at := range points {
			if at.toS3 && store == nil {
				continue // the embedded storage has no such moments: see package files
			}
			f, name := randomFile(minPart+1000+i), fmt.Sprintf("file-%d", i)
			b, err := u.begin(f, name, "")
			if err == nil {
				err = u.send(f, b)
			}
			if err != nil {
				t.Fatal(err)
			}
			where := front
			if at.toS3 {
				where = store
			}
			killed := where.once(at.wanted, at.when, p.kill)
			if _, err := u.complete(b, f.sums(), name, ""); err == nil {
				t.Fatalf("%s: the client had an answer", at.name)
			}
			<-killed
			have := func() (n int) {
				for _, c := range contents() {
					if bytes.Equal(c, f.data) {
						n++
					}
				}
				return n
			}
			if n := have(); at.stored != (n == 1) || n > 1 {
				t.Errorf("%s: the store has the file %d times", at.name, n)
			}
			p.start()
			address := "http://" + p.api + "/object/ann/" + name
			status, body, _, err := fetch(address, nil)
			switch {
			case err != nil:
				t.Fatal(err)
			case at.named && (status != http.StatusOK || !bytes.Equal(body, f.data)), !at.named && status != http.StatusNotFound:
				t.Errorf("%s: HTTP %d, %d bytes of %d", at.name, status, len(body), len(f.data))
			}
			if _, err := u.complete(b, f.sums(), name, ""); err != nil {
				t.Errorf("%s: completing after the crash: %v", at.name, err)
			}
			wantContent(t, address, f.data)
			if n := have(); n != 1 {
				t.Errorf("%s: in the end the store has the file %d times", at.name, n)
			}
		}
		http.DefaultClient.CloseIdleConnections()
	}
	t.Run("files", func(t *testing.T) {
		p := newProcess(t, bin)
		run(t, p, nil, func() [][]byte { return embedded(t, filepath.Join(p.dir, "objects", "data")) })
	})
	t.Run("s3", func(t *testing.T) {
		s3 := imtest.StartS3(t)
		store := startCrossing(t, s3.Endpoint)
		s3.Endpoint = store.URL
		p := newProcess(t, bin, append(s3.Env(), postgresEnv(t))...)
		run(t, p, store, func() [][]byte { return filesBelow(t, s3.Dir) })
	})
}

// sumBytes is what the embedded storage adds to each part: its MD5.
const sumBytes = 16

// embedded returns the contents of several parts that the embedded storage has: each
// is a directory with a file for each part.
func embedded(t *testing.T, dir string) (out [][]byte) {
	t.Helper()
	firsts, err := filepath.Glob(filepath.Join(dir, "*", "*", "1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range firsts {
		var content []byte
		for n := 1; ; n++ {
			part, err := os.ReadFile(filepath.Join(filepath.Dir(first), strconv.Itoa(n)))
			if errors.Is(err, fs.ErrNotExist) {
				break
			}
			if err != nil || len(part) < sumBytes {
				t.Fatalf("part %d: %d bytes, %v", n, len(part), err)
			}
			content = append(content, part[:len(part)-sumBytes]...)
		}
		out = append(out, content)
	}
	return out
}

// filesBelow returns the contents of all files of a directory.
func filesBelow(t *testing.T, dir string) (out [][]byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		// A store keeps the parts of uploads in a directory of its own.
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out = append(out, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
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

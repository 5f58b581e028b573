package files

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/internal/im"
	"parley/internal/object"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		completeForEver()
	}
	goleak.VerifyTestMain(m)
}

const host = "http://host/"

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func open(t testing.TB) (*Store, *clock) {
	t.Helper()
	c := &clock{time.Unix(1_800_000_000, 0)}
	s, err := Open(Options{Dir: t.TempDir(), Key: []byte("key"), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func random(n int64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	_, _ = r.Read(b)
	return b
}

func sumOf(b []byte) string {
	h := md5.Sum(b)
	return hex.EncodeToString(h[:])
}

// begin opens an upload of data in parts of a size.
func begin(t testing.TB, s *Store, data []byte, partSize int64) (u *im.ObjectUpload, pieces [][]byte, sums []string) {
	t.Helper()
	u = &im.ObjectUpload{ID: im.NewID(), Size: int64(len(data)), PartSize: partSize, Parts: object.Parts(int64(len(data)), partSize)}
	u.Key = "data/" + u.ID
	if err := s.Begin(context.Background(), u); err != nil {
		t.Fatal(err)
	}
	for n := range u.Parts {
		piece := data[int64(n)*partSize:][:object.PartLength(u, n+1)]
		pieces, sums = append(pieces, piece), append(sums, sumOf(piece))
	}
	return u, pieces, sums
}

// parse splits a signed address into what its handler gets.
func parse(t testing.TB, address, kind string) (name string, q url.Values) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	name, ok := strings.CutPrefix(u.Path, "/"+Root+kind+"/")
	if !ok {
		t.Fatalf("%s is no address of a %s", address, kind)
	}
	return name, u.Query()
}

func signPart(t testing.TB, s *Store, u *im.ObjectUpload, n int) (name string, q url.Values) {
	t.Helper()
	parts, err := s.SignParts(context.Background(), host, u, []int{n}, s.now().Add(time.Hour))
	if err != nil || len(parts) != 1 || parts[0].Number != n {
		t.Fatal(parts, err)
	}
	return parse(t, parts[0].URL, kindPart)
}

func put(t testing.TB, s *Store, u *im.ObjectUpload, n int, piece []byte) error {
	t.Helper()
	name, q := signPart(t, s, u, n)
	sum, err := s.ReceivePart(name, q, int64(len(piece)), bytes.NewReader(piece))
	if err == nil && sum != sumOf(piece) {
		t.Errorf("part %d: sum %s", n, sum)
	}
	return err
}

func read(t testing.TB, s *Store, key string) []byte {
	t.Helper()
	c, err := s.Open(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	data, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func wantKind(t testing.TB, what string, err error, kind im.Kind) {
	t.Helper()
	if !im.IsKind(err, kind) {
		t.Errorf("%s: %v, want kind %d", what, err, kind)
	}
}

// entries lists everything in the directory of a store that is no directory.
func entries(t testing.TB, s *Store) (names []string) {
	t.Helper()
	err := filepath.WalkDir(s.dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestUpload uploads contents of all sizes around the edges of parts, parts in any order.
func TestUpload(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := open(t)
	const part = 1000
	for _, size := range []int64{1, 15, 16, 17, part - 1, part, part + 1, 2*part - 1, 2 * part, 2*part + 1, 10 * part} {
		data := random(size)
		u, pieces, sums := begin(t, s, data, part)
		for i := range pieces {
			n := len(pieces) - i
			if err := put(t, s, u, n, pieces[n-1]); err != nil {
				t.Fatal(err)
			}
		}
		_, err := s.Stat(ctx, u.Key)
		wantKind(t, "content before completion", err, im.NotFound)
		for range 2 { // again is fine
			info, err := s.Complete(ctx, u, sums)
			if err != nil || info.Size != size {
				t.Fatalf("size %d: %+v %v", size, info, err)
			}
		}
		if info, err := s.Stat(ctx, u.Key); err != nil || info.Size != size {
			t.Errorf("size %d: %+v %v", size, info, err)
		}
		if !bytes.Equal(read(t, s, u.Key), data) {
			t.Errorf("size %d: another content", size)
		}
		wantKind(t, "part after completion", put(t, s, u, 1, pieces[0]), im.NotFound)
		c, err := s.Open(ctx, u.Key)
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			from := rand.Int64N(size + 1)
			n := rand.Int64N(size - from + 1)
			got := make([]byte, n)
			if _, err := c.Seek(from-size, io.SeekEnd); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(c, got); err != nil && n > 0 || !bytes.Equal(got, data[from:from+n]) {
				t.Fatalf("size %d, %d bytes from %d: %v", size, n, from, err)
			}
		}
		if n, err := c.Read(make([]byte, 1)); size > 0 && n == 0 && !errors.Is(err, io.EOF) {
			t.Error(n, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Remove(ctx, u.Key); err != nil {
			t.Error(err)
		}
	}
	if left := entries(t, s); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestCompleteRefuses: nothing but all parts, each with its MD5, becomes a content.
func TestCompleteRefuses(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := open(t)
	u, pieces, sums := begin(t, s, random(2500), 1000)
	complete := func(sums ...string) error {
		_, err := s.Complete(ctx, u, sums)
		return err
	}
	for i, n := range []int{1, 3} {
		if err := put(t, s, u, n, pieces[[]int{0, 2}[i]]); err != nil {
			t.Fatal(err)
		}
	}
	wantKind(t, "a part missing", complete(sums...), im.Unusable)
	wrong := bytes.Clone(pieces[1])
	wrong[5]++
	if err := put(t, s, u, 2, wrong); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "another content", complete(sums...), im.Unusable)
	wantKind(t, "too few sums", complete(sums[:2]...), im.Unusable)
	wantKind(t, "too many sums", complete(append(sums, sums[0])...), im.Unusable)
	if _, err := s.Stat(ctx, u.Key); !im.IsKind(err, im.NotFound) {
		t.Errorf("there is a content: %v", err)
	}
	if err := put(t, s, u, 2, pieces[1]); err != nil { // sent again, it takes the place of the first
		t.Fatal(err)
	}
	if err := complete(sums...); err != nil {
		t.Error(err)
	}

	single, pieces, sums := begin(t, s, random(10), 1000)
	_, err := s.Complete(ctx, single, sums)
	wantKind(t, "single part missing", err, im.Unusable)
	if err := put(t, s, single, 1, random(9)[:9]); !im.IsKind(err, im.Invalid) {
		t.Errorf("a part too short: %v", err)
	}
	pieces[0][0]++
	if err := put(t, s, single, 1, pieces[0]); err != nil {
		t.Fatal(err)
	}
	_, err = s.Complete(ctx, single, sums)
	wantKind(t, "single part with another MD5", err, im.Invalid)
}

// cut is a body that breaks off.
type cut struct{ r io.Reader }

var errCut = errors.New("connection reset")

func (c cut) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if errors.Is(err, io.EOF) {
		err = errCut
	}
	return n, err
}

// TestCutConnection: what breaks off leaves nothing, and the part can be sent again.
func TestCutConnection(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	u, pieces, sums := begin(t, s, random(1500), 1000)
	name, q := signPart(t, s, u, 1)
	for what, body := range map[string]io.Reader{
		"cut": cut{bytes.NewReader(pieces[0][:600])}, "short": bytes.NewReader(pieces[0][:999]), "long": bytes.NewReader(random(1001)),
		"cut at the end": cut{bytes.NewReader(pieces[0])},
	} {
		_, err := s.ReceivePart(name, q, -1, body)
		wantKind(t, what, err, im.Invalid)
	}
	_, err := s.ReceivePart(name, q, 999, bytes.NewReader(pieces[0][:999]))
	wantKind(t, "short by its header", err, im.Invalid)
	if left := entries(t, s); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	for i, p := range pieces {
		if err := put(t, s, u, i+1, p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Complete(context.Background(), u, sums); err != nil {
		t.Error(err)
	}
}

// TestAbort removes whatever an upload has left, at every stage.
func TestAbort(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := open(t)
	for stage := range 4 {
		u, pieces, sums := begin(t, s, random(1500), 1000)
		if stage > 0 {
			if err := put(t, s, u, 1, pieces[0]); err != nil {
				t.Fatal(err)
			}
		}
		if stage > 1 {
			if err := put(t, s, u, 2, pieces[1]); err != nil {
				t.Fatal(err)
			}
		}
		if stage > 2 {
			if _, err := s.Complete(ctx, u, sums); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := s.Abort(ctx, u); err != nil {
				t.Error(err)
			}
		}
		wantKind(t, "part of an aborted upload", put(t, s, u, 1, pieces[0]), im.NotFound)
		if stage < 3 {
			_, err := s.Complete(ctx, u, sums)
			wantKind(t, "completion of an aborted upload", err, im.Unusable)
		}
	}
	if left := entries(t, s); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestReopen: what was being received when the process ended is gone, the rest stays.
func TestReopen(t *testing.T) {
	t.Parallel()
	s, c := open(t)
	u, pieces, sums := begin(t, s, random(1500), 1000)
	if err := put(t, s, u, 1, pieces[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("tmp", "half"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Open(Options{Dir: s.dir, Key: s.key, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	if left := entries(t, again); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	if err := put(t, again, u, 2, pieces[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Complete(context.Background(), u, sums); err != nil {
		t.Error(err)
	}
}

// TestParallel: a hundred uploads at once, their parts at once, some of them sent twice.
func TestParallel(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := open(t)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			data := random(int64(2000 + i))
			u, pieces, sums := begin(t, s, data, 700)
			var parts sync.WaitGroup
			for n, p := range pieces {
				for range 1 + n%2 {
					parts.Go(func() {
						if err := put(t, s, u, n+1, p); err != nil {
							t.Error(err)
						}
					})
				}
			}
			parts.Wait()
			for range 2 {
				parts.Go(func() {
					if _, err := s.Complete(ctx, u, sums); err != nil {
						t.Error(err)
					}
				})
			}
			parts.Wait()
			if !bytes.Equal(read(t, s, u.Key), data) {
				t.Errorf("upload %d: another content", i)
			}
		})
	}
	wg.Wait()
}

// TestCompleteRace: parts that are replaced while an upload is being completed never
// become a content with another MD5.
func TestCompleteRace(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := open(t)
	for range 30 {
		data := random(1500)
		u, pieces, sums := begin(t, s, data, 1000)
		for n, p := range pieces {
			if err := put(t, s, u, n+1, p); err != nil {
				t.Fatal(err)
			}
		}
		evil := bytes.Clone(pieces[0])
		evil[0]++
		var wg sync.WaitGroup
		wg.Go(func() {
			for put(t, s, u, 1, evil) == nil {
			}
		})
		wg.Go(func() {
			for {
				if _, err := s.Complete(ctx, u, sums); err == nil {
					return
				}
				if err := put(t, s, u, 1, pieces[0]); im.IsKind(err, im.NotFound) {
					return
				}
			}
		})
		wg.Wait()
		if !bytes.Equal(read(t, s, u.Key), data) {
			t.Fatal("another content under the hash")
		}
	}
}

// TestHostileKeys: a key is no path.
func TestHostileKeys(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := open(t)
	for _, key := range []string{"../../etc/passwd", "/etc/passwd", "..", ".", "", "a\x00b", "data/../../x", strings.Repeat("x", 5000), `..\..\x`, "CON"} {
		if _, err := s.Open(ctx, key); !im.IsKind(err, im.NotFound) {
			t.Errorf("%.20q can be opened: %v", key, err)
		}
		if err := s.Put(ctx, key, []byte("mine "+key), ""); err != nil {
			t.Errorf("%.20q: %v", key, err)
		}
		if got := read(t, s, key); string(got) != "mine "+key {
			t.Errorf("%.20q: %.40q", key, got)
		}
	}
	for _, name := range entries(t, s) {
		rel, err := filepath.Rel(s.path("data"), name)
		if err != nil || !filepath.IsLocal(rel) || len(rel) != 2+1+64 {
			t.Errorf("a file lies at %s", name)
		}
	}
}

// TestDamage: a content that has lost bytes is a failure, not another content.
func TestDamage(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := open(t)
	u, pieces, sums := begin(t, s, random(2500), 1000)
	for n, p := range pieces {
		if err := put(t, s, u, n+1, p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Complete(ctx, u, sums); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(s.place(u.Key), "2"), 10); err != nil {
		t.Fatal(err)
	}
	c, err := s.Open(ctx, u.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.ReadAll(c); err == nil {
		t.Error("a content with a hole was read")
	}
	if err := os.Remove(filepath.Join(s.place(u.Key), "1")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(ctx, u.Key); err == nil || im.IsKind(err, im.NotFound) {
		t.Errorf("a content without its first part: %v", err)
	}
}

// BenchmarkUpload is a part of 5 MiB, synced to the disk.
func BenchmarkUpload(b *testing.B) {
	s, _ := open(b)
	data := random(5 << 20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		u, pieces, sums := begin(b, s, data, 5<<20)
		if err := put(b, s, u, 1, pieces[0]); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Complete(context.Background(), u, sums); err != nil {
			b.Fatal(err)
		}
	}
}

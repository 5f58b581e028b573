package s3_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/imtest"
	"parley/internal/im"
	"parley/internal/object"
	"parley/internal/object/s3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options(server imtest.S3) s3.Options {
	return s3.Options{
		Endpoint: server.Endpoint, Region: "us-east-1", Bucket: server.Bucket,
		AccessKey: server.AccessKey, SecretKey: server.SecretKey, PathStyle: true,
	}
}

func open(t *testing.T) *s3.Store {
	t.Helper()
	s, err := s3.Open(options(imtest.StartS3(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func wantKind(t *testing.T, what string, err error, kind im.Kind) {
	t.Helper()
	if !im.IsKind(err, kind) {
		t.Errorf("%s: %v, want kind %d", what, err, kind)
	}
}

// send PUTs a part and returns its MD5.
func send(t *testing.T, s *s3.Store, u *im.ObjectUpload, number int, data []byte) string {
	t.Helper()
	parts, err := s.SignParts(context.Background(), "", u, []int{number}, time.Now().Add(time.Hour))
	if err != nil || len(parts) != 1 || parts[0].Number != number {
		t.Fatal(parts, err)
	}
	r, err := http.NewRequest(http.MethodPut, parts[0].URL, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("part %d: HTTP %d %s %v", number, resp.StatusCode, text, err)
	}
	h := md5.Sum(data)
	return hex.EncodeToString(h[:])
}

func begin(t *testing.T, s *s3.Store, size int64) *im.ObjectUpload {
	t.Helper()
	u := &im.ObjectUpload{ID: im.NewID(), Size: size, PartSize: 5 << 20, Parts: object.Parts(size, 5<<20)}
	u.Key = "data/" + u.ID
	if err := s.Begin(context.Background(), u); err != nil || u.StorageID == "" {
		t.Fatal(err)
	}
	return u
}

// TestFaultsAtStart: what is wrong with the settings is an error, and hides the secret.
func TestFaultsAtStart(t *testing.T) {
	t.Parallel()
	server := imtest.StartS3(t)
	for name, change := range map[string]func(*s3.Options){
		"bucket": func(o *s3.Options) { o.Bucket = "none-such" },
		"key":    func(o *s3.Options) { o.AccessKey = "nobody" },
		"secret": func(o *s3.Options) { o.SecretKey = "another-secret" },
		"scheme": func(o *s3.Options) { o.Endpoint = "http://%zz" },
	} {
		o := options(server)
		change(&o)
		s, err := s3.Open(o)
		if err == nil {
			err = s.Check(context.Background())
			s.Close()
		}
		if err == nil || errors.Is(err, s3.ErrAway) || strings.Contains(err.Error(), o.SecretKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAway: a store that does not answer, or answers that it cannot, is told from wrong settings.
func TestAway(t *testing.T) {
	t.Parallel()
	status := http.StatusServiceUnavailable
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer srv.Close()
	s, err := s3.Open(s3.Options{Endpoint: srv.URL, Region: "us-east-1", Bucket: "files", AccessKey: "a", SecretKey: "s", PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(context.Background()); !errors.Is(err, s3.ErrAway) {
		t.Errorf("HTTP 503: %v", err)
	}
	status = http.StatusOK
	if err := s.Check(context.Background()); err != nil {
		t.Error(err)
	}
	status = http.StatusForbidden
	if err := s.Check(context.Background()); err == nil || errors.Is(err, s3.ErrAway) {
		t.Errorf("HTTP 403: %v", err)
	}
	srv.Close()
	if err := s.Check(context.Background()); !errors.Is(err, s3.ErrAway) {
		t.Errorf("nobody listens: %v", err)
	}
}

// TestSilence: a store that takes connections and answers nothing is given up, in less
// time than the SDKs have patience.
func TestSilence(t *testing.T) {
	t.Parallel()
	if s3.DefaultTimeout >= 10*time.Second {
		t.Errorf("a store that is silent is given up after %v", s3.DefaultTimeout)
	}
	asked := make(chan string, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- r.Method
		<-r.Context().Done()
	}))
	defer srv.Close()
	s, err := s3.Open(s3.Options{
		Endpoint: srv.URL, Region: "us-east-1", Bucket: "files", AccessKey: "a", SecretKey: "s", PathStyle: true, Timeout: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := t.Context() // has no deadline
	if err := s.Begin(ctx, &im.ObjectUpload{Key: "k"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("begin: %v", err)
	}
	if _, err := s.Stat(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stat: %v", err)
	}
	if a, b := <-asked, <-asked; a != http.MethodPost || b != http.MethodHead {
		t.Errorf("asked %s, %s", a, b)
	}
}

// TestComplete: only what was announced becomes a content; doing it again is fine.
func TestComplete(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := open(t)
	u := begin(t, s, 5)
	_, err := s.Complete(ctx, u, []string{strings.Repeat("a", 32)})
	wantKind(t, "nothing sent", err, im.Unusable)
	_, err = s.Complete(ctx, u, nil)
	wantKind(t, "no sums", err, im.Unusable)
	sum := send(t, s, u, 1, []byte("hello"))
	_, err = s.Complete(ctx, u, []string{strings.Repeat("a", 32)})
	wantKind(t, "another MD5", err, im.Invalid)
	for range 2 {
		info, err := s.Complete(ctx, u, []string{sum})
		if err != nil || info.Size != 5 {
			t.Fatal(info, err)
		}
	}
	r, err := s.Open(ctx, u.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Seek(1, io.SeekStart); err != nil {
		t.Error(err)
	}
	if data, err := io.ReadAll(r); err != nil || string(data) != "ello" {
		t.Errorf("%q %v", data, err)
	}
}

// TestAbort: nothing of an upload stays, also if its id was never noted, and what is
// not there any more is no fault.
func TestAbort(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := open(t)
	for _, forget := range []bool{false, true} {
		u := begin(t, s, 5)
		sum := send(t, s, u, 1, []byte("hello"))
		aborted := *u
		if forget {
			aborted.StorageID = ""
		}
		for range 2 {
			if err := s.Abort(ctx, &aborted); err != nil {
				t.Errorf("forgotten %v: %v", forget, err)
			}
		}
		_, err := s.Complete(ctx, u, []string{sum})
		wantKind(t, "completing what was aborted", err, im.Unusable)

		u = begin(t, s, 5)
		if _, err := s.Complete(ctx, u, []string{send(t, s, u, 1, []byte("hello"))}); err != nil {
			t.Fatal(err)
		}
		if err := s.Abort(ctx, u); err != nil {
			t.Error(err)
		}
		_, err = s.Stat(ctx, u.Key)
		wantKind(t, "content of an aborted upload", err, im.NotFound)
	}
}

// TestContents stores, finds and removes contents of the server's own.
func TestContents(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := open(t)
	_, err := s.Stat(ctx, "thumbnail/x")
	wantKind(t, "Stat of nothing", err, im.NotFound)
	_, err = s.Open(ctx, "thumbnail/x")
	wantKind(t, "Open of nothing", err, im.NotFound)
	if err := s.Remove(ctx, "thumbnail/x"); err != nil {
		t.Errorf("Remove of nothing: %v", err)
	}
	if err := s.Put(ctx, "thumbnail/x", []byte("abc"), "image/png"); err != nil {
		t.Fatal(err)
	}
	if info, err := s.Stat(ctx, "thumbnail/x"); err != nil || info.Size != 3 {
		t.Error(info, err)
	}
	if err := s.Remove(ctx, "thumbnail/x"); err != nil {
		t.Error(err)
	}
	_, err = s.Stat(ctx, "thumbnail/x")
	wantKind(t, "Stat of what was removed", err, im.NotFound)
}

// TestPublicURL: clients are sent to the address that they can reach.
func TestPublicURL(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	o := options(imtest.StartS3(t))
	o.PublicURL = "https://files.test/"
	s, err := s3.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := s.SignURL(ctx, "ignored", "k", object.Delivery{ContentType: "image/png", Disposition: "attachment"}, time.Now().Add(30*24*time.Hour))
	if err != nil || !strings.HasPrefix(got, "https://files.test/"+o.Bucket+"/k?") || !strings.Contains(got, "X-Amz-Expires=604800&") ||
		!strings.Contains(got, "response-content-type=image%2Fpng") || !strings.Contains(got, "response-content-disposition=attachment") {
		t.Errorf("%s %v", got, err)
	}
}

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"parley/imtest"
	"parley/internal/obs"
)

// readiness asks the listener for operators how the server is.
func readiness(t *testing.T, s *imtest.Server) (status int, r obs.Readiness) {
	t.Helper()
	resp, err := http.Get(s.Admin + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, r
}

// TestBucketAway starts a server whose bucket does not answer yet. Messages are
// delivered; files are refused, until the bucket is there.
func TestBucketAway(t *testing.T) {
	t.Parallel()
	bucket, start := imtest.PrepareS3(t)
	s := imtest.Start(t, bucket.Use)
	ann, bob := newUploader(t, s.Caller, "ann"), newUploader(t, s.Caller, "bob")
	if status, r := readiness(t, s); status != http.StatusOK || r.Status != obs.StatusDegraded || !strings.HasPrefix(r.Checks["objects"], "degraded: s3: look for the bucket") {
		t.Errorf("HTTP %d, %+v", status, r)
	}
	if _, err := s.SendText(ann.user, bob.user, "", "hi"); err != nil {
		t.Errorf("a message: %v", err)
	}
	f := randomFile(1000)
	_, err := ann.begin(f, "away", "")
	wantCode(t, "an upload while the bucket is away", err, 500)
	start()
	address, err := ann.upload(f, "away", "")
	if err != nil {
		t.Fatal(err)
	}
	wantContent(t, address, f.data)
	if status, r := readiness(t, s); status != http.StatusOK || r.Status != obs.StatusOK || r.Checks["objects"] != obs.StatusOK {
		t.Errorf("HTTP %d, %+v", status, r)
	}
	http.DefaultClient.CloseIdleConnections()
}

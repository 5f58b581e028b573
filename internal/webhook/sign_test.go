package webhook

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"
)

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func mustSecret(t testing.TB, text string) secret {
	t.Helper()
	s, err := parseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(s secret, id string, timestamp int64, body []byte) string {
	return string(s.mac().append(nil, id, strconv.FormatInt(timestamp, 10), body))
}

// TestSignVector is the vector that Standard Webhooks libraries are tested with.
func TestSignVector(t *testing.T) {
	t.Parallel()
	const (
		id, timestamp, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, `{"test": 2432232314}`
		want                = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	)
	if got := sign(mustSecret(t, testSecret), id, timestamp, []byte(body)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestSignBothDirections has the library verify what we sign, and sign the same:
// what it makes is what we make.
func TestSignBothDirections(t *testing.T) {
	t.Parallel()
	s := mustSecret(t, testSecret)
	library, err := standardwebhooks.NewWebhook(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	rapid.Check(t, func(t *rapid.T) {
		id := "evt_" + rapid.StringMatching(`[0-9a-f]{1,120}`).Draw(t, "id")
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		ours := sign(s, id, now.Unix(), body)
		theirs, err := library.Sign(id, now, body)
		if err != nil {
			t.Fatal(err)
		}
		if ours != theirs {
			t.Fatalf("%s, the library has %s", ours, theirs)
		}
		header := http.Header{}
		header.Set(headerID, id)
		header.Set(headerTimestamp, strconv.FormatInt(now.Unix(), 10))
		header.Set(headerSignature, ours)
		if err := library.Verify(body, header); err != nil {
			t.Fatalf("the library does not accept our signature: %v", err)
		}
		if library.Verify(append(body, ' '), header) == nil {
			t.Fatal("the signature does not cover the body")
		}
	})
}

func TestSecretIsNotShown(t *testing.T) {
	t.Parallel()
	s := mustSecret(t, testSecret)
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", s)} {
		if text != "whsec_***" {
			t.Error(text)
		}
	}
}

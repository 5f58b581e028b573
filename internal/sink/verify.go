package sink

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Verdict is what became of a callback's signature.
type Verdict string

// The verdicts. The ones an operator must notice are in capitals.
const (
	// Verified means the signature is right.
	Verified Verdict = "verified"
	// Unsigned means the callback has no signature.
	Unsigned Verdict = "UNSIGNED"
	// BadSignature means it has one that is wrong, too old or too new.
	BadSignature Verdict = "BAD SIGNATURE"
	// Unchecked means it has one, and the sink was given no secret to check it with.
	Unchecked Verdict = "signed, not checked"
)

const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"

	// tolerance is how far the sender's clock may be off, in both directions.
	tolerance = 5 * time.Minute
)

var (
	errSecret    = errors.New("secret must be whsec_ and the base64 of 24 to 64 bytes")
	errSignature = errors.New("bad signature")
)

func parseSecret(secret string) ([]byte, error) {
	text, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errSecret
	}
	return key, nil
}

// verify checks a Standard Webhooks signature: one of the v1 entries of the
// header must be the HMAC-SHA256 of id, time and raw body. Entries of other
// versions are passed over, since a sender may add them.
func verify(key []byte, h http.Header, body []byte, now time.Time) error {
	id, timestamp := h.Get(headerID), h.Get(headerTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || err != nil {
		return errSignature
	}
	sent := time.Unix(seconds, 0)
	if sent.Before(now.Add(-tolerance)) || sent.After(now.Add(tolerance)) {
		return errSignature
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	// Compared as text: decoding would accept several spellings of one signature.
	want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for entry := range strings.SplitSeq(h.Get(headerSignature), " ") {
		if hmac.Equal([]byte(entry), want) {
			return nil
		}
	}
	return errSignature
}

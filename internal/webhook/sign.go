package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"strconv"
	"strings"
)

// Names of the headers that go with every event (webhook-delivery.md 6.1). They
// are written in this letter case; receivers must not care.
const (
	headerID          = "webhook-id"
	headerTimestamp   = "webhook-timestamp"
	headerSignature   = "webhook-signature"
	headerAttempt     = "webhook-attempt"
	headerSequence    = "webhook-sequence"
	headerOperationID = "operationID"
)

const (
	secretPrefix    = "whsec_"
	minSecretBytes  = 24 // the bounds of Standard Webhooks
	maxSecretBytes  = 64
	signatureScheme = "v1,"
)

// secret is a key for signatures. Its formatted form does not reveal it.
type secret struct{ key []byte }

// parseSecret reads "whsec_" and the base64 of 24 to 64 bytes. Its errors do
// not repeat the text.
func parseSecret(text string) (secret, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok {
		return secret{}, errors.New("does not begin with " + secretPrefix)
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return secret{}, errors.New("is not base64 after " + secretPrefix)
	}
	if len(key) < minSecretBytes || len(key) > maxSecretBytes {
		return secret{}, errors.New("must have 24 to 64 bytes, has " + strconv.Itoa(len(key)))
	}
	return secret{key}, nil
}

// String hides the key.
func (secret) String() string { return secretPrefix + "***" }

// GoString hides the key.
func (s secret) GoString() string { return s.String() }

// mac returns what appendSignature needs; one goroutine at a time may use it.
func (s secret) mac() hash.Hash { return hmac.New(sha256.New, s.key) }

// appendSignature appends the signature of one request: "v1," and the base64 of
// what mac says of "id.timestamp.body". The timestamp is in Unix seconds.
func appendSignature(dst []byte, mac hash.Hash, id, timestamp string, body []byte) []byte {
	mac.Reset()
	text := make([]byte, 0, 96) // ids have 36 bytes: stays on the stack
	text = append(append(append(append(text, id...), '.'), timestamp...), '.')
	mac.Write(text)
	mac.Write(body)
	dst = append(dst, signatureScheme...)
	return base64.StdEncoding.AppendEncode(dst, mac.Sum(text[:0]))
}

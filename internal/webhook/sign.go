package webhook

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
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
	secretPrefix     = "whsec_"
	signingKeyPrefix = "whsk_"
	publicKeyPrefix  = "whpk_"
	minSecretBytes   = 24 // the bounds of Standard Webhooks
	maxSecretBytes   = 64
	symmetricScheme  = "v1,"
	asymmetricScheme = "v1a,"
)

// secret is a key for signatures. Its formatted form does not reveal it.
type secret struct {
	key    []byte             // of v1
	signer ed25519.PrivateKey // of v1a, instead
}

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
	return secret{key: key}, nil
}

// String hides the key.
func (secret) String() string { return secretPrefix + "***" }

// GoString hides the key.
func (s secret) GoString() string { return s.String() }

// parseSigningKey reads "whsk_" and the base64 of an ed25519 private key: its seed
// of 32 bytes, or seed and public key. Its errors do not repeat the text.
func parseSigningKey(text string) (secret, error) {
	encoded, ok := strings.CutPrefix(text, signingKeyPrefix)
	if !ok {
		return secret{}, errors.New("does not begin with " + signingKeyPrefix)
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		return secret{}, errors.New("is not base64 after " + signingKeyPrefix)
	case len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize:
		return secret{}, errors.New("must have 32 or 64 bytes, has " + strconv.Itoa(len(raw)))
	}
	key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if len(raw) == ed25519.PrivateKeySize && !bytes.Equal(raw, key) {
		return secret{}, errors.New("holds a public key that is not that of its private key")
	}
	return secret{signer: key}, nil
}

// PublicKey returns what receivers need to verify v1a signatures: "whpk_" and the
// base64 of the public key. "" if the signing key is none.
func PublicKey(signingKey string) string {
	s, err := parseSigningKey(signingKey)
	if err != nil {
		return ""
	}
	public, _ := s.signer.Public().(ed25519.PublicKey)
	return publicKeyPrefix + base64.StdEncoding.EncodeToString(public)
}

// NewSecret returns a new symmetric secret.
func NewSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// NewSigningKey returns a new ed25519 key.
func NewSigningKey() string {
	key := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(key) // never fails
	return signingKeyPrefix + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(key))
}

// mac makes signatures; one goroutine at a time may use it.
type mac struct {
	hash   hash.Hash
	signer ed25519.PrivateKey
}

func (s secret) mac() mac {
	if s.signer != nil {
		return mac{signer: s.signer}
	}
	return mac{hash: hmac.New(sha256.New, s.key)}
}

// append appends the signature of one request: its scheme, a comma, and the
// base64 of the signature of "id.timestamp.body". The timestamp is in Unix seconds.
func (m mac) append(dst []byte, id, timestamp string, body []byte) []byte {
	text := make([]byte, 0, 96) // ids have 36 bytes: stays on the stack
	text = append(append(append(append(text, id...), '.'), timestamp...), '.')
	if m.signer != nil {
		return base64.StdEncoding.AppendEncode(append(dst, asymmetricScheme...), ed25519.Sign(m.signer, append(text, body...)))
	}
	m.hash.Reset()
	m.hash.Write(text)
	m.hash.Write(body)
	return base64.StdEncoding.AppendEncode(append(dst, symmetricScheme...), m.hash.Sum(text[:0]))
}

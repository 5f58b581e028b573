package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parley/imtest"
)

const (
	day        = 24 * time.Hour
	amzDate    = "X-Amz-Date"
	amzExpires = "X-Amz-Expires"
	amzSigned  = "X-Amz-Signature"
	amzSecond  = "20060102T150405Z"
)

// signedAt signs an address of an S3 store anew, as if that had been done at
// another time: by AWS's Signature Version 4 with the signature in the query.
func signedAt(t *testing.T, s imtest.S3, method, address string, at time.Time) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Del(amzSigned)
	scope := strings.Split(q.Get("X-Amz-Credential"), "/") // key, date, region, service, aws4_request
	if len(scope) != 5 || q.Get("X-Amz-SignedHeaders") != "host" {
		t.Fatalf("signed in another way: %s", address)
	}
	scope[1] = at.UTC().Format("20060102")
	q.Set(amzDate, at.UTC().Format(amzSecond))
	q.Set("X-Amz-Credential", strings.Join(scope, "/"))
	query := strings.ReplaceAll(q.Encode(), "+", "%20")
	request := sha256.Sum256([]byte(strings.Join([]string{method, u.EscapedPath(), query, "host:" + u.Host + "\n", "host", "UNSIGNED-PAYLOAD"}, "\n")))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", q.Get(amzDate), strings.Join(scope[1:], "/"), hex.EncodeToString(request[:])}, "\n")
	key := []byte("AWS4" + s.SecretKey)
	for _, part := range append(scope[1:], text) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	u.RawQuery = query + "&" + amzSigned + "=" + hex.EncodeToString(key)
	return u.String()
}

// altered changes an address.
func altered(t *testing.T, address string, change func(u *url.URL, q url.Values)) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	change(u, q)
	u.RawQuery = q.Encode()
	return u.String()
}

// TestSignedAddressesOfABucket: what Parley signs for a bucket is good for one thing
// and until it expires. The store refuses the rest, for parts as for downloads.
func TestSignedAddressesOfABucket(t *testing.T) {
	t.Parallel()
	s3 := imtest.StartS3(t)
	s := imtest.Start(t, s3.Use)
	ann, bob := newUploader(t, s.Caller, "ann"), newUploader(t, s.Caller, "bob")
	theirs := randomFile(1000)
	if _, err := bob.upload(theirs, "theirs", ""); err != nil {
		t.Fatal(err)
	}
	f := randomFile(minPart + 1000)
	b, err := ann.begin(f, "mine", "")
	if err != nil {
		t.Fatal(err)
	}
	other, err := bob.begin(randomFile(minPart+1000), "other", "")
	if err != nil {
		t.Fatal(err)
	}
	part, h, err := b.Upload.Sign.address(1)
	if err != nil || len(h) != 0 {
		t.Fatal(part, h, err)
	}
	otherPart, _, err := other.Upload.Sign.address(1)
	if err != nil {
		t.Fatal(err)
	}
	redirect := func(name string) string {
		t.Helper()
		stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := stay.Get(s.URL("/object/" + name))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.Header.Get("Location")
	}
	// Both kinds of address live for 7 days: S3 takes no more.
	before := time.Now().Add(-8 * day)
	flip := func(_ *url.URL, q url.Values) {
		sum := []byte(q.Get(amzSigned))
		sum[0] ^= 1 // another digit of hexadecimal numbers
		q.Set(amzSigned, string(sum))
	}
	unsigned := func(_ *url.URL, q url.Values) {
		maps.DeleteFunc(q, func(k string, _ []string) bool { return strings.HasPrefix(k, "X-Amz-") })
	}
	pathOf := func(from string) func(*url.URL, url.Values) {
		return func(u *url.URL, _ url.Values) { u.Path = mustParse(t, from).Path }
	}
	// An hour's life that is over, prolonged.
	longer := func(method, address string) string {
		address = altered(t, address, func(_ *url.URL, q url.Values) { q.Set(amzExpires, "3600") })
		address = signedAt(t, s3, method, address, time.Now().Add(-2*time.Hour))
		return altered(t, address, func(_ *url.URL, q url.Values) { q.Set(amzExpires, "86400") })
	}
	set := func(key, value string) func(*url.URL, url.Values) {
		return func(_ *url.URL, q url.Values) { q.Set(key, value) }
	}
	refusedAll := func(method string, cases map[string]string) {
		t.Helper()
		body := map[string]string{http.MethodPut: "a few bytes"}[method]
		for name, address := range cases {
			r, err := http.NewRequest(method, address, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s, %s: HTTP %d", method, name, resp.StatusCode)
			}
		}
	}

	refusedAll(http.MethodPut, map[string]string{
		"expired":                 signedAt(t, s3, http.MethodPut, part, before),
		"a forged signature":      altered(t, part, flip),
		"a longer life":           longer(http.MethodPut, part),
		"another object":          altered(t, part, pathOf(otherPart)),
		"another part":            altered(t, part, set("partNumber", "2")),
		"another upload":          altered(t, part, set("uploadId", mustParse(t, otherPart).Query().Get("uploadId"))),
		"no signature":            altered(t, part, unsigned),
		"an object, not a part":   altered(t, part, func(_ *url.URL, q url.Values) { q.Del("uploadId"); q.Del("partNumber") }),
		"signed for a download":   signedAt(t, s3, http.MethodGet, part, time.Now()),
		"signed with another key": signedAt(t, imtest.S3{SecretKey: "another"}, http.MethodPut, part, time.Now()),
	})
	if _, err := ann.complete(b, f.sums(), "mine", ""); err == nil {
		t.Error("an upload without parts was completed: a part was taken")
	}
	// The same address as it was given out, and signed anew as in the refused cases, is good.
	if status, err := put(signedAt(t, s3, http.MethodPut, part, time.Now()), nil, bytes.NewReader(f.parts[0].data), minPart); err != nil || status != http.StatusOK {
		t.Fatalf("signed anew: HTTP %d %v", status, err)
	}
	if err := ann.send(f, b); err != nil {
		t.Fatal(err)
	}
	address, err := ann.complete(b, f.sums(), "mine", "")
	if err != nil {
		t.Fatal(err)
	}
	wantContent(t, address, f.data)
	refusedAll(http.MethodPut, map[string]string{"a download's address": redirect("ann/mine")})

	mine, their := redirect("ann/mine"), redirect("bob/theirs")
	refusedAll(http.MethodGet, map[string]string{
		"expired":                 signedAt(t, s3, http.MethodGet, mine, before),
		"a forged signature":      altered(t, mine, flip),
		"a longer life":           longer(http.MethodGet, mine),
		"another object":          altered(t, mine, pathOf(their)),
		"another content type":    altered(t, mine, set("response-content-type", "text/html")),
		"no signature":            altered(t, mine, unsigned),
		"signed for an upload":    signedAt(t, s3, http.MethodPut, mine, time.Now()),
		"signed with another key": signedAt(t, imtest.S3{SecretKey: "another"}, http.MethodGet, mine, time.Now()),
	})
	wantContent(t, signedAt(t, s3, http.MethodGet, mine, time.Now()), f.data)
	wantContent(t, their, theirs.data)
	http.DefaultClient.CloseIdleConnections()
}

func mustParse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

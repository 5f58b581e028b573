//go:build !race

// The race detector makes sync.Pool forget on purpose, so the counts do not hold
// under it.

package frame

import "testing"

func TestAllocs(t *testing.T) {
	// Not parallel: testing.AllocsPerRun counts the whole process.
	var dst []byte
	for _, c := range codecs {
		if n := testing.AllocsPerRun(200, func() { dst = c.AppendResponse(dst[:0], &benchResponse) }); n > 0 {
			t.Errorf("%v: encoding into a buffer with room allocates %v times", c, n)
		}
		if c&Gzip == 0 {
			if n := testing.AllocsPerRun(200, func() { c.AppendResponse(nil, &benchResponse) }); n > 1 {
				t.Errorf("%v: encoding allocates %v times, want once", c, n)
			}
		}
	}
	// The three strings and Data that the request keeps, nothing else.
	for _, c := range []Codec{Gob, Gob | Gzip} {
		in := c.AppendRequest(nil, &benchRequest)
		var r Request
		n := testing.AllocsPerRun(200, func() {
			if err := c.DecodeRequest(in, testLimit, &r); err != nil {
				t.Fatal(err)
			}
		})
		if n > 4 {
			t.Errorf("%v: decoding allocates %v times, want 4", c, n)
		}
	}
}

package frame

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

// deflateStd is one gzip member by the standard library.
func deflateStd(tb testing.TB, plain []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	if _, err := zw.Write(plain); err != nil {
		tb.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// inflateStd is what the standard library reads of b, up to limit+1 bytes.
func inflateStd(b []byte, limit int) ([]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(zr, int64(limit)+1))
}

// inflate copies what a pooled inflater makes of b.
func inflate(b []byte, limit int) ([]byte, error) {
	z := inflaters.Get().(*inflater)
	defer z.release()
	plain, err := z.inflate(b, limit)
	return bytes.Clone(plain), err
}

func deflate(dst, plain []byte) []byte {
	d := deflaters.Get().(*deflater)
	defer d.release()
	d.plain = append(d.plain[:0], plain...)
	return d.appendTo(dst)
}

func TestGzipBothWays(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{0, 1, 300, minScratch - 1, minScratch, minScratch + 1, maxScratch, maxScratch + 1, 1 << 20} {
		noise := make([]byte, size)
		for i := range noise {
			noise[i] = byte(rnd.Uint32())
		}
		for name, plain := range map[string][]byte{"noise": noise, "zeros": make([]byte, size)} {
			b := deflate(nil, plain)
			if got, err := inflateStd(b, size); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes of %s: compress/gzip reads %d bytes, error %v", size, name, len(got), err)
			}
			if got, err := inflate(b, size); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes of %s: own reader reads %d bytes, error %v", size, name, len(got), err)
			}
			if got, err := inflate(deflateStd(t, plain), size); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes of %s by compress/gzip: own reader reads %d bytes, error %v", size, name, len(got), err)
			}
		}
	}
}

// The header tells nothing: no time, no name. Equal frames are equal bytes, with
// whichever pooled writer.
func TestGzipHeader(t *testing.T) {
	t.Parallel()
	first := deflate(nil, []byte("frame"))
	if want := "\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"; string(first[:10]) != want {
		t.Errorf("header %q, want %q", first[:10], want)
	}
	for range 10 {
		deflate(nil, bytes.Repeat([]byte("other"), 1000))
		if again := deflate(nil, []byte("frame")); !bytes.Equal(first, again) {
			t.Errorf("the same frame is %q, then %q", first, again)
		}
	}
}

func TestGunzipMembers(t *testing.T) {
	t.Parallel()
	a, b, none := deflateStd(t, []byte("aaa")), deflateStd(t, []byte("bb")), deflateStd(t, nil)
	named := bytes.Clone(a)
	named[3] = 1 << 3 // a name follows the header
	badSum := bytes.Clone(a)
	badSum[len(badSum)-5]++
	badSize := bytes.Clone(a)
	badSize[len(badSize)-1]++
	for name, tt := range map[string]struct {
		in    [][]byte
		limit int
		want  string
		err   error
	}{
		"one":                         {[][]byte{a}, 3, "aaa", nil},
		"one above the limit":         {[][]byte{a}, 2, "", ErrTooLarge},
		"two":                         {[][]byte{a, b}, 5, "aaabb", nil},
		"two above the limit":         {[][]byte{a, b}, 4, "", ErrTooLarge},
		"empty ones":                  {[][]byte{none, a, none, none, b, none}, 5, "aaabb", nil},
		"empty, limit 0":              {[][]byte{none, none}, 0, "", nil},
		"nothing":                     {nil, 5, "", ErrMalformed},
		"a trailing byte":             {[][]byte{a, {0}}, 5, "", ErrMalformed},
		"trailing zeros":              {[][]byte{a, make([]byte, 100)}, 5, "", ErrMalformed},
		"trailing text":               {[][]byte{a, []byte("trailing garbage")}, 5, "", ErrMalformed},
		"second cut in the header":    {[][]byte{a, b[:5]}, 5, "", ErrMalformed},
		"second cut behind the head":  {[][]byte{a, b[:10]}, 5, "", ErrMalformed},
		"second cut in its name":      {[][]byte{a, named[:10], []byte("name")}, 5, "", ErrMalformed},
		"second cut in the data":      {[][]byte{a, b[:12]}, 5, "", ErrMalformed},
		"second cut in the check sum": {[][]byte{a, b[:len(b)-1]}, 5, "", ErrMalformed},
		"wrong check sum":             {[][]byte{badSum}, 5, "", ErrMalformed},
		"wrong size":                  {[][]byte{badSize}, 5, "", ErrMalformed},
		"not gzip":                    {[][]byte{[]byte(`{"reqIdentifier":1001}`)}, 5, "", ErrMalformed},
	} {
		got, err := inflate(bytes.Join(tt.in, nil), tt.limit)
		if !errors.Is(err, tt.err) || string(got) != tt.want {
			t.Errorf("%s: %q, error %v; want %q, %v", name, got, err, tt.want, tt.err)
		}
		if err != nil && errors.Is(err, io.EOF) {
			t.Errorf("%s: the error is io.EOF", name)
		}
	}
}

// A bomb costs the limit, whatever it holds, and leaves nothing in the pool.
func TestGunzipBomb(t *testing.T) {
	// Not parallel: it counts the bytes allocated by the process.
	member := deflateStd(t, make([]byte, 8<<20)) // 8 kB
	many := bytes.Repeat(deflateStd(t, make([]byte, 64<<10)), 100)
	for name, b := range map[string][]byte{"one member": member, "many members": many} {
		for _, limit := range []int{0, 100, 50 << 10, 1 << 20} {
			var before, after runtime.MemStats
			var r Request
			runtime.ReadMemStats(&before)
			err := (Gob | Gzip).DecodeRequest(b, limit, &r)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s, limit %d: error %v, want ErrTooLarge", name, limit, err)
			}
			// A buffer that doubles adds up to three times the limit at most; a fresh
			// reader has a window of 32 KiB and tables.
			if got, most := after.TotalAlloc-before.TotalAlloc, uint64(3*limit+512<<10); got > most {
				t.Errorf("%s, limit %d: %d bytes allocated, want at most %d", name, limit, got, most)
			}
		}
	}
	z := inflaters.Get().(*inflater)
	if cap(z.plain) > maxScratch {
		t.Errorf("a buffer of %d bytes is in the pool, the most is %d", cap(z.plain), maxScratch)
	}
	z.release()
}

func TestCodecsConcurrently(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(2, uint64(worker)))
			for range 200 {
				c := codecs[rnd.IntN(Variants)]
				data := bytes.Repeat([]byte{byte(worker)}, 1+rnd.IntN(1000))
				var r Response
				b := c.AppendResponse(nil, &Response{ErrCode: worker, Data: data})
				if err := c.DecodeResponse(b, testLimit, &r); err != nil || r.ErrCode != worker || !bytes.Equal(r.Data, data) {
					t.Errorf("%v: response of another goroutine, error %v", c, err)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzGunzip: what is read of any bytes is what compress/gzip reads, and never
// more than the limit.
func FuzzGunzip(f *testing.F) {
	a, b := deflateStd(f, []byte("hello, hello, hello")), deflate(nil, bytes.Repeat([]byte("x"), 10_000))
	f.Add([]byte{}, uint16(0))
	f.Add(a, uint16(19))
	f.Add(a, uint16(18))
	f.Add(b, uint16(100))
	f.Add(append(bytes.Clone(a), b...), uint16(math.MaxUint16))
	f.Add(append(bytes.Clone(a), "garbage"...), uint16(100))
	f.Add(deflateStd(f, make([]byte, 1<<20)), uint16(1000))
	f.Fuzz(func(t *testing.T, b []byte, limit uint16) {
		got, err := inflate(b, int(limit))
		std, stdErr := inflateStd(b, int(limit))
		switch {
		case err == nil:
			if stdErr != nil || !bytes.Equal(got, std) || len(got) > int(limit) {
				t.Errorf("read %d bytes, compress/gzip %d, error %v", len(got), len(std), stdErr)
			}
		case errors.Is(err, ErrTooLarge):
			if stdErr == nil && len(std) <= int(limit) {
				t.Errorf("too large, compress/gzip reads %d bytes, limit %d", len(std), limit)
			}
		case stdErr == nil && len(std) <= int(limit):
			// Stricter than compress/gzip are: the reader, about reserved header bits;
			// inflate, about a header that ends in its name.
			t.Logf("error %v, compress/gzip reads %d bytes", err, len(std))
		}
	})
}

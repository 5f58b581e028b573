package frame

import (
	"bytes"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Compressors are pooled because they are large: a fresh level-1 writer takes
// 840 KB, many times the connection it would serve. The pools are per processor,
// not per connection.
var (
	deflaters = sync.Pool{New: func() any { return new(deflater) }}
	inflaters = sync.Pool{New: func() any { return new(inflater) }}
)

const (
	// minScratch is the first size of a scratch buffer: it holds the frame of a
	// usual message, so that growing is rare.
	minScratch = 4 << 10
	// maxScratch is the largest scratch buffer kept in a pool. The odd 1 MiB pull
	// answer must not pin its size for the life of the process.
	maxScratch = 64 << 10
)

// noModTime is what RFC 1952 calls "no time stamp available". The zero Time
// would be written as some moment of the past.
var noModTime = time.Unix(0, 0)

// deflater compresses one frame at a time: the caller appends the encoded struct
// to plain, then takes the gzip member from appendTo.
type deflater struct {
	plain []byte
	zw    *gzip.Writer
	out   byteSink
}

// byteSink is an io.Writer that appends and cannot fail.
type byteSink []byte

func (s *byteSink) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}

// appendTo appends the gzip member of d.plain to dst.
func (d *deflater) appendTo(dst []byte) []byte {
	d.out = dst
	if d.zw == nil {
		// Level 1: above it a 300-byte frame gains some percent and costs several
		// times the processor.
		d.zw, _ = gzip.NewWriterLevel(&d.out, gzip.BestSpeed) // the level is valid
	} else {
		d.zw.Reset(&d.out)
	}
	d.zw.ModTime = noModTime
	_, err := d.zw.Write(d.plain)
	if err == nil {
		err = d.zw.Close()
	}
	if err != nil {
		panic("frame: compressing to memory failed: " + err.Error()) // its only source is the sink
	}
	return d.out
}

// release returns d to the pool without the caller's buffer.
func (d *deflater) release() {
	d.out = nil
	d.plain = scratch(d.plain)
	deflaters.Put(d)
}

// inflater decompresses one frame at a time.
type inflater struct {
	plain []byte
	zr    gzip.Reader
	src   bytes.Reader
}

// inflate returns what b decompresses to. The result is valid until release. At
// most limit+1 bytes are decompressed, whatever b claims or contains.
//
// A frame is one gzip member (gateway.md 3.3). Several are taken as one stream,
// under one limit, because RFC 1952 says so and the reference server's reader
// does it; anything else behind a member is an error. The members are walked here
// and not by the reader's multistream mode, which takes a second header that is
// cut off in its name for a regular end.
func (z *inflater) inflate(b []byte, limit int) ([]byte, error) {
	limit = min(max(limit, 0), math.MaxInt-1) // limit+1 must be a size
	out := z.plain[:0]
	z.src.Reset(b)
	for {
		if err := z.zr.Reset(&z.src); err != nil {
			return nil, malformed("gzip", noEOF(err))
		}
		z.zr.Multistream(false)
		for {
			if len(out) == cap(out) {
				out = slices.Grow(out, min(max(len(out), minScratch), limit+1-len(out)))
				z.plain = out
			}
			n, err := z.zr.Read(out[len(out):min(cap(out), limit+1)])
			out = out[:len(out)+n]
			if len(out) > limit {
				return nil, tooLarge(limit)
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, malformed("gzip", err)
			}
		}
		if z.src.Len() == 0 {
			return out, nil
		}
	}
}

// release returns z to the pool without the caller's frame.
func (z *inflater) release() {
	z.src.Reset(nil)
	z.plain = scratch(z.plain)
	inflaters.Put(z)
}

// scratch returns b for reuse, or nil if it has grown too large to keep.
func scratch(b []byte) []byte {
	if cap(b) > maxScratch {
		return nil
	}
	return b[:0]
}

// noEOF keeps io.EOF, "nothing more", out of an error that means "cut off".
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

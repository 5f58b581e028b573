package frame

import "errors"

// Faults in a gob stream. They are causes to read in a log; no caller branches
// on them, except tests on errGobRefused.
var (
	errGobShort      = errors.New("value runs past the end")
	errGobUint       = errors.New("integer of more than 8 bytes")
	errGobRange      = errors.New("integer out of range")
	errGobFieldRange = errors.New("field number out of range")
	errGobExtra      = errors.New("extra bytes behind a type definition")
	errGobTypeID     = errors.New("type defined twice, or under a reserved number")
	errGobUnknown    = errors.New("undefined type")
	errGobNotStruct  = errors.New("value is not a struct")
	errGobFieldName  = errors.New("struct field without a name")
	errGobFieldType  = errors.New("wrong type of a known field")
	errGobNoField    = errors.New("no known field")
	errGobLength     = errors.New("array of the wrong length")

	// errGobRefused marks the streams that encoding/gob reads, or would spin on,
	// and this package does not. No encoder writes them for a type that a client
	// could mean; see gobStream.
	errGobRefused = errors.New("stream of a shape that is not served")
)

// gobReader reads the primitives of gob from one message. The first fault
// sticks: it empties the reader, every later read yields zero, and err tells at
// the end. That keeps the reading code free of a check per byte, and no loop
// outlives a fault because next sees the end of the input.
type gobReader struct {
	b   []byte
	err error
}

func (r *gobReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

func (r *gobReader) uint() uint64 {
	if len(r.b) == 0 {
		r.fail(errGobShort)
		return 0
	}
	c := r.b[0]
	if c <= 0x7f {
		r.b = r.b[1:]
		return uint64(c)
	}
	n := -int(int8(c))
	if n > 8 {
		r.fail(errGobUint)
		return 0
	}
	if len(r.b) <= n {
		r.fail(errGobShort)
		return 0
	}
	var v uint64
	for _, c := range r.b[1 : 1+n] {
		v = v<<8 | uint64(c)
	}
	r.b = r.b[1+n:]
	return v
}

func (r *gobReader) int() int64 {
	v := r.uint()
	if v&1 != 0 {
		return ^int64(v >> 1)
	}
	return int64(v >> 1)
}

func (r *gobReader) int32() int32 {
	v := r.int()
	if int64(int32(v)) != v {
		r.fail(errGobRange)
		return 0
	}
	return int32(v)
}

// bytes reads a length and that many bytes, which alias the input. A length
// beyond the input is refused before it is used for anything.
func (r *gobReader) bytes() []byte {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail(errGobShort)
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// next reads the delta that leads to the next field of a struct of n fields,
// from field f, and returns the new number, or -1 at the end of the struct. A
// struct starts from -1. It may also end with the message, unterminated:
// encoding/gob takes that too.
func (r *gobReader) next(f, n int) int {
	if len(r.b) == 0 {
		return -1
	}
	delta := r.uint()
	if delta == 0 {
		return -1
	}
	if delta > uint64(n-1-f) {
		r.fail(errGobFieldRange)
		return -1
	}
	return f + int(delta)
}

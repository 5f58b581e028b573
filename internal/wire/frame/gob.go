package frame

import (
	"math/bits"
	"slices"
)

// This file writes the gob streams. The format is documented by encoding/gob;
// what is written is, byte for byte, what gob.NewEncoder(w).Encode(r) writes for
// the structs of this package, but for the number of the type (gobTypeID).

// gobTypeID is the number under which a stream describes its one struct type.
// encoding/gob takes the next free one in the process; any number from 64 on is
// valid, and a constant makes equal frames equal bytes in every process. 65
// rather than 64 because both 65 and -65 take two bytes, as do the numbers up to
// 127 that encoding/gob hands out.
const (
	gobTypeID  = "\xff\x82" // 65, "the value of type 65 follows"
	gobTypeDef = "\xff\x81" // -65, "the definition of type 65 follows"
)

// The descriptions of the two structs, which begin every stream. They are
// constants, checked by TestGobDescriptors against encoding/gob, rather than
// taken from encoding/gob at start: nothing to initialise, and the same bytes
// whatever other types the process has used gob for.
const (
	requestDescriptor = "\x61" + gobTypeDef + // 97 bytes follow
		"\x03\x01\x01\x07Request\x01" + gobTypeID + "\x00\x01" + // a struct, its name and number
		requestFieldList + "\x00\x00"

	responseDescriptor = "\x64" + gobTypeDef +
		"\x03\x01\x01\x08Response\x01" + gobTypeID + "\x00\x01" +
		responseFieldList + "\x00\x00"
)

// The fields within a description: their number; of each its name and type. This
// part is the same whatever a client calls its struct and whichever number the
// type has, so the decoder knows it by sight too.
const (
	requestFieldList = "\x06" +
		"\x01\x0dReqIdentifier" + gobIntField +
		"\x01\x05Token" + gobStringField +
		"\x01\x06SendID" + gobStringField +
		"\x01\x0bOperationID" + gobStringField +
		"\x01\x07MsgIncr" + gobStringField +
		"\x01\x04Data" + gobBytesField

	responseFieldList = "\x06" +
		"\x01\x0dReqIdentifier" + gobIntField +
		"\x01\x07MsgIncr" + gobStringField +
		"\x01\x0bOperationID" + gobStringField +
		"\x01\x07ErrCode" + gobIntField +
		"\x01\x06ErrMsg" + gobStringField +
		"\x01\x04Data" + gobBytesField

	gobIntField    = "\x01\x04\x00"
	gobBytesField  = "\x01\x0a\x00"
	gobStringField = "\x01\x0c\x00"
)

// gobOverhead is at least what a stream has besides the descriptor and the bytes
// of its strings: the message's length and the type number, one field delta and
// one length (or integer) for each of six fields, and the end of the struct.
const gobOverhead = 9 + len(gobTypeID) + 6*(1+9) + 1

func appendGobRequest(dst []byte, r *Request) []byte {
	dst = slices.Grow(dst, len(requestDescriptor)+gobOverhead+
		len(r.Token)+len(r.SendID)+len(r.OperationID)+len(r.MsgIncr)+len(r.Data))
	w := newGobWriter(append(dst, requestDescriptor...))
	w.int(0, int64(r.ReqIdentifier))
	appendGobField(&w, 1, r.Token)
	appendGobField(&w, 2, r.SendID)
	appendGobField(&w, 3, r.OperationID)
	appendGobField(&w, 4, r.MsgIncr)
	appendGobField(&w, 5, r.Data)
	return w.end()
}

func appendGobResponse(dst []byte, r *Response) []byte {
	dst = slices.Grow(dst, len(responseDescriptor)+gobOverhead+
		len(r.MsgIncr)+len(r.OperationID)+len(r.ErrMsg)+len(r.Data))
	w := newGobWriter(append(dst, responseDescriptor...))
	w.int(0, int64(r.ReqIdentifier))
	appendGobField(&w, 1, r.MsgIncr)
	appendGobField(&w, 2, r.OperationID)
	w.int(3, int64(r.ErrCode))
	appendGobField(&w, 4, r.ErrMsg)
	appendGobField(&w, 5, r.Data)
	return w.end()
}

// gobWriter appends the message that holds one struct value. Fields are added in
// rising order and zero ones are left out, as gob does.
type gobWriter struct {
	b     []byte
	start int // of the message in b
	field int // number of the last field written
}

func newGobWriter(dst []byte) gobWriter {
	return gobWriter{b: append(dst, gobTypeID...), start: len(dst), field: -1}
}

// tag begins field n: gob writes the distance from the previous one.
func (w *gobWriter) tag(n int) {
	w.b = append(w.b, byte(n-w.field))
	w.field = n
}

func (w *gobWriter) int(n int, v int64) {
	if v == 0 {
		return
	}
	w.tag(n)
	// The sign goes to the lowest bit, the other bits are inverted if it is set.
	w.b = appendGobUint(w.b, uint64(v<<1)^uint64(v>>63))
}

func appendGobField[T string | []byte](w *gobWriter, n int, v T) {
	if len(v) == 0 {
		return
	}
	w.tag(n)
	w.b = append(appendGobUint(w.b, uint64(len(v))), v...)
}

// end closes the struct and puts the length before the message. Its width
// depends on the message, so the message moves up by it; for a 300-byte payload
// that is cheaper than going through the fields twice.
func (w *gobWriter) end() []byte {
	b := append(w.b, 0)
	n := len(b) - w.start
	var length [9]byte
	prefix := appendGobUint(length[:0], uint64(n))
	b = append(b, prefix...)
	copy(b[w.start+len(prefix):], b[w.start:w.start+n])
	copy(b[w.start:], prefix)
	return b
}

// appendGobUint appends v as gob does: up to 127 as one byte, else the negated
// number of bytes and the bytes, big-endian, without leading zeros.
func appendGobUint(b []byte, v uint64) []byte {
	if v <= 0x7f {
		return append(b, byte(v))
	}
	n := (bits.Len64(v) + 7) / 8
	b = append(b, byte(-n))
	for n > 0 {
		n--
		b = append(b, byte(v>>(8*n)))
	}
	return b
}

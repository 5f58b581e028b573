// Package frame encodes and decodes the envelope of the WebSocket gateway: one
// [Request] or [Response] per binary message, as gob (native SDKs) or JSON
// (browser SDK), optionally inside gzip. Specification: gateway.md 3.2 (the two
// encoders), 3.3 (compression), 3.4 (limits) and 9 (what a client does with a
// frame it cannot read: a native SDK stops for good, so what is written here
// must decode with every encoding/gob).
//
// It owns the bytes of the envelope and nothing else. It does not write
// WebSocket headers, does not look into Data, does not check identifiers, and
// knows neither connections nor users. It starts no goroutine and keeps no state
// but two pools of compressors (gzip.go); every function is safe for concurrent
// use.
//
// # Why gob is hand-written
//
// Every frame is a self-contained gob stream: the description of the struct
// type, then one value. encoding/gob builds its encoder or compiles its decoder
// anew for each of them. With a 300-byte payload, on the development machine
// (BenchmarkEncode, BenchmarkDecode):
//
//	                             ns/op   allocs
//	encode, this package            78        0
//	encode, encoding/gob         3,300       17
//	decode, this package           520        4
//	decode, encoding/gob        19,500      177
//
// The second reason is that requests come from strangers, and encoding/gob warns
// against feeding it such data. Streams of under a hundred bytes make it panic,
// or spin for longer than the process will live, or read its table of types
// without the lock (hostileGob and stdGob in the tests). This package never hands
// it one: it reads the descriptions of types itself, in every frame. The usual
// list of fields is recognised by its bytes whatever the struct is called; any
// other costs 0.7 µs more, so there is no cache of descriptions for a client to
// fill.
package frame

import (
	"errors"
	"fmt"
)

// Faults of an incoming frame. Either way the gateway closes the connection
// (gateway.md 3.3, 4); they are told apart for logs and metrics.
var (
	// ErrMalformed is wrapped by the error for a frame that is not valid in its
	// codec, next to the cause.
	ErrMalformed = errors.New("malformed frame")
	// ErrTooLarge is wrapped by the error for a frame whose encoded struct, after
	// decompression, is above the caller's limit.
	ErrTooLarge = errors.New("frame too large")
)

// Request is what a client sends (gateway.md 3.2). In gob its fields are matched
// by name, so the names are part of the wire format.
type Request struct {
	ReqIdentifier int32  `json:"reqIdentifier"`
	Token         string `json:"token"`
	SendID        string `json:"sendID"`
	OperationID   string `json:"operationID"`
	MsgIncr       string `json:"msgIncr"`
	Data          []byte `json:"data"`
}

// Response is what the gateway sends: the answer to a Request, which echoes its
// ReqIdentifier, MsgIncr and OperationID, or a push (gateway.md 3.2). In gob its
// fields are matched by name, so the names are part of the wire format.
type Response struct {
	ReqIdentifier int32  `json:"reqIdentifier"`
	MsgIncr       string `json:"msgIncr"`
	OperationID   string `json:"operationID"`
	ErrCode       int    `json:"errCode"`
	ErrMsg        string `json:"errMsg"`
	Data          []byte `json:"data"`
}

// Codec says how the binary frames of a connection are encoded: Gob or JSON,
// with or without Gzip. It is settled at the handshake. Its values are
// 0 to Variants-1, so that a push that is encoded once per variant can be kept
// in an array indexed by Codec.
type Codec uint8

// The bits of a Codec: one encoding, plus Gzip.
const (
	Gob  Codec = 0
	JSON Codec = 1 << 0
	Gzip Codec = 1 << 1

	// Variants is the number of different codecs.
	Variants = 4
)

// NewCodec returns the codec that a client asks for at the handshake: sdkType
// "go" or empty is Gob, "js" is JSON. It reports false for any other sdkType,
// which the handshake refuses (gateway.md 1.1).
func NewCodec(sdkType string, gzip bool) (Codec, bool) {
	var c Codec
	switch sdkType {
	case "", "go":
		c = Gob
	case "js":
		c = JSON
	default:
		return 0, false
	}
	if gzip {
		c |= Gzip
	}
	return c, true
}

// String names the codec for logs and metric labels.
func (c Codec) String() string {
	switch c {
	case Gob:
		return "gob"
	case JSON:
		return "json"
	case Gob | Gzip:
		return "gob+gzip"
	case JSON | Gzip:
		return "json+gzip"
	}
	return fmt.Sprintf("Codec(%d)", uint8(c))
}

// AppendResponse appends the frame of r to dst: the payload of the binary
// WebSocket message, compressed if c says so. The result does not alias r.
func (c Codec) AppendResponse(dst []byte, r *Response) []byte {
	if c&Gzip == 0 {
		return c.appendPlainResponse(dst, r)
	}
	d := deflaters.Get().(*deflater)
	d.plain = c.appendPlainResponse(d.plain[:0], r)
	dst = d.appendTo(dst)
	d.release()
	return dst
}

// AppendRequest is AppendResponse for the client's side.
func (c Codec) AppendRequest(dst []byte, r *Request) []byte {
	if c&Gzip == 0 {
		return c.appendPlainRequest(dst, r)
	}
	d := deflaters.Get().(*deflater)
	d.plain = c.appendPlainRequest(d.plain[:0], r)
	dst = d.appendTo(dst)
	d.release()
	return dst
}

// DecodeRequest decodes the frame b, the payload of one binary message, into r.
// limit bounds the encoded struct: what b decompresses to, or b itself without
// Gzip. A larger one is ErrTooLarge and is not decompressed further.
//
// On success r shares no memory with b, and an empty Data is nil. On failure r
// is the zero Request and the error wraps ErrMalformed or ErrTooLarge.
func (c Codec) DecodeRequest(b []byte, limit int, r *Request) error {
	*r = Request{}
	if c&Gzip == 0 {
		return c.decodePlainRequest(b, limit, r)
	}
	z := inflaters.Get().(*inflater)
	defer z.release()
	plain, err := z.inflate(b, limit)
	if err != nil {
		return err
	}
	return c.decodePlainRequest(plain, limit, r)
}

// DecodeResponse is DecodeRequest for the client's side.
func (c Codec) DecodeResponse(b []byte, limit int, r *Response) error {
	*r = Response{}
	if c&Gzip == 0 {
		return c.decodePlainResponse(b, limit, r)
	}
	z := inflaters.Get().(*inflater)
	defer z.release()
	plain, err := z.inflate(b, limit)
	if err != nil {
		return err
	}
	return c.decodePlainResponse(plain, limit, r)
}

func (c Codec) appendPlainResponse(dst []byte, r *Response) []byte {
	if c&JSON != 0 {
		return appendJSONResponse(dst, r)
	}
	return appendGobResponse(dst, r)
}

func (c Codec) appendPlainRequest(dst []byte, r *Request) []byte {
	if c&JSON != 0 {
		return appendJSONRequest(dst, r)
	}
	return appendGobRequest(dst, r)
}

// The plain decoders copy what they keep of b: b may be pooled memory, or the
// caller's read buffer. They leave r alone when they fail.

func (c Codec) decodePlainRequest(b []byte, limit int, r *Request) error {
	if len(b) > limit {
		return tooLarge(limit)
	}
	if c&JSON != 0 {
		return decodeJSONRequest(b, r)
	}
	return decodeGobRequest(b, r)
}

func (c Codec) decodePlainResponse(b []byte, limit int, r *Response) error {
	if len(b) > limit {
		return tooLarge(limit)
	}
	if c&JSON != 0 {
		return decodeJSONResponse(b, r)
	}
	return decodeGobResponse(b, r)
}

func malformed(codec string, cause error) error {
	return fmt.Errorf("%w: %s: %w", ErrMalformed, codec, cause)
}

func tooLarge(limit int) error {
	return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
}

package frame

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testLimit is large enough for every frame of the tests that is not about it.
const testLimit = 1 << 20

var codecs = [Variants]Codec{Gob, JSON, Gob | Gzip, JSON | Gzip}

// requests and responses are valid envelopes of every shape that matters. Empty
// Data is nil in them, as it is after decoding.
var requests = map[string]Request{
	"zero": {},
	"usual": {
		ReqIdentifier: 1003, SendID: "u1", OperationID: "op-1", MsgIncr: "u1_1",
		Data: []byte("\x0a\x02u1\x00\xff"),
	},
	"every field": {
		ReqIdentifier: 1001, Token: "t", SendID: "u1", OperationID: "op-1", MsgIncr: "u1_1", Data: []byte{0},
	},
	"int32 max":      {ReqIdentifier: math.MaxInt32},
	"int32 min":      {ReqIdentifier: math.MinInt32},
	"one-byte ints":  {ReqIdentifier: 63},
	"minus 64":       {ReqIdentifier: -64},
	"two-byte ints":  {ReqIdentifier: 64},
	"127 bytes":      {SendID: strings.Repeat("a", 127)},
	"128 bytes":      {SendID: strings.Repeat("a", 128)},
	"not ASCII":      {SendID: "用户", OperationID: "<&>\u2028\x00\x7f\"\\"},
	"100 kB of data": {Data: bytes.Repeat([]byte("0123456789"), 10_000)},
}

var responses = map[string]Response{
	"zero": {},
	"answer": {
		ReqIdentifier: 1003, MsgIncr: "u1_1", OperationID: "op-1", Data: []byte("\x0a\x02u1\x00\xff"),
	},
	"failure": {
		ReqIdentifier: 1003, MsgIncr: "u1_1", OperationID: "op-1", ErrCode: 1002, ErrMsg: "NoPermissionError",
	},
	"push":           {ReqIdentifier: 2001, Data: []byte{0}},
	"int max":        {ReqIdentifier: math.MaxInt32, ErrCode: math.MaxInt},
	"int min":        {ReqIdentifier: math.MinInt32, ErrCode: math.MinInt},
	"not ASCII":      {OperationID: "用户", ErrMsg: "<&>\u2029\x00\x7f\"\\"},
	"100 kB of data": {Data: bytes.Repeat([]byte("0123456789"), 10_000)},
}

func TestNewCodec(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sdkType string
		gzip    bool
		want    Codec
		ok      bool
		name    string
	}{
		{"", false, Gob, true, "gob"},
		{"go", false, Gob, true, "gob"},
		{"go", true, Gob | Gzip, true, "gob+gzip"},
		{"js", false, JSON, true, "json"},
		{"js", true, JSON | Gzip, true, "json+gzip"},
		{"JS", false, 0, false, "gob"},
		{"rust", true, 0, false, "gob"},
	} {
		c, ok := NewCodec(tt.sdkType, tt.gzip)
		if c != tt.want || ok != tt.ok {
			t.Errorf("NewCodec(%q, %v) = %v, %v; want %v, %v", tt.sdkType, tt.gzip, c, ok, tt.want, tt.ok)
		}
		if c.String() != tt.name {
			t.Errorf("NewCodec(%q, %v) is named %q, want %q", tt.sdkType, tt.gzip, c, tt.name)
		}
	}
	if got := Codec(Variants).String(); got != "Codec(4)" {
		t.Errorf("String of an invalid codec = %q", got)
	}
}

func TestCodecsIndexAnArray(t *testing.T) {
	t.Parallel()
	var seen [Variants]bool
	for _, c := range codecs {
		seen[c] = true
	}
	if seen != [Variants]bool{true, true, true, true} {
		t.Errorf("the codecs do not fill 0 to Variants-1: %v", seen)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, c := range codecs {
		for name, want := range requests {
			t.Run(c.String()+"/request/"+name, func(t *testing.T) {
				t.Parallel()
				got := Request{Token: "stale", Data: []byte("stale")}
				if err := c.DecodeRequest(c.AppendRequest(nil, &want), testLimit, &got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("request changed (-want +got):\n%s", diff)
				}
			})
		}
		for name, want := range responses {
			t.Run(c.String()+"/response/"+name, func(t *testing.T) {
				t.Parallel()
				got := Response{ErrMsg: "stale", Data: []byte("stale")}
				if err := c.DecodeResponse(c.AppendResponse(nil, &want), testLimit, &got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("response changed (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// Non-nil empty Data is sent as none and comes back as nil.
func TestEmptyData(t *testing.T) {
	t.Parallel()
	for _, c := range codecs {
		none := c.AppendResponse(nil, &Response{ReqIdentifier: 2002})
		empty := c.AppendResponse(nil, &Response{ReqIdentifier: 2002, Data: []byte{}})
		if !bytes.Equal(none, empty) {
			t.Errorf("%v: empty Data is sent as %q, nil as %q", c, empty, none)
		}
	}
	var r Request
	if err := JSON.DecodeRequest([]byte(`{"data":""}`), testLimit, &r); err != nil || r.Data != nil {
		t.Errorf(`json "data":"" gives Data %#v, error %v; want nil`, r.Data, err)
	}
}

// Appending leaves what is before it alone, whether or not there is room behind.
func TestAppendKeepsPrefix(t *testing.T) {
	t.Parallel()
	const prefix = "prefix"
	req, resp := requests["usual"], responses["failure"]
	for _, c := range codecs {
		wantReq, wantResp := c.AppendRequest(nil, &req), c.AppendResponse(nil, &resp)
		for _, room := range []int{0, 1, 1000} {
			dst := append(make([]byte, 0, len(prefix)+room), prefix...)
			if got := c.AppendRequest(dst, &req); string(got) != prefix+string(wantReq) {
				t.Errorf("%v: request behind a prefix with room %d is %q", c, room, got)
			}
			dst = append(make([]byte, 0, len(prefix)+room), prefix...)
			if got := c.AppendResponse(dst, &resp); string(got) != prefix+string(wantResp) {
				t.Errorf("%v: response behind a prefix with room %d is %q", c, room, got)
			}
		}
	}
}

// A decoded request must survive both the caller's read buffer and the pooled
// buffers being used again.
func TestDecodedRequestOwnsItsMemory(t *testing.T) {
	t.Parallel()
	want := requests["every field"]
	other := Request{SendID: "XXXXXXXX", OperationID: "XXXXXXXX", MsgIncr: "XXXXXXXX", Data: []byte("XXXXXXXXXXXX")}
	for _, c := range codecs {
		b := c.AppendRequest(nil, &want)
		var got, again Request
		if err := c.DecodeRequest(b, testLimit, &got); err != nil {
			t.Fatal(err)
		}
		for i := range b {
			b[i] = 'X'
		}
		for range 10 {
			if err := c.DecodeRequest(c.AppendRequest(nil, &other), testLimit, &again); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: request changed after decoding (-want +got):\n%s", c, diff)
		}
	}
}

// The limit counts the encoded struct, in every codec.
func TestLimit(t *testing.T) {
	t.Parallel()
	req, resp := requests["usual"], responses["failure"]
	for _, c := range codecs {
		size := len((c &^ Gzip).AppendRequest(nil, &req))
		b := c.AppendRequest(nil, &req)
		var r Request
		for _, limit := range []int{size, size + 1, math.MaxInt} {
			if err := c.DecodeRequest(b, limit, &r); err != nil {
				t.Errorf("%v: request of %d bytes, limit %d: %v", c, size, limit, err)
			}
		}
		for _, limit := range []int{size - 1, 1, 0, -1} {
			if err := c.DecodeRequest(b, limit, &r); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%v: request of %d bytes, limit %d: error %v, want ErrTooLarge", c, size, limit, err)
			}
		}
		if diff := cmp.Diff(Request{}, r); diff != "" {
			t.Errorf("%v: failed decoding left a request (-want +got):\n%s", c, diff)
		}

		size = len((c &^ Gzip).AppendResponse(nil, &resp))
		b = c.AppendResponse(nil, &resp)
		var p Response
		if err := c.DecodeResponse(b, size, &p); err != nil {
			t.Errorf("%v: response at the limit: %v", c, err)
		}
		if err := c.DecodeResponse(b, size-1, &p); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v: response above the limit: error %v, want ErrTooLarge", c, err)
		}
		if diff := cmp.Diff(Response{}, p); diff != "" {
			t.Errorf("%v: failed decoding left a response (-want +got):\n%s", c, diff)
		}
	}
}

// A frame cut short anywhere is malformed: no codec has a valid prefix.
func TestTruncated(t *testing.T) {
	t.Parallel()
	req, resp := requests["every field"], responses["failure"]
	for _, c := range codecs {
		b := c.AppendRequest(nil, &req)
		for n := range b {
			r := Request{Token: "stale"}
			if err := c.DecodeRequest(b[:n], testLimit, &r); !errors.Is(err, ErrMalformed) {
				t.Errorf("%v: %d of %d bytes of a request: error %v, want ErrMalformed", c, n, len(b), err)
			}
			if diff := cmp.Diff(Request{}, r); diff != "" {
				t.Errorf("%v: failed decoding left a request (-want +got):\n%s", c, diff)
			}
		}
		b = c.AppendResponse(nil, &resp)
		for n := range b {
			r := Response{ErrMsg: "stale"}
			if err := c.DecodeResponse(b[:n], testLimit, &r); !errors.Is(err, ErrMalformed) {
				t.Errorf("%v: %d of %d bytes of a response: error %v, want ErrMalformed", c, n, len(b), err)
			}
			if diff := cmp.Diff(Response{}, r); diff != "" {
				t.Errorf("%v: failed decoding left a response (-want +got):\n%s", c, diff)
			}
		}
	}
}

// A frame of one codec is malformed in every other.
func TestWrongCodec(t *testing.T) {
	t.Parallel()
	req := requests["usual"]
	for _, c := range codecs {
		for _, other := range codecs {
			if other == c {
				continue
			}
			var r Request
			if err := other.DecodeRequest(c.AppendRequest(nil, &req), testLimit, &r); !errors.Is(err, ErrMalformed) {
				t.Errorf("%v frame read as %v: error %v, want ErrMalformed", c, other, err)
			}
		}
	}
}

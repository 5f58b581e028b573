package frame

import (
	"bytes"
	"encoding/gob"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The structs as the native SDK has them: other names, int for every integer.
type (
	GeneralWsReq struct {
		ReqIdentifier int
		Token         string
		SendID        string
		OperationID   string
		MsgIncr       string
		Data          []byte
	}
	GeneralWsResp struct {
		ReqIdentifier int
		ErrCode       int
		ErrMsg        string
		MsgIncr       string
		OperationID   string
		Data          []byte
	}
)

// stdGob is held around encoding/gob: a stream that names an undefined type makes
// its decoder read the process-wide table of types without its lock, which the
// race detector sees when another test encodes.
var stdGob sync.Mutex

// encodeGob is the frame of v as encoding/gob writes it.
func encodeGob(tb testing.TB, v any) []byte {
	tb.Helper()
	stdGob.Lock()
	defer stdGob.Unlock()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(v); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// splitGob takes a stream of one type definition and one value apart: the number
// of the type, and both messages without length and number.
func splitGob(tb testing.TB, stream []byte) (id int64, def, value string) {
	tb.Helper()
	r := gobReader{b: stream}
	d, v := gobReader{b: r.bytes()}, gobReader{b: r.bytes()}
	id = -d.int()
	if r.err != nil || d.err != nil || len(r.b) > 0 || v.int() != id || v.err != nil {
		tb.Fatalf("not a definition and its value: %q", stream)
	}
	return id, string(d.b), string(v.b)
}

// sameGob reports whether two streams are equal but for the number of the type.
func sameGob(tb testing.TB, own, std []byte) bool {
	tb.Helper()
	ownID, ownDef, ownValue := splitGob(tb, own)
	stdID, stdDef, stdValue := splitGob(tb, std)
	if ownID != 65 {
		tb.Errorf("type has number %d, want 65", ownID)
	}
	// The number is also in the CommonType of the definition, behind the name.
	stdDef = strings.Replace(stdDef, "\x01"+gobI(stdID)+"\x00", "\x01"+gobTypeID+"\x00", 1)
	return ownDef == stdDef && ownValue == stdValue
}

// The constants are what encoding/gob makes of the structs of this package.
func TestGobDescriptors(t *testing.T) {
	t.Parallel()
	if own, std := appendGobRequest(nil, &Request{}), encodeGob(t, Request{}); !sameGob(t, own, std) {
		t.Errorf("request descriptor:\n got %q\nwant %q", own, std)
	}
	if own, std := appendGobResponse(nil, &Response{}), encodeGob(t, Response{}); !sameGob(t, own, std) {
		t.Errorf("response descriptor:\n got %q\nwant %q", own, std)
	}
	// What the SDK sends takes the short way through the decoder.
	if !strings.Contains(string(encodeGob(t, GeneralWsReq{})), requestFieldList) {
		t.Error("requestFieldList is not the SDK's")
	}
}

func TestGobEncodesLikeEncodingGob(t *testing.T) {
	t.Parallel()
	for name, r := range requests {
		if own, std := appendGobRequest(nil, &r), encodeGob(t, r); !sameGob(t, own, std) {
			t.Errorf("request %q:\n got %.300q\nwant %.300q", name, own, std)
		}
	}
	for name, r := range responses {
		if own, std := appendGobResponse(nil, &r), encodeGob(t, r); !sameGob(t, own, std) {
			t.Errorf("response %q:\n got %.300q\nwant %.300q", name, own, std)
		}
	}
}

func TestGobSDKReadsResponse(t *testing.T) {
	t.Parallel()
	for name, r := range responses {
		var got GeneralWsResp
		if err := decodeStdGob(appendGobResponse(nil, &r), &got); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := GeneralWsResp{
			ReqIdentifier: int(r.ReqIdentifier), ErrCode: r.ErrCode, ErrMsg: r.ErrMsg,
			MsgIncr: r.MsgIncr, OperationID: r.OperationID, Data: r.Data,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: the SDK reads something else (-want +got):\n%s", name, diff)
		}
	}
}

// Equal frames are equal bytes, so one encoding of a push serves every connection
// and golden files hold.
func TestGobGolden(t *testing.T) {
	t.Parallel()
	got := Gob.AppendResponse(nil, &Response{ReqIdentifier: 2002, OperationID: "op"})
	want := "d\xff\x81\x03\x01\x01\x08Response\x01\xff\x82\x00\x01\x06\x01\x0dReqIdentifier\x01\x04\x00" +
		"\x01\x07MsgIncr\x01\x0c\x00\x01\x0bOperationID\x01\x0c\x00\x01\x07ErrCode\x01\x04\x00" +
		"\x01\x06ErrMsg\x01\x0c\x00\x01\x04Data\x01\x0a\x00\x00\x00" +
		"\x0b\xff\x82\x01\xfe\x0f\xa4\x02\x02op\x00"
	if string(got) != want {
		t.Errorf("frame of a kick\n got %q\nwant %q", got, want)
	}
}

// FuzzGobResponse: what this package encodes is what encoding/gob encodes, and
// encoding/gob and this package both decode it.
func FuzzGobResponse(f *testing.F) {
	for _, r := range responses {
		f.Add(r.ReqIdentifier, r.MsgIncr, r.OperationID, r.ErrCode, r.ErrMsg, r.Data)
	}
	f.Fuzz(func(t *testing.T, id int32, incr, op string, code int, msg string, data []byte) {
		want := Response{id, incr, op, code, msg, data}
		b := appendGobResponse(nil, &want)
		if std := encodeGob(t, want); !sameGob(t, b, std) {
			t.Errorf("encoded\n     %q\nwant %q", b, std)
		}
		if len(data) == 0 {
			want.Data = nil
		}
		var std, own Response
		if err := decodeStdGob(b, &std); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, std); diff != "" {
			t.Errorf("encoding/gob reads (-want +got):\n%s", diff)
		}
		if err := decodeGobResponse(b, &own); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, own); diff != "" {
			t.Errorf("this package reads (-want +got):\n%s", diff)
		}
	})
}

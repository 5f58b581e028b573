package frame

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// encodeJSON is the frame of v by encoding/json, empty Data being nil.
func encodeJSON(tb testing.TB, v any) string {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func TestJSONEncodesLikeEncodingJSON(t *testing.T) {
	t.Parallel()
	for name, r := range requests {
		if got, want := string(appendJSONRequest(nil, &r)), encodeJSON(t, r); got != want {
			t.Errorf("request %q\n got %.300s\nwant %.300s", name, got, want)
		}
	}
	for name, r := range responses {
		if got, want := string(appendJSONResponse(nil, &r)), encodeJSON(t, r); got != want {
			t.Errorf("response %q\n got %.300s\nwant %.300s", name, got, want)
		}
	}
}

func TestJSONGolden(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		r    Response
		want string
	}{
		{
			Response{ReqIdentifier: 2002},
			`{"reqIdentifier":2002,"msgIncr":"","operationID":"","errCode":0,"errMsg":"","data":null}`,
		},
		{
			Response{1003, "u1_1", "op", 1002, `a "quoted" <b>`, []byte{0xfb, 0xff, 0xfe, 0}},
			`{"reqIdentifier":1003,"msgIncr":"u1_1","operationID":"op","errCode":1002,` +
				`"errMsg":"a \"quoted\" \u003cb\u003e","data":"+//+AA=="}`,
		},
	} {
		if got := string(JSON.AppendResponse(nil, &tt.r)); got != tt.want {
			t.Errorf("\n got %s\nwant %s", got, tt.want)
		}
	}
}

func TestJSONDecode(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in   string
		want Request
	}{
		"keys in any case": {
			`{"REQIDENTIFIER":1,"sendid":"u1","OperationId":"op"}`,
			Request{ReqIdentifier: 1, SendID: "u1", OperationID: "op"},
		},
		"unknown keys":    {`{"reqIdentifier":1,"x":{"y":[1]}}`, Request{ReqIdentifier: 1}},
		"last key wins":   {`{"token":"a","token":"b"}`, Request{Token: "b"}},
		"nulls":           {`{"reqIdentifier":null,"token":null,"data":null}`, Request{}},
		"no keys":         {`{}`, Request{}},
		"null":            {`null`, Request{}},
		"space around":    {" \r\n{\"data\":\"AA==\"}\t", Request{Data: []byte{0}}},
		"data in lines":   {`{"data":"AA\n=="}`, Request{Data: []byte{0}}},
		"escapes":         {`{"token":"\u0041\ud83d\ude00\ud800"}`, Request{Token: "A😀\ufffd"}},
		"invalid UTF-8":   {"{\"token\":\"a\xff\"}", Request{Token: "a\ufffd"}},
		"largest integer": {`{"reqIdentifier":2147483647}`, Request{ReqIdentifier: 2147483647}},
	} {
		var got Request
		if err := JSON.DecodeRequest([]byte(tt.in), testLimit, &got); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, in := range map[string]string{
		"empty":               "",
		"array":               `[]`,
		"string":              `"x"`,
		"trailing bytes":      `{} x`,
		"two objects":         `{}{}`,
		"integer too large":   `{"reqIdentifier":2147483648}`,
		"fraction":            `{"reqIdentifier":1.5}`,
		"integer as string":   `{"reqIdentifier":"1"}`,
		"string as integer":   `{"token":1}`,
		"data of other kind":  `{"data":{}}`,
		"data without pad":    `{"data":"AA"}`,
		"data in URL letters": `{"data":"-__-"}`,
		"nested too deep":     `{"x":` + strings.Repeat("[", 100_000),
	} {
		got := Request{Token: "stale"}
		if err := JSON.DecodeRequest([]byte(in), testLimit, &got); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", name, err)
		}
		if diff := cmp.Diff(Request{}, got); diff != "" {
			t.Errorf("%s: failed decoding left a request (-want +got):\n%s", name, diff)
		}
	}
}

// FuzzJSON: what this package encodes is what encoding/json encodes, and any
// bytes are decoded as encoding/json decodes them.
func FuzzJSON(f *testing.F) {
	for _, r := range responses {
		f.Add(r.ReqIdentifier, r.MsgIncr, r.OperationID, r.ErrCode, r.ErrMsg, r.Data)
	}
	f.Add(int32(0), "\xff\xc3", "\x7f\u0080\u2028", -1, "\b\f\n\r\t\x1f", []byte(`{"data":"AA==","Token":"a","ERRMSG":"b"}`))
	f.Fuzz(func(t *testing.T, id int32, incr, op string, code int, msg string, data []byte) {
		if len(data) == 0 {
			data = nil
		}
		resp := Response{id, incr, op, code, msg, data}
		if got, want := string(appendJSONResponse(nil, &resp)), encodeJSON(t, resp); got != want {
			t.Errorf("response\n got %s\nwant %s", got, want)
		}
		req := Request{id, incr, op, msg, "", data}
		if got, want := string(appendJSONRequest(nil, &req)), encodeJSON(t, req); got != want {
			t.Errorf("request\n got %s\nwant %s", got, want)
		}
		sameAsStdJSON(t, appendJSONRequest(nil, &req), decodeJSONRequest)
		sameAsStdJSON(t, appendJSONResponse(nil, &resp), decodeJSONResponse)
		sameAsStdJSON(t, data, decodeJSONRequest)
		sameAsStdJSON(t, data, decodeJSONResponse)
	})
}

func sameAsStdJSON[T Request | Response](t *testing.T, b []byte, decode func([]byte, *T) error) {
	t.Helper()
	var own, std T
	ownErr, stdErr := decode(b, &own), json.Unmarshal(b, &std)
	if (ownErr == nil) != (stdErr == nil) {
		t.Fatalf("error %v, of encoding/json %v", ownErr, stdErr)
	}
	if stdErr != nil {
		return
	}
	switch r := any(&std).(type) {
	case *Request:
		r.Data = cloneData(r.Data)
	case *Response:
		r.Data = cloneData(r.Data)
	}
	if diff := cmp.Diff(std, own); diff != "" {
		t.Errorf("(-encoding/json +own):\n%s", diff)
	}
}

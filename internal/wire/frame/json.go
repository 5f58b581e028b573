package frame

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
)

// Encoding is by hand because it is short (two flat structs) and spares the
// reflection and both allocations of json.Marshal. The bytes are those of
// json.Marshal, except that empty Data is always null (gateway.md 3.2), never "".
// Decoding is left to encoding/json: the reference server uses it, and its rules
// (keys in any case, unknown keys ignored, duplicate keys, invalid UTF-8) are
// the protocol.

// jsonOverhead is at least what an object has besides its strings and data:
// keys, punctuation and two integers.
const jsonOverhead = 160

func appendJSONRequest(dst []byte, r *Request) []byte {
	dst = slices.Grow(dst, jsonOverhead+base64.StdEncoding.EncodedLen(len(r.Data))+
		len(r.Token)+len(r.SendID)+len(r.OperationID)+len(r.MsgIncr))
	dst = append(dst, `{"reqIdentifier":`...)
	dst = strconv.AppendInt(dst, int64(r.ReqIdentifier), 10)
	dst = append(dst, `,"token":`...)
	dst = appendJSONString(dst, r.Token)
	dst = append(dst, `,"sendID":`...)
	dst = appendJSONString(dst, r.SendID)
	dst = append(dst, `,"operationID":`...)
	dst = appendJSONString(dst, r.OperationID)
	dst = append(dst, `,"msgIncr":`...)
	dst = appendJSONString(dst, r.MsgIncr)
	dst = append(dst, `,"data":`...)
	dst = appendJSONData(dst, r.Data)
	return append(dst, '}')
}

func appendJSONResponse(dst []byte, r *Response) []byte {
	dst = slices.Grow(dst, jsonOverhead+base64.StdEncoding.EncodedLen(len(r.Data))+
		len(r.MsgIncr)+len(r.OperationID)+len(r.ErrMsg))
	dst = append(dst, `{"reqIdentifier":`...)
	dst = strconv.AppendInt(dst, int64(r.ReqIdentifier), 10)
	dst = append(dst, `,"msgIncr":`...)
	dst = appendJSONString(dst, r.MsgIncr)
	dst = append(dst, `,"operationID":`...)
	dst = appendJSONString(dst, r.OperationID)
	dst = append(dst, `,"errCode":`...)
	dst = strconv.AppendInt(dst, int64(r.ErrCode), 10)
	dst = append(dst, `,"errMsg":`...)
	dst = appendJSONString(dst, r.ErrMsg)
	dst = append(dst, `,"data":`...)
	dst = appendJSONData(dst, r.Data)
	return append(dst, '}')
}

// appendJSONString appends s quoted. Identifiers and most messages are plain
// ASCII and are copied; anything that may need an escape, HTML's included, goes
// through encoding/json so as to come out exactly like it.
func appendJSONString(dst []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c < 0x20, c > 0x7e, c == '"', c == '\\', c == '<', c == '>', c == '&':
			quoted, err := json.Marshal(s)
			if err != nil {
				panic("frame: quoting a string failed: " + err.Error()) // json.Marshal cannot fail on a string
			}
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func appendJSONData(dst, data []byte) []byte {
	if len(data) == 0 {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, data)
	return append(dst, '"')
}

// The decoders unmarshal into a local struct and copy it: handing r itself to
// encoding/json would move every caller's Request to the heap, gob ones too.

func decodeJSONRequest(b []byte, r *Request) error {
	var v Request
	if err := json.Unmarshal(b, &v); err != nil {
		return malformed("json", err)
	}
	if len(v.Data) == 0 {
		v.Data = nil
	}
	*r = v
	return nil
}

func decodeJSONResponse(b []byte, r *Response) error {
	var v Response
	if err := json.Unmarshal(b, &v); err != nil {
		return malformed("json", err)
	}
	if len(v.Data) == 0 {
		v.Data = nil
	}
	*r = v
	return nil
}

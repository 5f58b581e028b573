package frame

import "bytes"

// gobField is a field of Request or Response.
type gobField uint8

const (
	noField gobField = iota
	fieldReqIdentifier
	fieldErrCode
	fieldToken
	fieldSendID
	fieldOperationID
	fieldMsgIncr
	fieldErrMsg
	fieldData
	gobFieldCount
)

// gobSchema is a struct to decode into.
type gobSchema struct {
	fields uint16      // the set of its fields
	list   string      // their usual description, which the SDK and this package send
	order  [6]gobField // their order in list
}

// Neither is ever written to.
var (
	requestSchema = gobSchema{
		fields: 1<<fieldReqIdentifier | 1<<fieldToken | 1<<fieldSendID |
			1<<fieldOperationID | 1<<fieldMsgIncr | 1<<fieldData,
		list: requestFieldList,
		order: [...]gobField{
			fieldReqIdentifier, fieldToken, fieldSendID,
			fieldOperationID, fieldMsgIncr, fieldData,
		},
	}
	responseSchema = gobSchema{
		fields: 1<<fieldReqIdentifier | 1<<fieldMsgIncr | 1<<fieldOperationID |
			1<<fieldErrCode | 1<<fieldErrMsg | 1<<fieldData,
		list: responseFieldList,
		order: [...]gobField{
			fieldReqIdentifier, fieldMsgIncr, fieldOperationID,
			fieldErrCode, fieldErrMsg, fieldData,
		},
	}
)

// named returns the field with that name, and the type that it has in a stream.
func (s *gobSchema) named(name []byte) (gobField, int32) {
	var f gobField
	typ := int32(gobString)
	switch string(name) {
	case "ReqIdentifier":
		f, typ = fieldReqIdentifier, gobInt
	case "ErrCode":
		f, typ = fieldErrCode, gobInt
	case "Token":
		f = fieldToken
	case "SendID":
		f = fieldSendID
	case "OperationID":
		f = fieldOperationID
	case "MsgIncr":
		f = fieldMsgIncr
	case "ErrMsg":
		f = fieldErrMsg
	case "Data":
		f, typ = fieldData, gobBytes
	}
	if s.fields&(1<<f) == 0 {
		return noField, 0
	}
	return f, typ
}

// gobValue is a decoded struct of either kind, its byte fields still in the
// input: nothing is allocated for a stream that turns out to be faulty.
type gobValue struct {
	reqIdentifier int32
	errCode       int
	raw           [gobFieldCount][]byte
}

func decodeGobRequest(b []byte, r *Request) error {
	var v gobValue
	if err := decodeGob(b, &requestSchema, &v); err != nil {
		return malformed("gob", err)
	}
	r.ReqIdentifier = v.reqIdentifier
	r.Token = string(v.raw[fieldToken])
	r.SendID = string(v.raw[fieldSendID])
	r.OperationID = string(v.raw[fieldOperationID])
	r.MsgIncr = string(v.raw[fieldMsgIncr])
	r.Data = cloneData(v.raw[fieldData])
	return nil
}

func decodeGobResponse(b []byte, r *Response) error {
	var v gobValue
	if err := decodeGob(b, &responseSchema, &v); err != nil {
		return malformed("gob", err)
	}
	r.ReqIdentifier = v.reqIdentifier
	r.MsgIncr = string(v.raw[fieldMsgIncr])
	r.OperationID = string(v.raw[fieldOperationID])
	r.ErrCode = v.errCode
	r.ErrMsg = string(v.raw[fieldErrMsg])
	r.Data = cloneData(v.raw[fieldData])
	return nil
}

// cloneData copies b out of the input. Empty Data is nil, in every codec.
func cloneData(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return bytes.Clone(b)
}

// decodeGob reads the first value of the stream b into v. A stream is a sequence
// of messages, each with its length before it: definitions of types, then the
// value. Like a gob.Decoder that reads one value, it does not look at what
// follows: neither further messages nor bytes of the value's own message behind
// the end of the struct.
func decodeGob(b []byte, schema *gobSchema, v *gobValue) error {
	s := gobStream{schema: schema}
	stream := gobReader{b: b}
	for {
		msg := gobReader{b: stream.bytes()}
		if stream.err != nil {
			return stream.err
		}
		// encoding/gob cuts the number to 32 bits, and so does this.
		id := int32(msg.int())
		if msg.err != nil {
			return msg.err
		}
		if id >= 0 {
			return s.value(id, &msg, v)
		}
		if err := s.define(-id, &msg); err != nil {
			return err
		}
	}
}

// value reads the struct of type id.
func (s *gobStream) value(id int32, r *gobReader, v *gobValue) error {
	if id < gobFirstUser {
		return errGobRefused
	}
	t := s.lookup(id)
	if t == nil {
		return errGobUnknown
	}
	if t.kind != gobStruct {
		return errGobNotStruct
	}
	if err := s.match(t); err != nil {
		return err
	}
	described := gobReader{b: t.fields} // read up to and with field at
	at := -1
	for f := r.next(-1, t.n); f >= 0; f = r.next(f, t.n) {
		var field gobField
		var typ int32
		if t.usual {
			field = s.schema.order[f]
		} else {
			var name []byte
			for ; at < f; at++ {
				name, typ = described.field()
			}
			field, _ = s.schema.named(name)
		}
		switch field {
		case noField:
			s.skip(typ, r, 0)
		case fieldReqIdentifier:
			v.reqIdentifier = r.int32()
		case fieldErrCode:
			n := r.int()
			if int64(int(n)) != n {
				r.fail(errGobRange)
			}
			v.errCode = int(n)
		default:
			v.raw[field] = r.bytes()
		}
	}
	return r.err
}

// match compares a struct with the one that it is to be decoded into. All fields
// are checked, sent or not, as encoding/gob does.
func (s *gobStream) match(t *gobType) error {
	if t.usual {
		return nil
	}
	matched := 0
	r := gobReader{b: t.fields}
	for range t.n {
		name, typ := r.field()
		if len(name) == 0 {
			return errGobFieldName
		}
		field, want := s.schema.named(name)
		switch {
		case field == noField:
			if err := s.check(typ); err != nil {
				return err
			}
		case typ != want:
			return errGobFieldType
		default:
			matched++
		}
	}
	if t.n > 0 && matched == 0 {
		return errGobNoField
	}
	return nil
}

package frame

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// decodeStdGob decodes with encoding/gob, which panics on some hostile streams.
// Data is normalised as this package does.
func decodeStdGob(b []byte, r any) (err error) {
	stdGob.Lock()
	defer stdGob.Unlock()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in encoding/gob: %v", p)
		}
		switch r := r.(type) {
		case *Request:
			r.Data = cloneData(r.Data)
		case *Response:
			r.Data = cloneData(r.Data)
		}
	}()
	return gob.NewDecoder(bytes.NewReader(b)).Decode(r)
}

// Structs that a client may have, all for the same request.
func TestGobLayouts(t *testing.T) {
	t.Parallel()
	type Req struct {
		ReqIdentifier int32
		Token         string
		SendID        string
		OperationID   string
		MsgIncr       string
		Data          []byte
	}
	type Reordered struct {
		Data                         []byte
		MsgIncr, OperationID, SendID string
		ReqIdentifier                int64
	}
	type Key struct{ K string }
	type Inner struct {
		A int
		B []string
		C *Inner
	}
	type Newer struct {
		Version       uint8
		ReqIdentifier int16
		Trace         map[string]string
		SendID        string
		Deadline      time.Time
		Flags         []bool
		OperationID   string
		Point         [2]float64
		Inner         Inner
		MsgIncr       string
		Phase         complex128
		Any           any // not sent: nil
		Tree          map[Key][]Inner
		Data          []byte
		Last          string
	}
	type (
		Number     int32
		Text       string
		Bytes      []byte
		NamedTypes struct {
			ReqIdentifier Number
			SendID        Text
			OperationID   *string
			MsgIncr       Text
			Data          Bytes
		}
	)
	op := "op-1"
	want := Request{ReqIdentifier: 1003, SendID: "u1", OperationID: op, MsgIncr: "u1_1", Data: []byte("data")}
	for name, v := range map[string]any{
		"reference": Req{1003, "", "u1", op, "u1_1", []byte("data")},
		"sdk":       GeneralWsReq{1003, "", "u1", op, "u1_1", []byte("data")},
		"pointer":   &GeneralWsReq{1003, "", "u1", op, "u1_1", []byte("data")},
		"reordered": Reordered{[]byte("data"), "u1_1", op, "u1", 1003},
		"newer": Newer{
			Version: 3, ReqIdentifier: 1003, SendID: "u1", OperationID: op, MsgIncr: "u1_1", Data: []byte("data"),
			Trace: map[string]string{"a": "b", "": ""}, Deadline: time.Unix(1, 2), Flags: []bool{true, false},
			Point: [2]float64{1.5, 0}, Inner: Inner{A: -1, B: []string{"", "x"}, C: &Inner{C: &Inner{}}}, Phase: 1i,
			Tree: map[Key][]Inner{{"k"}: {{A: 1}, {}}}, Last: "last",
		},
		"named types": NamedTypes{1003, "u1", &op, "u1_1", Bytes("data")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := encodeGob(t, v)
			var got Request
			if err := Gob.DecodeRequest(b, testLimit, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for n := range b {
				if err := Gob.DecodeRequest(b[:n], testLimit, &got); !errors.Is(err, ErrMalformed) {
					t.Errorf("%d of %d bytes: error %v, want ErrMalformed", n, len(b), err)
				}
			}
		})
	}
}

func TestGobTrailingBytes(t *testing.T) {
	t.Parallel()
	want := requests["usual"]
	b := appendGobRequest(nil, &want)
	inside := append(b[:len(requestDescriptor):len(requestDescriptor)], b[len(requestDescriptor)]+3)
	inside = append(append(inside, b[len(requestDescriptor)+1:]...), "\x01\x02\x03"...)
	for name, b := range map[string][]byte{
		"garbage behind":         append(bytes.Clone(b), "\xff\xff\xff"...),
		"second value behind":    append(bytes.Clone(b), appendGobRequest(nil, &Request{Token: "other"})...),
		"garbage in the message": inside,
	} {
		var own, std Request
		if err := decodeGobRequest(b, &own); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := decodeStdGob(b, &std); err != nil {
			t.Errorf("%s: encoding/gob: %v", name, err)
		}
		if diff := cmp.Diff(want, own); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(std, own); diff != "" {
			t.Errorf("%s (-encoding/gob +own):\n%s", name, diff)
		}
	}
}

// A struct without any of the fields is not a request, and a field of another
// type is not that field.
func TestGobMismatch(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"no field in common": struct{ Foo, Bar string }{"a", "b"},
		"fields in lower case, of another struct": struct {
			REQIDENTIFIER int
			Senderid      string
		}{1, "u1"},
		"not a struct":    "hello",
		"slice":           []Request{{ReqIdentifier: 1}},
		"map":             map[string]int{"ReqIdentifier": 1},
		"identifier text": struct{ ReqIdentifier string }{"1003"},
		"identifier uint": struct{ ReqIdentifier uint }{1003},
		"data text":       struct{ Data string }{"data"},
		"data strings":    struct{ Data []string }{[]string{"data"}},
		"text bytes":      struct{ SendID []byte }{[]byte("u1")},
		"identifier too large": struct{ ReqIdentifier int64 }{
			math.MaxInt32 + 1,
		},
		"identifier too small": struct{ ReqIdentifier int64 }{math.MinInt32 - 1},
		"interface":            struct{ X, Token any }{X: nil, Token: nil},
	} {
		b := encodeGob(t, v)
		var own, std Request
		if err := Gob.DecodeRequest(b, testLimit, &own); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", name, err)
		}
		if err := decodeStdGob(b, &std); err == nil {
			t.Errorf("%s: encoding/gob accepts it", name)
		}
	}
}

// shapes are the struct types of FuzzGobRequest: some fields of Request in any
// order, the identifier of any width, other fields of many types between them.
// encoding/gob never forgets a type, so there are only 256, made when needed.
var shapes = func() (s [256]func() reflect.Type) {
	for seed := range s {
		s[seed] = sync.OnceValue(func() reflect.Type { return newShape(uint64(seed)) })
	}
	return s
}()

func newShape(seed uint64) reflect.Type {
	type Key struct{ K string }
	rnd := rand.New(rand.NewPCG(seed, 0))
	text := reflect.TypeFor[string]()
	fields := []reflect.StructField{{Name: "ReqIdentifier", Type: []reflect.Type{
		reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[int16](),
		reflect.TypeFor[int32](), reflect.TypeFor[int64](),
	}[rnd.IntN(5)]}, {Name: "Data", Type: reflect.TypeFor[[]byte]()}}
	for _, name := range []string{"Token", "SendID", "OperationID", "MsgIncr"} {
		fields = append(fields, reflect.StructField{Name: name, Type: text})
	}
	if rnd.IntN(4) == 0 { // an older client
		fields = fields[:1+rnd.IntN(len(fields))]
	}
	others := []reflect.Type{
		text, reflect.TypeFor[bool](), reflect.TypeFor[uint16](), reflect.TypeFor[float32](),
		reflect.TypeFor[complex64](), reflect.TypeFor[[]byte](), reflect.TypeFor[[]int](),
		reflect.TypeFor[[3]string](), reflect.TypeFor[map[string]uint8](), reflect.TypeFor[map[int8][]string](),
		reflect.TypeFor[Key](), reflect.TypeFor[[]Key](), reflect.TypeFor[time.Time](),
		reflect.TypeFor[*int](), reflect.TypeFor[GeneralWsResp](), reflect.TypeFor[map[Key]*GeneralWsReq](),
	}
	for i := range rnd.IntN(5) {
		fields = append(fields, reflect.StructField{
			Name: fmt.Sprintf("Other%d", i), Type: others[rnd.IntN(len(others))],
		})
	}
	rnd.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return reflect.StructOf(fields)
}

// fill sets v to a value made of text and n.
func fill(v reflect.Value, text string, n int64) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(n&1 != 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(n)
	case reflect.Uint8, reflect.Uint16:
		v.SetUint(uint64(n))
	case reflect.Float32:
		v.SetFloat(float64(n))
	case reflect.Complex64:
		v.SetComplex(complex(float64(n), 1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text, n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), int(n&3), int(n&3)))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), text, n+int64(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range n & 3 {
			key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, text, n+i)
			fill(elem, text, n)
			v.SetMapIndex(key, elem)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(n, 0)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), text, n)
		}
	}
}

// FuzzGobRequest: what encoding/gob encodes, of any struct with fields of a
// request in it, is decoded as encoding/gob decodes it.
func FuzzGobRequest(f *testing.F) {
	for seed := range uint8(64) {
		f.Add(seed, int64(1003), "", "u1", "op-1", "u1_1", []byte("data"), "other", int64(seed))
	}
	f.Add(uint8(0), int64(math.MaxInt64), "t", "", "", "", []byte{}, "", int64(-1))
	f.Fuzz(func(t *testing.T, seed uint8, id int64, token, sendID, op, incr string, data []byte, other string, n int64) {
		v := reflect.New(shapes[seed]()).Elem()
		for i := range v.NumField() {
			switch v.Type().Field(i).Name {
			case "ReqIdentifier":
				v.Field(i).SetInt(id)
			case "Token":
				v.Field(i).SetString(token)
			case "SendID":
				v.Field(i).SetString(sendID)
			case "OperationID":
				v.Field(i).SetString(op)
			case "MsgIncr":
				v.Field(i).SetString(incr)
			case "Data":
				v.Field(i).SetBytes(data)
			default:
				fill(v.Field(i), other, n)
			}
		}
		b := encodeGob(t, v.Interface())
		var own, std Request
		ownErr, stdErr := decodeGobRequest(b, &own), decodeStdGob(b, &std)
		if (ownErr == nil) != (stdErr == nil) {
			t.Fatalf("%v\nerror %v, of encoding/gob %v", v.Type(), ownErr, stdErr)
		}
		if stdErr != nil {
			return
		}
		if diff := cmp.Diff(std, own); diff != "" {
			t.Errorf("%v (-encoding/gob +own):\n%s", v.Type(), diff)
		}
	})
}

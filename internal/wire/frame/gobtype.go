package frame

// The numbers that gob gives to basic types. They are the only ones below
// gobFirstUser that a field can have.
const (
	gobBool = iota + 1
	gobInt
	gobUint
	gobFloat
	gobBytes
	gobString
	gobComplex
	gobInterface

	gobFirstUser = 64 // lowest number of a type defined in the stream
)

// Bounds that encoding/gob does not have; a stream beyond them is errGobRefused.
// The reference SDK defines one type and nests nothing.
const (
	maxGobTypes = 16 // types are looked up by a walk
	maxGobDepth = 64 // of values within a skipped field: recursion
)

// gobStream holds the types that a stream has defined. It accepts what
// encoding/gob accepts and rejects what that rejects, with these exceptions, all
// errGobRefused and all unknown to real clients:
//
//   - more than maxGobTypes types, or a skipped value nested deeper than
//     maxGobDepth;
//   - a definition of two kinds at once;
//   - a value of one of gob's own types, those that describe types;
//   - a non-zero interface field: skipping one means following definitions
//     inside the value;
//   - a skipped array, slice or map with more elements than bytes: encoding/gob
//     goes on counting empty structs behind the end of the input.
type gobStream struct {
	schema *gobSchema
	first  gobType   // number 0 if none; apart from the others because the SDK's
	more   []gobType // one type then needs no allocation
}

// gobKind is the kind of a defined type: the number of the field set in gob's
// wireType, plus one.
type gobKind uint8

const (
	gobArray gobKind = iota + 1
	gobSlice
	gobStruct
	gobMap
	gobEncoder // this and the two marshalers: opaque bytes
	gobBinaryMarshaler
	gobTextMarshaler
)

// gobType is one defined type. The zero kind is a definition of nothing.
type gobType struct {
	id      int32
	kind    gobKind
	checked bool    // by check, or being so
	usual   bool    // struct: its fields are exactly schema.list
	elem    int32   // array, slice, map
	key     int32   // map
	len     int64   // array; may be negative in a hostile stream
	n       int     // struct: number of fields
	fields  []byte  // struct: the fields as encoded, found to be well-formed
	types   []int32 // struct, after check: the types of its fields
}

func (s *gobStream) lookup(id int32) *gobType {
	if s.first.id == id {
		return &s.first
	}
	for i := range s.more {
		if s.more[i].id == id {
			return &s.more[i]
		}
	}
	return nil
}

// define reads the definition of type id, a gob value of this type:
//
//	struct {
//		ArrayT           *struct { CommonType; Elem, Len int }
//		SliceT           *struct { CommonType; Elem int }
//		StructT          *struct { CommonType; Field []struct { Name string; Id int } }
//		MapT             *struct { CommonType; Key, Elem int }
//		GobEncoderT      *struct { CommonType }
//		BinaryMarshalerT *struct { CommonType }
//		TextMarshalerT   *struct { CommonType }
//	}
//
// where CommonType is struct { Name string; Id int }, of no use to a decoder.
func (s *gobStream) define(id int32, r *gobReader) error {
	if id < gobFirstUser || s.lookup(id) != nil {
		return errGobTypeID
	}
	if len(s.more) == maxGobTypes-1 {
		return errGobRefused
	}
	const kinds = int(gobTextMarshaler)
	t := gobType{id: id}
	for f := r.next(-1, kinds); f >= 0; f = r.next(f, kinds) {
		if t.kind != 0 {
			return errGobRefused
		}
		t.kind = gobKind(f + 1)
		t.read(r, s.schema)
	}
	if r.err == nil && len(r.b) > 0 {
		return errGobExtra
	}
	if s.first.id == 0 {
		s.first = t
	} else {
		s.more = append(s.more, t)
	}
	return r.err
}

// read reads the part of a definition that belongs to t.kind.
func (t *gobType) read(r *gobReader, schema *gobSchema) {
	n := 1
	switch t.kind {
	case gobSlice, gobStruct:
		n = 2
	case gobArray, gobMap:
		n = 3
	}
	for f := r.next(-1, n); f >= 0; f = r.next(f, n) {
		switch {
		case f == 0: // CommonType looks like a field: a name and a number
			r.field()
		case t.kind == gobStruct:
			t.readFields(r, schema)
		case t.kind == gobArray && f == 2:
			t.len = r.int()
		case t.kind == gobMap && f == 1:
			t.key = r.int32()
		default:
			t.elem = r.int32()
		}
	}
}

// readFields checks the form of the fields of a struct and keeps them encoded:
// match and value walk over them once and in order, so they need no slice. The
// usual list is recognised by its bytes, which spares all three walks.
func (t *gobType) readFields(r *gobReader, schema *gobSchema) {
	usual := len(schema.list)
	if len(r.b) >= usual && string(r.b[:usual]) == schema.list {
		t.usual = true
		t.n = len(schema.order)
		t.fields = r.b[1:usual] // behind the number of fields
		r.b = r.b[usual:]
		return
	}
	n := r.uint()
	start := r.b
	for range n {
		if len(r.b) == 0 {
			r.fail(errGobShort)
			return
		}
		r.field()
	}
	t.n = int(n) // not above len(start), a field being at least one byte
	t.fields = start[:len(start)-len(r.b)]
}

// field reads the description of a field.
func (r *gobReader) field() (name []byte, typ int32) {
	for f := r.next(-1, 2); f >= 0; f = r.next(f, 2) {
		if f == 0 {
			name = r.bytes()
		} else {
			typ = r.int32()
		}
	}
	return name, typ
}

// check tells whether a value of type id could be skipped: whether all types
// that it consists of are defined. It visits each type once, so maxGobTypes
// bounds the recursion.
func (s *gobStream) check(id int32) error {
	if id >= gobBool && id <= gobInterface {
		return nil
	}
	t := s.lookup(id)
	if t == nil {
		return errGobUnknown
	}
	if t.checked {
		return nil
	}
	t.checked = true
	switch t.kind {
	case 0:
		return errGobUnknown
	case gobArray, gobSlice:
		return s.check(t.elem)
	case gobMap:
		if err := s.check(t.key); err != nil {
			return err
		}
		return s.check(t.elem)
	case gobStruct:
		return s.checkFields(t)
	}
	return nil
}

// checkFields checks the fields of a struct that may have to be skipped, many
// times over: it leaves their types in a slice, because a walk over the encoded
// fields for each value would cost the product of the two numbers.
func (s *gobStream) checkFields(t *gobType) error {
	t.types = make([]int32, t.n)
	r := gobReader{b: t.fields}
	for i := range t.types {
		name, typ := r.field()
		if len(name) == 0 {
			return errGobFieldName
		}
		if err := s.check(typ); err != nil {
			return err
		}
		t.types[i] = typ
	}
	return nil
}

// skip reads over a value of type id, which check has passed. The work is linear
// in the bytes skipped.
func (s *gobStream) skip(id int32, r *gobReader, depth int) {
	switch id {
	case gobBool, gobInt, gobUint, gobFloat:
		r.uint()
		return
	case gobComplex:
		r.uint()
		r.uint()
		return
	case gobBytes, gobString:
		r.bytes()
		return
	case gobInterface:
		r.fail(errGobRefused)
		return
	}
	if depth == maxGobDepth {
		r.fail(errGobRefused)
		return
	}
	switch t := s.lookup(id); t.kind {
	case gobArray:
		n := r.uint()
		if n != uint64(t.len) {
			r.fail(errGobLength)
		}
		s.skipElems(n, 0, t.elem, r, depth+1)
	case gobSlice:
		s.skipElems(r.uint(), 0, t.elem, r, depth+1)
	case gobMap:
		s.skipElems(r.uint(), t.key, t.elem, r, depth+1)
	case gobStruct:
		for f := r.next(-1, t.n); f >= 0; f = r.next(f, t.n) {
			s.skip(t.types[f], r, depth+1)
		}
	default:
		r.bytes()
	}
}

// skipElems skips n elements, or pairs if there is a key type. Each must have a
// byte of its own, even an empty struct has its end; a count without the bytes is
// a way to make a decoder spin.
func (s *gobStream) skipElems(n uint64, key, elem int32, r *gobReader, depth int) {
	for ; n > 0 && r.err == nil; n-- {
		if len(r.b) == 0 {
			r.fail(errGobRefused)
			return
		}
		if key != 0 {
			s.skip(key, r, depth)
		}
		s.skip(elem, r, depth)
	}
}

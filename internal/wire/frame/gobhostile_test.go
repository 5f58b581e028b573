package frame

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Building blocks of gob streams, to make those that no encoder makes.

func gobU(v uint64) string { return string(appendGobUint(nil, v)) }

func gobI(v int64) string {
	if v == 0 {
		return "\x00"
	}
	var w gobWriter
	w.int(0, v)
	return string(w.b[1:])
}

// gobMsg is a message: its length and parts.
func gobMsg(parts ...string) string {
	s := strings.Join(parts, "")
	return gobU(uint64(len(s))) + s
}

// gobDef is the message that defines type id as kind; rest follows the kind's
// CommonType.
func gobDef(id int64, kind gobKind, rest ...string) string {
	return gobMsg(gobI(-id), gobU(uint64(kind)), "\x01\x00", strings.Join(rest, ""), "\x00\x00")
}

type gobNamed struct {
	name string
	id   int64
}

// gobDefStruct is the message that defines type id as a struct.
func gobDefStruct(id int64, fields ...gobNamed) string {
	list := "\x01" + gobU(uint64(len(fields)))
	for _, f := range fields {
		list += "\x01" + gobMsg(f.name) + "\x01" + gobI(f.id) + "\x00"
	}
	return gobDef(id, gobStruct, list)
}

// hostileGob are streams that are to be refused without a panic, a wait or an
// allocation that is out of proportion.
var hostileGob = map[string]string{
	// 2^62 pairs of empty structs, none of them present. encoding/gob counts.
	"endless map": gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"M", 66}) +
		gobDef(66, gobMap, "\x01", gobI(67), "\x01", gobI(67)) + gobDefStruct(67) +
		gobMsg(gobI(65), "\x02", gobU(1<<62)),
	// Field 1+MaxInt64 of a skipped struct: below its number of fields, being
	// negative. encoding/gob indexes with it and panics.
	"field number overflow": gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"S", 66}) +
		gobDefStruct(66, gobNamed{"A", gobInt}, gobNamed{"B", gobInt}) +
		gobMsg(gobI(65), "\x02", "\x02\x00", gobU(math.MaxInt64)),
	"field number overflow of the request": gobDefStruct(65, gobNamed{"Token", gobString}) +
		gobMsg(gobI(65), gobU(math.MaxUint64)),
	"field beyond the last": gobDefStruct(65, gobNamed{"Token", gobString}) + gobMsg(gobI(65), "\x02\x00"),

	"1 GB message":         gobU(1 << 30),
	"2^64 message":         gobU(math.MaxUint64),
	"1 GB type name":       gobMsg(gobI(-65), "\x03\x01\x01", gobU(1<<30)),
	"1 GB field name":      gobMsg(gobI(-65), "\x03\x01\x00\x01\x01\x01", gobU(1<<30)),
	"2^30 fields":          gobMsg(gobI(-65), "\x03\x01\x00\x01", gobU(1<<30)),
	"2^64 fields":          gobMsg(gobI(-65), "\x03\x01\x00\x01", gobU(math.MaxUint64)),
	"1 GB string":          requestDescriptor + gobMsg(gobTypeID, "\x02", gobU(1<<30)),
	"2^64 string":          requestDescriptor + gobMsg(gobTypeID, "\x02", gobU(math.MaxUint64)),
	"1 GB data":            requestDescriptor + gobMsg(gobTypeID, "\x06", gobU(1<<30)),
	"integer of 9 bytes":   requestDescriptor + gobMsg(gobTypeID, "\x01\xf7\x01\x01\x01\x01\x01\x01\x01\x01\x01"),
	"integer of 128 bytes": requestDescriptor + gobMsg(gobTypeID, "\x01\x80", strings.Repeat("\x00", 128)),
	"2^62 bools skipped": gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"S", 66}) +
		gobDef(66, gobSlice, "\x01", gobI(gobBool)) + gobMsg(gobI(65), "\x02", gobU(1<<62)),
	"array of 2^62": gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"S", 66}) +
		gobDef(66, gobArray, "\x01", gobI(gobBool), "\x01", gobI(1<<62)) + gobMsg(gobI(65), "\x02", gobU(1<<62)),
	"array of -1": gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"S", 66}) +
		gobDef(66, gobArray, "\x01", gobI(gobBool), "\x01", gobI(-1)) + gobMsg(gobI(65), "\x02", gobU(math.MaxUint64)),

	// type T []T, one million deep: a stack of hundreds of megabytes elsewhere.
	"deep value": gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"S", 66}) +
		gobDef(66, gobSlice, "\x01", gobI(66)) + gobMsg(gobI(65), "\x02", strings.Repeat("\x01", 1_000_000)),
	// Quadratic for a decoder that finds a field by walking: half a megabyte of
	// fields, half a megabyte of structs that set only the last one, then a fault.
	"many fields, many structs": gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"S", 66}) +
		gobDef(66, gobSlice, "\x01", gobI(67)) +
		gobDef(67, gobStruct, "\x01", gobU(80_000), strings.Repeat("\x01\x01F\x01\x04\x00", 80_000)) +
		gobMsg(gobI(65), "\x02", gobU(100_001), strings.Repeat(gobU(80_000)+"\x00\x00", 100_000)),
	"too many types": func() string {
		s := ""
		for id := range int64(100) {
			s += gobDefStruct(64+id, gobNamed{"Token", gobString})
		}
		return s + gobMsg(gobI(64), "\x00")
	}(),

	"empty":                       "",
	"empty message":               "\x00",
	"definition only":             requestDescriptor,
	"value without definition":    gobMsg(gobI(65), "\x00"),
	"value of no type":            gobMsg(gobI(0), "\x00"),
	"value of a basic type":       gobMsg(gobI(gobString), "\x00\x01a"),
	"value of gob's struct type":  gobMsg(gobI(18), "\x01\x01a\x00"),
	"value of a slice":            gobDef(65, gobSlice, "\x01", gobI(gobInt)) + gobMsg(gobI(65), "\x00\x00"),
	"definition of basic type":    gobDefStruct(gobString) + gobMsg(gobI(gobString), "\x00"),
	"definition of type -2^31":    gobMsg(gobI(math.MinInt32), "\x03\x00\x00"),
	"type defined twice":          requestDescriptor + requestDescriptor + gobMsg(gobTypeID, "\x00"),
	"definition of nothing":       gobMsg(gobI(-65), "\x00") + gobMsg(gobI(65), "\x00"),
	"definition of two kinds":     gobMsg(gobI(-65), "\x01\x00\x02\x00\x00") + gobMsg(gobI(65), "\x00"),
	"definition of unknown kind":  gobMsg(gobI(-65), "\x08\x00\x00") + gobMsg(gobI(65), "\x00"),
	"bytes behind the definition": gobMsg(gobI(-65), "\x03\x00\x00\x00") + gobMsg(gobI(65), "\x00"),
	"field without name":          gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"", gobInt}) + gobMsg(gobI(65), "\x00"),
	"field of no type":            gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"X", 0}) + gobMsg(gobI(65), "\x00"),
	"field of gob's struct type":  gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"X", 16}) + gobMsg(gobI(65), "\x00"),
	"field of undefined type":     gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"X", 99}) + gobMsg(gobI(65), "\x00"),
	"field type above 32 bits":    gobDefStruct(65, gobNamed{"Token", 1<<32 + gobString}) + gobMsg(gobI(65), "\x00"),
	"undefined type two levels down": gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"X", 66}) +
		gobDef(66, gobMap, "\x01", gobI(gobInt), "\x01", gobI(99)) + gobMsg(gobI(65), "\x00"),
	"map without key type": gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"X", 66}) +
		gobDef(66, gobMap, "\x02", gobI(gobInt)) + gobMsg(gobI(65), "\x00"),
	"nested field without name": gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"X", 66}) +
		gobDefStruct(66, gobNamed{"", gobInt}) + gobMsg(gobI(65), "\x00"),
	"skipped field of nothing": gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"X", 66}) +
		gobMsg(gobI(-66), "\x00") + gobMsg(gobI(65), "\x00"),
	"array of the wrong length": gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"X", 66}) +
		gobDef(66, gobArray, "\x01", gobI(gobInt), "\x01", gobI(2)) + gobMsg(gobI(65), "\x02\x03\x02\x02\x02\x00"),
	"interface value": gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"X", gobInterface}) +
		gobMsg(gobI(65), "\x02\x03int\x04\x02\x00\x02\x00"),
}

func TestHostileStreams(t *testing.T) {
	// Not parallel: it counts the bytes allocated by the process.
	for name, s := range hostileGob {
		b := []byte(s)
		var before, after runtime.MemStats
		var r Request
		runtime.ReadMemStats(&before)
		err := Gob.DecodeRequest(b, 1<<30, &r)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", name, err)
		}
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(len(b)+16<<10); got > most {
			t.Errorf("%s: %d bytes allocated for %d of input", name, got, len(b))
		}
	}
}

// What encoding/gob makes of the hostile streams that it survives: refused by it
// too, but for those of errGobRefused.
func TestHostileStreamsInEncodingGob(t *testing.T) {
	t.Parallel()
	for name, s := range hostileGob {
		if name == "endless map" { // takes centuries
			continue
		}
		var own, std Request
		ownErr, stdErr := decodeGobRequest([]byte(s), &own), decodeStdGob([]byte(s), &std)
		if stdErr == nil && !errors.Is(ownErr, errGobRefused) {
			t.Errorf("%s: error %v, encoding/gob reads %+v", name, ownErr, std)
		}
		t.Logf("%s\n\tthis package: %v\n\tencoding/gob: %v", name, ownErr, stdErr)
	}
}

// Streams that no encoder writes either, but are read: as encoding/gob reads
// them.
func TestOddStreams(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		stream string
		want   Request
	}{
		"struct not ended": {requestDescriptor + gobMsg(gobTypeID, "\x02\x01a"), Request{Token: "a"}},
		"zeros sent":       {requestDescriptor + gobMsg(gobTypeID, "\x01\x00\x01\x00\x04\x00\x00"), Request{}},
		"long integers": {
			requestDescriptor + "\xfc\x00\x00\x00\x09" + "\xfe\x00\x82" + "\x01\xfd\x00\x00\x06\x00", Request{ReqIdentifier: 3},
		},
		"number of the type above 32 bits": {
			gobDefStruct(65+1<<32, gobNamed{"Token", gobString}) + gobMsg(gobI(65), "\x01\x01a\x00"), Request{Token: "a"},
		},
		"struct without fields": {gobDefStruct(65) + gobMsg(gobI(65), "\x00"), Request{}},
		"same field twice": {
			gobDefStruct(65, gobNamed{"Token", gobString}, gobNamed{"Token", gobString}) +
				gobMsg(gobI(65), "\x01\x01a\x01\x01b\x00"), Request{Token: "b"},
		},
		"data twice, empty at last": {
			gobDefStruct(65, gobNamed{"Data", gobBytes}, gobNamed{"Data", gobBytes}) +
				gobMsg(gobI(65), "\x01\x01a\x01\x00\x00"), Request{},
		},
		"types in any order": {
			gobDef(66, gobSlice, "\x01", gobI(67)) + gobDefStruct(65, gobNamed{"X", 66}, gobNamed{"Token", gobString}) +
				gobDef(67, gobEncoder) + gobMsg(gobI(65), "\x01\x02\x01x\x00\x01\x01a\x00"), Request{Token: "a"},
		},
		"recursive type": {
			gobDefStruct(65, gobNamed{"X", 66}, gobNamed{"Token", gobString}) +
				gobDef(66, gobSlice, "\x01", gobI(66)) + gobMsg(gobI(65), "\x01\x02\x00\x01\x00\x01\x01a\x00"),
			Request{Token: "a"},
		},
		"the request itself, skipped": {
			gobDefStruct(65, gobNamed{"X", 66}, gobNamed{"Token", gobString}) +
				gobDef(66, gobStruct, "\x01", requestFieldList) + gobMsg(gobI(65), "\x01\x01\x02\x00\x01\x01a\x00"),
			Request{Token: "a"},
		},
		"deepest value": {
			gobDefStruct(65, gobNamed{"X", 66}, gobNamed{"Token", gobString}) + gobDef(66, gobSlice, "\x01", gobI(66)) +
				gobMsg(gobI(65), "\x01", strings.Repeat("\x01", maxGobDepth-1), "\x00\x01\x01a\x00"),
			Request{Token: "a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var own, std Request
			if err := decodeGobRequest([]byte(tt.stream), &own); err != nil {
				t.Errorf("this package: %v", err)
			}
			if err := decodeStdGob([]byte(tt.stream), &std); err != nil {
				t.Errorf("encoding/gob: %v", err)
			}
			if diff := cmp.Diff(tt.want, own); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(std, own); diff != "" {
				t.Errorf("(-encoding/gob +own):\n%s", diff)
			}
		})
	}
}

// gobSeeds are streams to start from: valid, odd and hostile.
func gobSeeds(tb testing.TB) (seeds [][]byte) {
	for _, s := range hostileGob {
		if len(s) < 1000 {
			seeds = append(seeds, []byte(s))
		}
	}
	for _, name := range []string{"usual", "every field"} {
		r := requests[name]
		seeds = append(seeds, appendGobRequest(nil, &r))
	}
	for _, name := range []string{"answer", "failure"} {
		r := responses[name]
		seeds = append(seeds, appendGobResponse(nil, &r))
	}
	for _, shape := range shapes[:64] {
		v := reflect.New(shape()).Elem()
		fill(v, "text", 1003)
		seeds = append(seeds, encodeGob(tb, v.Interface()))
	}
	slices.SortFunc(seeds, bytes.Compare) // map order must not decide what is tested
	return seeds
}

// TestGobMutations damages streams a little, which reaches deeper than the blind
// mutations of a short fuzz run: most results still have a definition.
func TestGobMutations(t *testing.T) {
	t.Parallel()
	n := 5000
	if testing.Short() {
		n = 500
	}
	seeds := gobSeeds(t)
	rnd := rand.New(rand.NewPCG(3, 3))
	edges := []byte{0, 1, 2, 5, 6, 8, 0x0c, 0x7f, 0x80, 0xf7, 0xf8, 0xff}
	for range n {
		b := bytes.Clone(seeds[rnd.IntN(len(seeds))])
		for range 1 + rnd.IntN(3) {
			if len(b) == 0 {
				break
			}
			switch i := rnd.IntN(len(b)); rnd.IntN(5) {
			case 0:
				b[i] = byte(rnd.Uint32())
			case 1:
				b[i] += byte(1 - 2*rnd.IntN(2))
			case 2:
				b[i] = edges[rnd.IntN(len(edges))]
			case 3:
				b = slices.Delete(b, i, i+1)
			case 4:
				b = slices.Insert(b, i, edges[rnd.IntN(len(edges))])
			}
		}
		sameAsStdGob(t, b, decodeGobRequest)
		sameAsStdGob(t, b, decodeGobResponse)
		if t.Failed() {
			t.Fatalf("stream %q", b)
		}
	}
}

// FuzzGobDecode: of any bytes, this package reads what encoding/gob reads, and
// rejects what that rejects, but for errGobRefused.
func FuzzGobDecode(f *testing.F) {
	for _, b := range gobSeeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		decodeGobRequest(b, new(Request))
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > uint64(len(b)+16<<10) {
			t.Errorf("%d bytes allocated for %d of input", got, len(b))
		}
		sameAsStdGob(t, b, decodeGobRequest)
		sameAsStdGob(t, b, decodeGobResponse)
	})
}

func sameAsStdGob[T Request | Response](t *testing.T, b []byte, decode func([]byte, *T) error) {
	t.Helper()
	var own, std T
	ownErr := decode(b, &own)
	// Asked first and believed if it refuses: encoding/gob may spin for ever.
	if errors.Is(ownErr, errGobRefused) {
		return
	}
	stdErr := decodeStdGob(b, &std)
	if (ownErr == nil) != (stdErr == nil) {
		t.Fatalf("%q: error %v, of encoding/gob %v", b, ownErr, stdErr)
	}
	if ownErr != nil {
		return
	}
	if diff := cmp.Diff(std, own); diff != "" {
		t.Errorf("%q (-encoding/gob +own):\n%s", b, diff)
	}
}

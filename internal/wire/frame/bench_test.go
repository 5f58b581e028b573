package frame

import (
	"bytes"
	"compress/gzip"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"testing"
)

// The payload of the benchmarks: 300 bytes like a text message in protobuf, some
// of it identifiers that do not compress.
var benchData = func() []byte {
	var b []byte
	for i := range 12 {
		b = fmt.Appendf(b, "\x0a\x17user%08x:text %06x", 0x9e3779b9*uint32(i+1), i*i*7919)
	}
	return b[:300]
}()

var (
	benchRequest = Request{
		ReqIdentifier: 1003, SendID: "4711000815", OperationID: "1733312345678901234",
		MsgIncr: "4711000815_12", Data: benchData,
	}
	benchResponse = Response{
		ReqIdentifier: 2001, OperationID: "1733312345678901234", Data: benchData,
	}
)

func BenchmarkEncode(b *testing.B) {
	for _, c := range codecs {
		b.Run(c.String(), func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst = c.AppendResponse(dst[:0], &benchResponse)
			}
		})
	}
	b.Run("encoding-gob", func(b *testing.B) {
		b.ReportAllocs()
		var dst bytes.Buffer
		for b.Loop() {
			dst.Reset()
			if err := gob.NewEncoder(&dst).Encode(&benchResponse); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(&benchResponse); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range codecs {
		b.Run(c.String(), func(b *testing.B) {
			b.ReportAllocs()
			in := c.AppendRequest(nil, &benchRequest)
			var r Request
			for b.Loop() {
				if err := c.DecodeRequest(in, testLimit, &r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	in := appendGobRequest(nil, &benchRequest)
	b.Run("gob-scan", func(b *testing.B) { // without the copies that the caller keeps
		b.ReportAllocs()
		for b.Loop() {
			var v gobValue
			if err := decodeGob(in, &requestSchema, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("gob-other-layout", func(b *testing.B) { // fields in an order never seen
		b.ReportAllocs()
		in := encodeGob(b, struct {
			Data                         []byte
			MsgIncr, OperationID, SendID string
			ReqIdentifier                int64
			Token                        string
		}{benchData, benchRequest.MsgIncr, benchRequest.OperationID, benchRequest.SendID, 1003, ""})
		var r Request
		for b.Loop() {
			if err := Gob.DecodeRequest(in, testLimit, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-gob", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var r Request
			if err := gob.NewDecoder(bytes.NewReader(in)).Decode(&r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDeflate(b *testing.B) {
	plain := appendGobResponse(nil, &benchResponse)
	b.Run("pooled", func(b *testing.B) {
		b.ReportAllocs()
		var dst []byte
		for b.Loop() {
			dst = deflate(dst[:0], plain)
		}
		b.ReportMetric(float64(len(dst))/float64(len(plain)), "ratio")
	})
	b.Run("std-level1-pooled", func(b *testing.B) {
		b.ReportAllocs()
		var dst bytes.Buffer
		zw, err := gzip.NewWriterLevel(&dst, gzip.BestSpeed)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			dst.Reset()
			zw.Reset(&dst)
			zw.Write(plain)
			zw.Close()
		}
		b.ReportMetric(float64(dst.Len())/float64(len(plain)), "ratio")
	})
	b.Run("std-fresh", func(b *testing.B) {
		b.ReportAllocs()
		var dst bytes.Buffer
		for b.Loop() {
			dst.Reset()
			zw := gzip.NewWriter(&dst)
			zw.Write(plain)
			zw.Close()
		}
		b.ReportMetric(float64(dst.Len())/float64(len(plain)), "ratio")
	})
}

func BenchmarkInflate(b *testing.B) {
	in := deflate(nil, appendGobRequest(nil, &benchRequest))
	b.Run("pooled", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			z := inflaters.Get().(*inflater)
			if _, err := z.inflate(in, testLimit); err != nil {
				b.Fatal(err)
			}
			z.release()
		}
	})
	b.Run("std-fresh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := inflateStd(in, testLimit); err != nil {
				b.Fatal(err)
			}
		}
	})
}

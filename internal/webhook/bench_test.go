package webhook

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"parley/internal/im"
)

func benchMessage() *im.Message {
	m := exampleMessage()
	m.Content = []byte(`{"content":"` + strings.Repeat("benchmark text ", 8) + `"}`)
	return m
}

// BenchmarkDispatch delivers b.N message events of 1,000 lanes from an outbox in
// memory to a receiver in the same process, over loopback, signed.
func BenchmarkDispatch(b *testing.B) {
	for _, concurrency := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("concurrency=%d", concurrency), func(b *testing.B) { benchmarkDispatch(b, concurrency) })
	}
}

func benchmarkDispatch(b *testing.B, concurrency int) {
	var arrived atomic.Int64
	done := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"actionCode":0,"errCode":0,"errMsg":"","errDlt":"","nextCode":0}`)
		if arrived.Add(1) == int64(b.N) {
			close(done)
		}
	}))
	defer srv.Close()
	cfg := Default()
	cfg.URL, cfg.Secrets, cfg.Concurrency = srv.URL+"/hook", []string{testSecret}, concurrency
	message := benchMessage()
	box := newOutbox()
	for i := range b.N {
		box.add(im.Event{
			EventID: im.NewEventID(), Lane: fmt.Sprint("sg_", i%1000), Command: im.AfterSendGroupMsg, Seq: int64(i), OperationID: "1646445464564",
		}, message.Content)
	}
	d, err := New(Options{Config: cfg, Outbox: box, Decode: func(body []byte) (*im.Message, error) {
		m := *message
		m.Content = body
		return &m, nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	if err := d.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	<-done
	b.StopTimer()
	if err := d.Stop(context.Background()); err != nil {
		b.Fatal(err)
	}
	if n := box.len(); n != 0 {
		b.Fatalf("%d rows left", n)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkLanes is the dispatcher without HTTP: reading, lanes, outcomes.
func BenchmarkLanes(b *testing.B) {
	ok := &http.Response{StatusCode: 200, Body: http.NoBody}
	var arrived atomic.Int64
	done := make(chan struct{})
	cfg := Default()
	cfg.URL = "http://receiver.test/hook"
	box := newOutbox()
	for i := range b.N {
		box.add(im.Event{EventID: "evt", Lane: fmt.Sprint("sg_", i%1000)}, nil)
	}
	d, err := New(Options{Config: cfg, Outbox: box, Decode: decodeText, Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		if arrived.Add(1) == int64(b.N) {
			close(done)
		}
		return ok, nil
	})})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	if err := d.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	<-done
	if err := d.Stop(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkMessageBody(b *testing.B) {
	m := benchMessage()
	b.ReportAllocs()
	for b.Loop() {
		MessageBody(im.AfterSendGroupMsg, "1646445464564", m)
	}
}

func BenchmarkSign(b *testing.B) {
	body := MessageBody(im.AfterSendGroupMsg, "1646445464564", benchMessage())
	mac := mustSecret(b, testSecret).mac()
	var out []byte
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		out = mac.append(out[:0], "evt_0123456789abcdef0123456789abcdef", "1718000000", body)
	}
}

func BenchmarkWantsMessage(b *testing.B) {
	cfg := Default()
	cfg.URL = "http://localhost"
	cfg.Rules = map[im.Command]Rule{im.AfterSendGroupMsg: {Enabled: true, Denied: []TypeRange{{102, 110}}, Attention: []string{"g1", "g2", "g3"}}}
	m := &im.Message{SessionType: im.SessionGroup, GroupID: "g3", ContentType: 101}
	b.ReportAllocs()
	for b.Loop() {
		cfg.WantsMessage(im.AfterSendGroupMsg, m)
	}
}

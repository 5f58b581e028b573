package gateway

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/openimsdk/protocol/sdkws"

	"parley/internal/im"
	"parley/internal/presence"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

// rawConn is a client that costs little: frames made in advance, no decoding.
type rawConn struct {
	net.Conn
	br *bufio.Reader
}

func dialRaw(addr string, a as) (*rawConn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(conn, "GET /?%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", a.query().Encode())
	c := &rawConn{conn, bufio.NewReaderSize(conn, 4096)}
	resp, err := http.ReadResponse(c.br, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	return c, nil
}

// skip reads one frame and drops it.
func (c *rawConn) skip() error {
	var h [10]byte
	if _, err := io.ReadFull(c.br, h[:2]); err != nil {
		return err
	}
	n := int(h[1])
	switch n {
	case 126:
		if _, err := io.ReadFull(c.br, h[:2]); err != nil {
			return err
		}
		n = int(binary.BigEndian.Uint16(h[:]))
	case 127:
		if _, err := io.ReadFull(c.br, h[:8]); err != nil {
			return err
		}
		n = int(binary.BigEndian.Uint64(h[:]))
	}
	_, err := c.br.Discard(n)
	return err
}

// masked returns a client's binary frame with the payload, under the mask zero.
func masked(payload []byte) []byte {
	b := appendHeader(nil, opBinary, len(payload))
	b[1] |= 0x80
	return append(append(b, 0, 0, 0, 0), payload...)
}

func (f *fixture) raw(a as) *rawConn {
	f.t.Helper()
	c, err := dialRaw(strings.TrimPrefix(f.url, "ws://"), a)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	return c
}

func unlimited(l *Limits) { l.Rate, l.Burst = 1e9, 1e9 }

// BenchmarkPush is one 300-byte message to each of 1000 connections; per frame, with the clients' reading.
func BenchmarkPush(b *testing.B) {
	for _, codec := range codecs() {
		b.Run(codec.String(), func(b *testing.B) {
			const n = 1000
			f := start(b)
			users := make([]string, n)
			var got sync.WaitGroup
			for i := range users {
				users[i] = fmt.Sprint("user", i)
				c := f.raw(as{user: users[i], platform: im.PlatformAndroid, hash: "h", codec: codec})
				go func() {
					for c.skip() == nil {
						got.Done()
					}
				}()
			}
			record := im.Record{Seq: 1, Body: noise(b, 300)}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N / n {
				push := wire.NewPush("sg_group", "op", record)
				got.Add(n)
				for _, u := range users {
					f.g.Push(u, push)
				}
				got.Wait()
			}
			b.StopTimer()
			got.Add(n) // for the close frames
		})
	}
}

// BenchmarkPushBurst is many messages to one connection: frames share writes.
func BenchmarkPushBurst(b *testing.B) {
	f := start(b)
	c := f.raw(as{user: "alice", platform: im.PlatformAndroid, hash: "h"})
	push := wire.NewPush("sg_group", "op", im.Record{Seq: 1, Body: noise(b, 300)})
	b.ReportAllocs()
	for done := 0; done < b.N; {
		n := min(500, b.N-done)
		for range n {
			f.g.Push("alice", push)
		}
		for range n {
			if err := c.skip(); err != nil {
				b.Fatal(err)
			}
		}
		done += n
	}
}

// BenchmarkSend is the round trip of a message with a service that does nothing;
// one at a time as clients do, and with 16 under way.
func BenchmarkSend(b *testing.B) {
	for _, codec := range codecs() {
		for _, window := range []int{1, 16} {
			b.Run(fmt.Sprintf("%v/window=%d", codec, window), func(b *testing.B) {
				f := start(b, limits(unlimited))
				c := f.raw(as{user: "alice", platform: im.PlatformAndroid, hash: "h", codec: codec})
				data := marshal(b, &sdkws.MsgData{
					SendID: "alice", RecvID: "bob", ClientMsgID: im.NewID(), SessionType: 1, ContentType: 101,
					Content: make([]byte, 200), Options: map[string]bool{"history": true},
				})
				req := masked(codec.AppendRequest(nil, &frame.Request{
					ReqIdentifier: wire.ReqSend, SendID: "alice", OperationID: "op", MsgIncr: "alice_1", Data: data,
				}))
				many := make([]byte, 0, window*len(req))
				for range window {
					many = append(many, req...)
				}
				b.ReportAllocs()
				b.ResetTimer()
				for done := 0; done < b.N; done += window {
					if _, err := c.Write(many); err != nil {
						b.Fatal(err)
					}
					for range window {
						if err := c.skip(); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// BenchmarkPing is a client's ping and its pong.
func BenchmarkPing(b *testing.B) {
	f := start(b, limits(unlimited))
	c := f.raw(as{user: "alice", platform: im.PlatformAndroid, hash: "h"})
	ping := []byte{finBit | opPing, 0x80 | 4, 0, 0, 0, 0, 'p', 'i', 'n', 'g'}
	b.ReportAllocs()
	for range b.N {
		if _, err := c.Write(ping); err != nil {
			b.Fatal(err)
		}
		if err := c.skip(); err != nil {
			b.Fatal(err)
		}
	}
}

// crowdEnv makes the test binary a crowd of idle clients; its value is "address size".
const (
	crowdEnv  = "PARLEY_GATEWAY_CROWD"
	crowdSize = 2000
)

func crowd(spec string) {
	var addr string
	var n int
	if _, err := fmt.Sscan(spec, &addr, &n); err != nil {
		panic(err)
	}
	conns := make([]*rawConn, n)
	for i := range conns {
		c, err := dialRaw(addr, as{user: fmt.Sprintf("user%06d", i), platform: im.PlatformAndroid, hash: strings.Repeat("h", 64)})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		conns[i] = c
	}
	fmt.Println("connected")
	io.Copy(io.Discard, os.Stdin) // until the benchmark closes it
	runtime.KeepAlive(conns)      // a connection that is garbage is closed
}

// BenchmarkIdle reports what an idle connection takes of this process; the
// clients are in another one. The run time means nothing.
func BenchmarkIdle(b *testing.B) {
	for range b.N {
		g := New(Options{Service: &fakeService{}, Presence: presence.New(), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
		g.Start(context.Background())
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		srv := &http.Server{Handler: g}
		served := make(chan struct{})
		go func() {
			defer close(served)
			srv.Serve(l)
		}()
		push := wire.NewPush("sg_group", "op", im.Record{Seq: 1, Body: noise(b, 300)})
		withCrowd(b, g, l.Addr().String(), 100, func() { pushToAll(b, g, push) }) // what is needed once, code pages above all
		before := settled()
		withCrowd(b, g, l.Addr().String(), crowdSize, func() {
			before.report(b, "idle")
			pushToAll(b, g, push)
			before.report(b, "pushed")
		})
		if err := g.Stop(context.Background()); err != nil {
			b.Fatal(err)
		}
		srv.Close()
		<-served
	}
}

func withCrowd(b *testing.B, g *Gateway, addr string, n int, fn func()) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), fmt.Sprint(crowdEnv, "=", addr, " ", n))
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		b.Fatal(err)
	}
	eventually(b, "all are registered", func() bool { return g.open.Load() == int64(n) })
	fn()
	in.Close()
	child.Wait()
	eventually(b, "all are gone", func() bool { return g.open.Load() == 0 })
}

func pushToAll(b *testing.B, g *Gateway, push *wire.Push) {
	for range 10 {
		for _, c := range g.hub.all() {
			g.Push(c.userID, push)
		}
	}
	eventually(b, "all is written", func() bool {
		for _, c := range g.hub.all() {
			c.mu.Lock()
			busy := c.writing
			c.mu.Unlock()
			if busy {
				return false
			}
		}
		return true
	})
}

type usage struct{ rss, heap, stack int64 }

// settled returns what the process takes after its garbage was given back.
func settled() usage {
	for range 3 { // pools take two rounds, stacks shrink by half in each
		runtime.GC()
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var pages, resident int64
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		fmt.Sscan(string(b), &pages, &resident)
	}
	return usage{rss: resident * int64(os.Getpagesize()), heap: int64(m.HeapAlloc), stack: int64(m.StackInuse)}
}

func (before usage) report(b *testing.B, what string) {
	now := settled()
	kib := func(n int64) float64 { return float64(n) / crowdSize / 1024 }
	b.ReportMetric(kib(now.rss-before.rss), what+"-rss-KiB/conn")
	b.ReportMetric(kib(now.heap-before.heap), what+"-heap-KiB/conn")
	b.ReportMetric(kib(now.stack-before.stack), what+"-stack-KiB/conn")
}

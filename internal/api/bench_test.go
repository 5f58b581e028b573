package api

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
)

// benchServe serves requests without a socket: what the API and the service cost.
func benchServe(b *testing.B, w *world, as, path string, body func(i int) string, want string) {
	h := w.plain(as)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		r := httptest.NewRequest("POST", path, strings.NewReader(body(i)))
		r.Header = h
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, r)
		if i == 0 && !strings.HasPrefix(rec.Body.String(), want) {
			b.Fatalf("HTTP %d %s", rec.Code, rec.Body)
		}
	}
}

const benchOK = `{"errCode":0,`

// BenchmarkSendMsg is one sender after the other: each waits for its own commit.
func BenchmarkSendMsg(b *testing.B) {
	w := newWorld(b)
	q := sendText("alice", "bob", strings.Repeat("x", 128))
	benchServe(b, w, q.as, q.path, func(int) string { return q.body }, benchOK)
}

// BenchmarkSendMsgParallel is 64 senders at once, whose messages share commits.
func BenchmarkSendMsgParallel(b *testing.B) {
	w := newWorld(b)
	q := sendText("alice", "bob", strings.Repeat("x", 128))
	h := w.plain(q.as)
	b.ReportAllocs()
	b.SetParallelism(32) // times GOMAXPROCS
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequest("POST", q.path, strings.NewReader(q.body))
			r.Header = h
			rec := httptest.NewRecorder()
			w.api.ServeHTTP(rec, r)
			if rec.Code != 200 {
				b.Errorf("HTTP %d %s", rec.Code, rec.Body)
				return
			}
		}
	})
}

// BenchmarkSendMsgChecks is the same without a commit: decoding, checks, refusal
// of an unknown sender.
func BenchmarkSendMsgChecks(b *testing.B) {
	w := newWorld(b)
	q := sendText("nobody", "bob", strings.Repeat("x", 128))
	benchServe(b, w, q.as, q.path, func(int) string { return q.body }, `{"errCode":1004,`)
}

func BenchmarkGetUsersInfo(b *testing.B) {
	for _, n := range []int{1, 9} {
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) {
			w := newWorld(b)
			ids := []string{"alice", "bob", "carol", "dave", "erin", "frank", "gina", "oscar", "news"}
			body := `{"userIDs":["` + strings.Join(ids[:n], `","`) + `"]}`
			benchServe(b, w, "alice", usersPath, func(int) string { return body }, benchOK)
		})
	}
}

// BenchmarkServerTime is the chain itself: the service only looks at the token.
func BenchmarkServerTime(b *testing.B) {
	w := newWorld(b)
	benchServe(b, w, "alice", "/msg/get_server_time", func(int) string { return `{}` }, benchOK)
}

func BenchmarkGzip(b *testing.B) {
	w := newWorld(b)
	h := w.plain("alice")
	h.Set("Accept-Encoding", "gzip")
	const body = `{"userIDs":["alice","bob","carol","dave","erin","frank","gina","oscar","news"]}`
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", usersPath, strings.NewReader(body))
		r.Header = h
		w.api.ServeHTTP(httptest.NewRecorder(), r)
	}
}

func BenchmarkCheckContent(b *testing.B) {
	q := sendMsgReq{ContentType: 102, Content: map[string]any{}}
	for _, k := range []string{"sourcePicture", "bigPicture", "snapshotPicture"} {
		q.Content[k] = map[string]any{"uuid": "u", "type": "png", "size": 1.0, "width": 2.0, "height": 3.0, "url": "http://p"}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := q.message(); err != nil {
			b.Fatal(err)
		}
	}
}

package gateway

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/openimsdk/protocol/msg"
	"github.com/openimsdk/protocol/sdkws"
	"pgregory.net/rapid"

	"parley/internal/im"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

// noise is a body that does not compress.
func noise(t testing.TB, n int) []byte {
	t.Helper()
	content := make([]byte, n)
	rand.Read(content)
	b, err := wire.Body(&im.Message{SendID: "bob", RecvID: "alice", SessionType: im.SessionSingle, Content: content})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is cut off an answer is the oldest of chats, and no more than needed by much.
func TestPullIsCut(t *testing.T) {
	t.Parallel()
	const limit = 20_000
	bodies := map[int][]byte{}
	for _, n := range []int{10, 100, 1_000, 8_000, 40_000} {
		bodies[n] = noise(t, n)
	}
	g := idle(t)
	g.limits.Answer = limit
	rapid.Check(t, func(rt *rapid.T) {
		var stored []im.Pulled
		for i := range rapid.IntRange(1, 6).Draw(rt, "conversations") {
			p := im.Pulled{ConversationID: fmt.Sprintf("%s_%d", rapid.SampledFrom([]string{"si", "sg", "n"}).Draw(rt, "kind"), i)}
			for j := range rapid.IntRange(0, 40).Draw(rt, "records") {
				n := rapid.SampledFrom([]int{10, 100, 100, 100, 1_000, 1_000, 8_000, 40_000}).Draw(rt, "size")
				p.Records = append(p.Records, im.Record{ConversationID: p.ConversationID, Seq: int64(j + 1), Body: bodies[n]})
			}
			stored = append(stored, p)
		}
		c := idleConn(g)
		c.codec = rapid.SampledFrom(codecs()).Draw(rt, "codec")
		payload := c.pulled(&frame.Request{ReqIdentifier: wire.ReqPullByRange}, stored)
		if len(payload) > limit {
			rt.Fatalf("%d bytes", len(payload))
		}
		var r frame.Response
		if err := c.codec.DecodeResponse(payload, 1<<20, &r); err != nil {
			rt.Fatal(err)
		}
		var got sdkws.PullMessageBySeqsResp
		unmarshal(t, r.Data, &got)

		chatLost, noteLost, lostBytes, kept := false, false, 0, 0
		for _, p := range stored {
			list, isNote := got.Msgs[p.ConversationID], im.IsNotificationID(p.ConversationID)
			if isNote {
				list = got.NotificationMsgs[p.ConversationID]
			}
			// Giants aside, what is left is the newest part.
			var small []im.Record
			for _, rec := range p.Records {
				if len(rec.Body) < limit {
					small = append(small, rec)
				}
			}
			n := len(list.GetMsgs())
			for i, m := range list.GetMsgs() {
				if m.Seq != small[len(small)-n+i].Seq {
					rt.Fatalf("%s: message %d has seq %d", p.ConversationID, i, m.Seq)
				}
			}
			kept += n
			for _, rec := range small[:len(small)-n] {
				lostBytes += len(rec.Body)
			}
			if n < len(small) {
				chatLost, noteLost = chatLost || !isNote, noteLost || isNote
			}
		}
		if noteLost {
			for id, list := range got.Msgs {
				if len(list.GetMsgs()) > 0 {
					rt.Fatalf("notifications were cut before chat %s", id)
				}
			}
		}
		if chatLost && !noteLost && len(r.Data) < limit/4 && lostBytes < limit/4 {
			rt.Fatalf("%d bytes lost, %d sent, %d messages: too much was cut", lostBytes, len(r.Data), kept)
		}
	})
}

// What the service returned is not changed by cutting.
func TestCutLeavesServiceAlone(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.Answer = 20_000 }))
	records := make([]im.Record, 50)
	for i := range records {
		records[i] = im.Record{Seq: int64(i + 1), Body: noise(t, 1000)}
	}
	stored := []im.Pulled{{ConversationID: "si_a_b", Records: records}}
	f.svc.pullSeqs = func(string, []im.SeqList, im.PullOrder) ([]im.Pulled, error) { return stored, nil }
	c := f.dial(as{user: "alice"})
	for range 2 {
		var got msg.GetSeqMessageResp
		unmarshal(t, c.call(wire.ReqPullBySeqs, &msg.GetSeqMessageReq{UserID: "alice"}).Data, &got)
		list := got.Msgs["si_a_b"].Msgs
		if n := len(list); n < 10 || n > 20 || list[n-1].Seq != 50 {
			t.Errorf("%d messages, the last is %d", n, list[n-1].Seq)
		}
	}
	if len(stored[0].Records) != 50 || records[0].Seq != 1 {
		t.Error("changed")
	}
}

func TestLastMessagesAreCut(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.Answer = 20_000 }))
	last := map[string]im.Record{"si_giant": {Seq: 1, Body: noise(t, 100_000)}}
	for i := range 100 {
		last[fmt.Sprint("si_", i)] = im.Record{Seq: 1, Body: noise(t, 100)}
	}
	f.svc.last = func([]string) (map[string]im.Record, error) { return last, nil }
	for _, codec := range []frame.Codec{frame.Gob, frame.JSON | frame.Gzip} {
		c := f.dial(as{user: "alice", codec: codec})
		var got msg.GetLastMessageResp
		unmarshal(t, c.call(wire.ReqLastMessage, &msg.GetLastMessageReq{UserID: "alice"}).Data, &got)
		if _, ok := got.Msgs["si_giant"]; ok || len(got.Msgs) < 50 {
			t.Errorf("%v: %d messages", codec, len(got.Msgs))
		}
	}
	if len(last) != 101 {
		t.Error("the service's map was changed")
	}
}

// An answer that nothing can be cut from becomes an error: a frame above the
// limit would make the client reconnect for ever.
func TestAnswerTooLarge(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.Answer = 1000 }))
	f.svc.newest = func(context.Context, im.Operator, string) (map[string]int64, error) {
		m := make(map[string]int64)
		for i := range 1000 {
			m[fmt.Sprint("si_", i)] = int64(i)
		}
		return m, nil
	}
	c := f.dial(as{user: "alice"})
	if r := c.call(wire.ReqNewestSeq, &emptyMessage); r.ErrCode != 500 || r.Data != nil {
		t.Errorf("%+v", r)
	}
}

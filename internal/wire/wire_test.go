package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openimsdk/protocol/conversation"
	"github.com/openimsdk/protocol/msg"
	"github.com/openimsdk/protocol/sdkws"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"parley/internal/im"
	"parley/internal/wire/frame"
)

// full returns a message with every field set, so that a forgotten one shows.
func full() *im.Message {
	return &im.Message{
		SendID: "a", RecvID: "b", GroupID: "g", ClientMsgID: "c", ServerMsgID: "s", SenderPlatformID: 2, SenderNickname: "nick",
		SenderFaceURL: "face", SessionType: im.SessionSingle, MsgFrom: im.FromUser, ContentType: im.ContentText, Content: []byte(`{"content":"x"}`),
		Seq: 9, SendTime: 1_700_000_000_000, CreateTime: 1_700_000_000_001, Status: im.StatusSending, IsRead: true,
		Options:      im.Options{im.OptHistory: true, im.OptOfflinePush: false},
		OfflinePush:  &im.OfflinePush{Title: "t", Desc: "d", Ex: "e", IOSPushSound: "s", IOSBadgeCount: true, SignalInfo: "i"},
		AtUserIDList: []string{"x", im.AtAll}, AttachedInfo: "att", Ex: "ex",
	}
}

func TestMessageRoundTrip(t *testing.T) {
	m := full()
	v := reflect.ValueOf(*m)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Fatalf("field %s is not set: the test would not see it lost", v.Type().Field(i).Name)
		}
	}
	if diff := cmp.Diff(m, Message(MsgData(m))); diff != "" {
		t.Error(diff)
	}
	body, err := Body(m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseBody(body)
	if err != nil {
		t.Fatal(err)
	}
	want := full()
	want.Seq, want.IsRead = 0, false
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBodyRefusesInvalidText(t *testing.T) {
	m := full()
	m.Ex = "\xff"
	if _, err := Body(m); !im.IsKind(err, im.Invalid) {
		t.Errorf("got %v, want Invalid", err)
	}
	if _, err := ParseBody([]byte{0xff}); err == nil {
		t.Error("garbage parses")
	}
}

func TestRecord(t *testing.T) {
	body, err := Body(full())
	if err != nil {
		t.Fatal(err)
	}
	base := MsgData(full())
	base.Status = im.StatusSent
	for name, tc := range map[string]struct {
		record im.Record
		change func(*sdkws.MsgData)
	}{
		"stored":   {im.Record{Seq: 7, Body: body}, func(d *sdkws.MsgData) { d.Seq, d.IsRead = 7, false }},
		"read":     {im.Record{Seq: 1 << 40, IsRead: true, Body: body}, func(d *sdkws.MsgData) { d.Seq = 1 << 40 }},
		"unstored": {im.Record{Body: body}, func(d *sdkws.MsgData) { d.Seq, d.IsRead = 0, false }},
		"deleted":  {im.Record{Seq: 7, Deleted: true, Body: body}, func(d *sdkws.MsgData) { d.Seq, d.IsRead, d.Content, d.Status = 7, false, nil, im.StatusDeleted }},
		"placeholder": {im.Record{Seq: 7, Deleted: true, SendTime: 5}, func(d *sdkws.MsgData) {
			proto.Reset(d)
			d.Seq, d.SendTime, d.Status = 7, 5, im.StatusDeleted
		}},
	} {
		t.Run(name, func(t *testing.T) {
			want := proto.Clone(base).(*sdkws.MsgData)
			tc.change(want)
			got, err := RecordMsgData(&tc.record)
			if err != nil {
				t.Fatal(err)
			}
			if len(want.Content) == 0 {
				want.Content, got.Content = nil, got.Content[:0:0]
				if len(got.Content) == 0 {
					got.Content = nil
				}
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
			if n := len(AppendRecord(nil, &tc.record)) - len(tc.record.Body); n > recordOverhead {
				t.Errorf("%d bytes more than the body, the bound is %d", n, recordOverhead)
			}
		})
	}
}

func TestPulledIsWhatTheGeneratedCodeReads(t *testing.T) {
	body, err := Body(full())
	if err != nil {
		t.Fatal(err)
	}
	pulled := []im.Pulled{
		{ConversationID: "si_a_b", Records: []im.Record{{Seq: 1, Body: body}, {Seq: 2, Deleted: true, SendTime: 3}}, IsEnd: true, EndSeq: 4},
		{ConversationID: "n_a_b", Records: []im.Record{{Seq: 5, Body: body}}},
		{ConversationID: "sg_empty"},
	}
	want, err := PulledMsgs(pulled)
	if err != nil {
		t.Fatal(err)
	}
	got := new(sdkws.PullMessageBySeqsResp)
	if err := proto.Unmarshal(AppendPulled(nil, pulled), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if len(got.Msgs) != 2 || len(got.NotificationMsgs) != 1 || !got.Msgs["si_a_b"].IsEnd || got.Msgs["si_a_b"].EndSeq != 4 {
		t.Errorf("got %v", got)
	}
	bySeqs := new(msg.GetSeqMessageResp)
	if err := proto.Unmarshal(AppendPulled(nil, pulled), bySeqs); err != nil || len(bySeqs.Msgs) != 2 {
		t.Errorf("as GetSeqMessageResp: %v, %v", bySeqs, err)
	}
	last := new(msg.GetLastMessageResp)
	if err := proto.Unmarshal(AppendLastMessages(nil, map[string]im.Record{"si_a_b": {Seq: 8, Body: body}}), last); err != nil || last.Msgs["si_a_b"].GetSeq() != 8 {
		t.Errorf("as GetLastMessageResp: %v, %v", last, err)
	}
}

func TestPush(t *testing.T) {
	small, err := Body(full())
	if err != nil {
		t.Fatal(err)
	}
	m := full()
	m.Content = []byte(strings.Repeat("x", 500<<10)) // three bytes of length, more than one varint size
	big, err := Body(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"sg_g", "n_g"} {
		p := NewPush(id, "op", im.Record{Seq: 1, Body: small}, im.Record{Seq: 2, Body: big}, im.Record{Seq: 3, Body: nil, Deleted: true, SendTime: 1})
		for c := range frame.Codec(frame.Variants) {
			var r frame.Response
			if err := c.DecodeResponse(p.Payload(c), 4<<20, &r); err != nil {
				t.Fatalf("%s: %v", c, err)
			}
			if r.ReqIdentifier != ReqPush || r.OperationID != "op" || r.MsgIncr != "" || r.ErrCode != 0 {
				t.Errorf("%s: %+v", c, r)
			}
			var got sdkws.PushMessages
			if err := proto.Unmarshal(r.Data, &got); err != nil {
				t.Fatal(err)
			}
			list, other := got.Msgs[id], got.NotificationMsgs
			if im.IsNotificationID(id) {
				list, other = got.NotificationMsgs[id], got.Msgs
			}
			if len(other) != 0 || list == nil || len(list.Msgs) != 3 {
				t.Fatalf("%s %s: %d messages, other map %d", c, id, len(list.GetMsgs()), len(other))
			}
			for i, v := range list.Msgs {
				if v.Seq != int64(i+1) {
					t.Errorf("place %d holds %d", i, v.Seq)
				}
			}
			if &p.Payload(c)[0] != &p.Payload(c)[0] {
				t.Errorf("%s is encoded again", c)
			}
		}
	}
}

func TestEveryKindHasACode(t *testing.T) {
	seen := map[int]im.Kind{}
	// The protocol has one code for several faults here.
	shared := map[int]bool{500: true, 90007: true}
	for _, k := range im.Kinds() {
		c, ok := codes[k]
		if !ok || c.code == 0 {
			t.Errorf("kind %d has no code", k)
			continue
		}
		if other, ok := seen[c.code]; ok && !shared[c.code] {
			t.Errorf("kinds %d and %d share code %d", k, other, c.code)
		}
		seen[c.code] = k
	}
	if len(codes) != len(im.Kinds()) {
		t.Errorf("%d codes for %d kinds", len(codes), len(im.Kinds()))
	}
}

func TestStatusOf(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want Status
	}{
		"none":       {nil, Status{}},
		"kind":       {fmt.Errorf("deep: %w", im.Errorf(im.NotInGroup, "op", "not in %s", "g")), Status{1203, "NotInGroupYetError", "not in g"}},
		"unknown":    {errors.New("dial tcp 10.0.0.1: secret table"), Status{500, "ServerInternalError", ""}},
		"refusal":    {fmt.Errorf("hook: %w", &im.Refusal{Code: 20042, Msg: "no", Dlt: "why"}), Status{20042, "no", "why"}},
		"connection": {im.Errorf(im.ConnectionArgs, "op", "sendID is empty"), Status{1602, "args err, need token, sendID, platformID", "sendID is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := StatusOf(tc.err); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

// TestEntitiesHaveTheWiresJSON holds the vocabulary's JSON equal to the
// generated structs': names, order and form of every value.
func TestEntitiesHaveTheWiresJSON(t *testing.T) {
	for _, pair := range [][2]any{
		{im.User{}, &sdkws.UserInfo{}},
		{im.PublicUser{}, &sdkws.PublicUserInfo{}},
		{im.Group{}, &sdkws.GroupInfo{}},
		{im.Member{}, &sdkws.GroupMemberFullInfo{}},
		{im.Friend{}, &sdkws.FriendInfo{}},
		{im.Black{}, &sdkws.BlackInfo{}},
		{im.Conversation{}, &conversation.Conversation{}},
		{im.OfflinePush{}, &sdkws.OfflinePushInfo{}},
		{im.ReadState{}, &msg.Seqs{}},
	} {
		ours, theirs := keys(t, pair[0]), keys(t, pair[1])
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Errorf("%T: %s", pair[0], diff)
		}
	}
}

// keys returns the JSON of a zero value by key.
func keys(t *testing.T, v any) map[string]string {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for k, r := range raw {
		out[k] = string(r)
	}
	return out
}

func FuzzParseBody(f *testing.F) {
	body, err := Body(full())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseBody(data)
		if err != nil {
			return
		}
		again, err := Body(m)
		if err != nil {
			t.Fatalf("what was parsed cannot be encoded: %v", err)
		}
		back, err := ParseBody(again)
		if err != nil {
			t.Fatal(err)
		}
		m.Seq, m.IsRead = 0, false
		if len(m.Content) == 0 {
			m.Content, back.Content = nil, nil
		}
		if diff := cmp.Diff(m, back); diff != "" {
			t.Error(diff)
		}
	})
}

func BenchmarkBody(b *testing.B) {
	m := full()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Body(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPush(b *testing.B) {
	body, err := Body(full())
	if err != nil {
		b.Fatal(err)
	}
	for c := range frame.Codec(frame.Variants) {
		b.Run(c.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				NewPush("si_a_b", "op", im.Record{Seq: 7, Body: body}).Payload(c)
			}
		})
	}
}

package wire

import (
	"github.com/openimsdk/protocol/sdkws"
	"google.golang.org/protobuf/encoding/protowire"

	"parley/internal/im"
)

// The numbers of sdkws.PushMessages, sdkws.PullMessageBySeqsResp and
// msg.GetSeqMessageResp, which have one shape: two maps from conversation id to
// sdkws.PullMsgs.
const (
	fieldMsgs             protowire.Number = 1
	fieldNotificationMsgs protowire.Number = 2

	fieldMapKey   protowire.Number = 1
	fieldMapValue protowire.Number = 2

	fieldPullMsgs   protowire.Number = 1
	fieldPullIsEnd  protowire.Number = 2
	fieldPullEndSeq protowire.Number = 3
)

// AppendPulled appends the answer to a pull: one map entry for each element,
// notification conversations in the second map (gateway.md 5, messages.md 7).
func AppendPulled(dst []byte, pulled []im.Pulled) []byte {
	var value, msg []byte
	for i := range pulled {
		p := &pulled[i]
		value = value[:0]
		for j := range p.Records {
			msg = AppendRecord(msg[:0], &p.Records[j])
			value = protowire.AppendTag(value, fieldPullMsgs, protowire.BytesType)
			value = protowire.AppendBytes(value, msg)
		}
		if p.IsEnd {
			value = protowire.AppendTag(value, fieldPullIsEnd, protowire.VarintType)
			value = protowire.AppendVarint(value, 1)
		}
		if p.EndSeq != 0 {
			value = protowire.AppendTag(value, fieldPullEndSeq, protowire.VarintType)
			value = protowire.AppendVarint(value, uint64(p.EndSeq))
		}
		dst = appendConversation(dst, p.ConversationID, value)
	}
	return dst
}

func appendConversation(dst []byte, conversationID string, pullMsgs []byte) []byte {
	field := fieldMsgs
	if im.IsNotificationID(conversationID) {
		field = fieldNotificationMsgs
	}
	return appendMapEntry(dst, field, conversationID, pullMsgs)
}

// appendMapEntry appends one entry of a map<string, message> field.
func appendMapEntry(dst []byte, field protowire.Number, key string, value []byte) []byte {
	n := protowire.SizeTag(fieldMapKey) + protowire.SizeBytes(len(key)) +
		protowire.SizeTag(fieldMapValue) + protowire.SizeBytes(len(value))
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(n))
	dst = protowire.AppendTag(dst, fieldMapKey, protowire.BytesType)
	dst = protowire.AppendString(dst, key)
	dst = protowire.AppendTag(dst, fieldMapValue, protowire.BytesType)
	return protowire.AppendBytes(dst, value)
}

// AppendLastMessages appends the answer to a query for last messages
// (msg.GetLastMessageResp): a map from conversation id to MsgData.
func AppendLastMessages(dst []byte, last map[string]im.Record) []byte {
	var msg []byte
	for id, r := range last {
		msg = AppendRecord(msg[:0], &r)
		dst = appendMapEntry(dst, fieldMsgs, id, msg)
	}
	return dst
}

// PulledMsgs returns the two maps of a pull answer for REST (rest-msg.md 6).
func PulledMsgs(pulled []im.Pulled) (*sdkws.PullMessageBySeqsResp, error) {
	resp := &sdkws.PullMessageBySeqsResp{}
	for i := range pulled {
		p := &pulled[i]
		list := &sdkws.PullMsgs{IsEnd: p.IsEnd, EndSeq: p.EndSeq}
		for j := range p.Records {
			d, err := RecordMsgData(&p.Records[j])
			if err != nil {
				return nil, err
			}
			list.Msgs = append(list.Msgs, d)
		}
		m := &resp.Msgs
		if im.IsNotificationID(p.ConversationID) {
			m = &resp.NotificationMsgs
		}
		if *m == nil {
			*m = make(map[string]*sdkws.PullMsgs)
		}
		(*m)[p.ConversationID] = list
	}
	return resp, nil
}

// Package wire converts between the vocabulary (package im) and what travels:
// protobuf messages, push frames, error codes. The envelopes around them are in
// wire/frame. Besides api and gateway it is the only package that knows
// openimsdk/protocol. It starts no goroutine.
package wire

import (
	"fmt"

	"github.com/openimsdk/protocol/sdkws"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"parley/internal/im"
)

// Numbers of the MsgData fields that are appended after a body was encoded.
const (
	fieldContentType protowire.Number = 11
	fieldContent     protowire.Number = 12
	fieldSeq         protowire.Number = 14
	fieldSendTime    protowire.Number = 15
	fieldStatus      protowire.Number = 17
	fieldIsRead      protowire.Number = 18
)

// Message returns the message a client sent. The result shares d's content and lists.
func Message(d *sdkws.MsgData) *im.Message {
	m := &im.Message{
		SendID: d.SendID, RecvID: d.RecvID, GroupID: d.GroupID,
		ClientMsgID: d.ClientMsgID, ServerMsgID: d.ServerMsgID,
		SenderPlatformID: d.SenderPlatformID, SenderNickname: d.SenderNickname, SenderFaceURL: d.SenderFaceURL,
		SessionType: im.SessionType(d.SessionType), MsgFrom: d.MsgFrom, ContentType: d.ContentType,
		Content: d.Content, Seq: d.Seq, SendTime: d.SendTime, CreateTime: d.CreateTime,
		Status: d.Status, IsRead: d.IsRead, Options: d.Options,
		AtUserIDList: d.AtUserIDList, AttachedInfo: d.AttachedInfo, Ex: d.Ex,
	}
	if p := d.OfflinePushInfo; p != nil {
		m.OfflinePush = &im.OfflinePush{
			Title: p.Title, Desc: p.Desc, Ex: p.Ex,
			IOSPushSound: p.IOSPushSound, IOSBadgeCount: p.IOSBadgeCount, SignalInfo: p.SignalInfo,
		}
	}
	return m
}

// MsgData returns the protobuf form of a message.
func MsgData(m *im.Message) *sdkws.MsgData {
	d := &sdkws.MsgData{
		SendID: m.SendID, RecvID: m.RecvID, GroupID: m.GroupID,
		ClientMsgID: m.ClientMsgID, ServerMsgID: m.ServerMsgID,
		SenderPlatformID: m.SenderPlatformID, SenderNickname: m.SenderNickname, SenderFaceURL: m.SenderFaceURL,
		SessionType: int32(m.SessionType), MsgFrom: m.MsgFrom, ContentType: m.ContentType,
		Content: m.Content, Seq: m.Seq, SendTime: m.SendTime, CreateTime: m.CreateTime,
		Status: m.Status, IsRead: m.IsRead, Options: m.Options,
		AtUserIDList: m.AtUserIDList, AttachedInfo: m.AttachedInfo, Ex: m.Ex,
	}
	if p := m.OfflinePush; p != nil {
		d.OfflinePushInfo = &sdkws.OfflinePushInfo{
			Title: p.Title, Desc: p.Desc, Ex: p.Ex,
			IOSPushSound: p.IOSPushSound, IOSBadgeCount: p.IOSBadgeCount, SignalInfo: p.SignalInfo,
		}
	}
	return d
}

// Body encodes a message for the log: its MsgData without a number, and with
// the status its sender gave it, which callbacks report. What readers get is
// made from it by AppendRecord.
func Body(m *im.Message) ([]byte, error) {
	d := MsgData(m)
	d.Seq, d.IsRead = 0, false
	b, err := proto.Marshal(d)
	if err != nil {
		return nil, &im.Error{Kind: im.Invalid, Op: "wire.Body", Detail: "message is not valid UTF-8", Err: err}
	}
	return b, nil
}

// ParseBody returns the message of a log body; its Seq is 0.
func ParseBody(body []byte) (*im.Message, error) {
	var d sdkws.MsgData
	if err := proto.Unmarshal(body, &d); err != nil {
		return nil, fmt.Errorf("wire.ParseBody: %w", err)
	}
	return Message(&d), nil
}

// AppendRecord appends the MsgData that a reader gets of a stored message: the
// body, its number, status and read flag. In protobuf the last value of a field
// wins, so the body is copied as it is instead of being decoded and encoded
// again. A deleted one has no content and status 4, another's content may be
// replaced (messages.md 7.4): then the body's own is left out, so that nobody
// finds it between the fields.
func AppendRecord(dst []byte, r *im.Record) []byte {
	status := uint64(im.StatusSent)
	switch {
	case r.Deleted && r.Body == nil:
		status = im.StatusDeleted
		if r.SendTime != 0 {
			dst = protowire.AppendTag(dst, fieldSendTime, protowire.VarintType)
			dst = protowire.AppendVarint(dst, uint64(r.SendTime))
		}
	case r.Deleted:
		status = im.StatusDeleted
		dst = appendWithout(dst, r.Body, fieldContent)
	case r.Content != nil:
		dst = appendWithout(dst, r.Body, fieldContent)
		dst = protowire.AppendTag(dst, fieldContentType, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(r.ContentType))
		dst = protowire.AppendTag(dst, fieldContent, protowire.BytesType)
		dst = protowire.AppendBytes(dst, r.Content)
	default:
		dst = append(dst, r.Body...)
	}
	if r.Seq != 0 {
		dst = protowire.AppendTag(dst, fieldSeq, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(r.Seq))
	}
	dst = protowire.AppendTag(dst, fieldStatus, protowire.VarintType)
	dst = protowire.AppendVarint(dst, status)
	if r.IsRead {
		dst = protowire.AppendTag(dst, fieldIsRead, protowire.VarintType)
		dst = protowire.AppendVarint(dst, 1)
	}
	return dst
}

// appendWithout appends a message without one of its fields. What cannot be read
// is left out.
func appendWithout(dst, body []byte, field protowire.Number) []byte {
	for len(body) > 0 {
		number, _, n := protowire.ConsumeField(body)
		if n < 0 {
			return dst
		}
		if number != field {
			dst = append(dst, body[:n]...)
		}
		body = body[n:]
	}
	return dst
}

// recordOverhead bounds what AppendRecord adds to a body, a replaced content apart.
const recordOverhead = 40

// RecordMsgData returns the protobuf form of a stored message as a reader gets it.
func RecordMsgData(r *im.Record) (*sdkws.MsgData, error) {
	d := new(sdkws.MsgData)
	if err := proto.Unmarshal(AppendRecord(nil, r), d); err != nil {
		return nil, fmt.Errorf("wire.RecordMsgData: %w", err)
	}
	return d, nil
}

package service

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"parley/internal/im"
	"parley/internal/webhook"
)

// askMessage makes a before callback about a message, if it is on and its filters
// let the message pass.
func (s *Service) askMessage(ctx context.Context, op im.Operator, c im.Command, m *im.Message) (*webhook.Answer, error) {
	if !s.hooks.AsksMessage(c, m) {
		return nil, nil
	}
	return s.ask(ctx, op, c, func(operationID string) []byte { return webhook.MessageBody(c, operationID, m) })
}

// asksAbout reports whether the business server is asked before a message is sent.
func (s *Service) asksAbout(m *im.Message) bool {
	return s.hooks.AsksMessage(im.BeforeSendSingleMsg, m) || s.hooks.AsksMessage(im.BeforeSendGroupMsg, m) ||
		s.hooks.AsksMessage(im.BeforeMsgModify, m)
}

// askModify lets the business server change a message that has passed all checks
// (webhooks.md A.3). It returns the message as it was, or nil if nothing changed.
func (s *Service) askModify(ctx context.Context, op im.Operator, m *im.Message) (*im.Message, error) {
	if m.SessionType == im.SessionNotification {
		return nil, nil
	}
	answer, err := s.askMessage(ctx, op, im.BeforeMsgModify, m)
	if err != nil || answer == nil {
		return nil, err
	}
	given := *m
	if !modify(m, answer) {
		return nil, nil
	}
	if given.Options != nil && m.Options != nil { // the checks that follow may change them
		m.Options = maps.Clone(m.Options)
	}
	if holdsObject(m.ContentType) && !isObject(m.Content) {
		return nil, im.Errorf(im.Invalid, "service.Send", "the content that the business server set is no JSON object")
	}
	return &given, nil
}

// modify replaces the fields that an answer has (webhooks.md A.3) and reports
// whether one is different now. It replaces what m shares, and changes nothing in it.
func modify(m *im.Message, a *webhook.Answer) bool {
	changed := false
	text := func(field *string, keys ...string) {
		if v := a.Text(keys...); v != nil && *v != *field {
			*field, changed = *v, true
		}
	}
	id := func(field *string, key string) { // nobody could find a message without
		if v := a.Text(key); v != nil && *v != "" {
			text(field, key)
		}
	}
	number := func(field *int32, key string) {
		if v := a.Int(key); v != nil && *v != *field {
			*field, changed = *v, true
		}
	}
	if v := a.Text("content"); v != nil && *v != string(m.Content) {
		m.Content, changed = []byte(*v), true
	}
	text(&m.RecvID, "recvID")
	text(&m.GroupID, "groupID")
	id(&m.ClientMsgID, "clientMsgID")
	id(&m.ServerMsgID, "serverMsgID")
	number(&m.SenderPlatformID, "senderPlatformID")
	text(&m.SenderNickname, "senderNickname")
	text(&m.SenderFaceURL, "senderFaceURL")
	number((*int32)(&m.SessionType), "sessionType")
	number(&m.MsgFrom, "msgFrom")
	number(&m.ContentType, "contentType")
	number(&m.Status, "status")
	if v := a.Flags("options"); v != nil && !maps.Equal(v, m.Options) {
		m.Options, changed = v, true
	}
	if p := a.OfflinePushInfo(m.OfflinePush); p != nil && (m.OfflinePush == nil || *p != *m.OfflinePush) {
		m.OfflinePush, changed = p, true
	}
	if v := a.Texts("atUserIDList", "atUserList"); v != nil && !slices.Equal(v, m.AtUserIDList) {
		m.AtUserIDList, changed = v, true
	}
	text(&m.AttachedInfo, "attachedInfo")
	text(&m.Ex, "ex")
	return changed
}

// holdsObject reports whether the content of a type is a JSON object for every
// client (messages.md 5.1). What applications put into other types is theirs.
func holdsObject(contentType int32) bool {
	switch contentType {
	case im.ContentQuote, im.ContentFace, im.ContentAdvancedText, im.ContentMarkdown:
		return true
	}
	return contentType >= im.ContentText && contentType <= im.ContentCustom
}

func isObject(content []byte) bool {
	content = bytes.TrimSpace(content)
	return len(content) > 0 && content[0] == '{' && json.Valid(content)
}

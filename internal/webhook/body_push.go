package webhook

import (
	"encoding/json"

	"parley/internal/im"
)

// pushKeys are the keys that all push callbacks begin with (webhooks.md B,
// "presence keys"): the platform is the sender's.
type pushKeys struct {
	CallbackCommand string      `json:"callbackCommand"`
	OperationID     string      `json:"operationID"`
	PlatformID      im.Platform `json:"platformID"`
	Platform        string      `json:"platform"`
}

// pushedKeys are those of the message.
type pushedKeys struct {
	ClientMsgID  string         `json:"clientMsgID"`
	SendID       string         `json:"sendID"`
	GroupID      string         `json:"groupID"`
	ContentType  int32          `json:"contentType"`
	SessionType  im.SessionType `json:"sessionType"`
	AtUserIDList []string       `json:"atUserIDList"`
	Content      string         `json:"content"`
}

func newPushKeys(c im.Command, operationID string, m *im.Message) (pushKeys, pushedKeys) {
	p := im.Platform(m.SenderPlatformID)
	return pushKeys{c.String(), operationID, p, p.String()},
		pushedKeys{m.ClientMsgID, m.SendID, m.GroupID, m.ContentType, m.SessionType, list(m.AtUserIDList), pushContent(m)}
}

// pushContent is the content of a message, of a notification the text inside.
func pushContent(m *im.Message) string {
	if im.IsNotificationContent(m.ContentType) {
		var tips struct {
			Detail *string `json:"detail"`
		}
		if json.Unmarshal(m.Content, &tips) == nil && tips.Detail != nil {
			return *tips.Detail
		}
	}
	return string(m.Content)
}

// PushBody returns the body of BeforeOnlinePush (B.4) or BeforeOfflinePush (B.6),
// 18 keys, for a message that is to be pushed to users. info may be nil.
func PushBody(c im.Command, operationID string, m *im.Message, info *im.OfflinePush, userIDs []string) []byte {
	if info == nil {
		info = &im.OfflinePush{}
	}
	head, message := newPushKeys(c, operationID, m)
	return encode(&struct {
		pushKeys
		UserIDList []string `json:"userIDList"`
		im.OfflinePush
		pushedKeys
	}{head, list(userIDs), *info, message})
}

// GroupPushBody returns the body of BeforeGroupOnlinePush (B.5, 12 keys).
func GroupPushBody(operationID string, m *im.Message) []byte {
	head, message := newPushKeys(im.BeforeGroupOnlinePush, operationID, m)
	return encode(&struct {
		pushKeys
		pushedKeys
		Seq int64 `json:"seq"`
	}{head, message, m.Seq})
}

// OfflinePushInfo returns the push info that an answer asks for: what it does not
// name stays as it is in info, which may be nil. Without any it returns info.
func (a *Answer) OfflinePushInfo(info *im.OfflinePush) *im.OfflinePush {
	o := a.Object("offlinePushInfo")
	if o == nil {
		return info
	}
	var out im.OfflinePush
	if info != nil {
		out = *info
	}
	for key, field := range map[string]*string{
		"title": &out.Title, "desc": &out.Desc, "ex": &out.Ex, "iOSPushSound": &out.IOSPushSound, "signalInfo": &out.SignalInfo,
	} {
		if v := o.Text(key); v != nil {
			*field = *v
		}
	}
	if v := o.Flag("iOSBadgeCount"); v != nil {
		out.IOSBadgeCount = *v
	}
	return &out
}

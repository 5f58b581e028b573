package push

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"parley/internal/im"
)

// titleOf returns the title of a message without push info, by its content type.
func titleOf(contentType int32) string {
	switch contentType {
	case im.ContentText, im.ContentAtText: // without any text, devices would show nothing
		return "[TEXT]"
	case 102:
		return "[PICTURE]"
	case 103:
		return "[VOICE]"
	case 104:
		return "[VIDEO]"
	case 105:
		return "[File]"
	case 1601:
		return "[SIGNALINVITE]"
	}
	return "[NEWMSG]"
}

// newNote returns what is shown of a message; the badge is not decided yet.
func newNote(m *im.Message, info *im.OfflinePush) im.PushNote {
	if info == nil {
		info = &im.OfflinePush{}
	}
	title := cmp.Or(info.Title, titleOf(m.ContentType))
	n := im.PushNote{
		Title: cutEncoded(title, maxTitle), Body: cutEncoded(cmp.Or(info.Desc, title), maxBody), Ex: info.Ex,
		Sound:       cut(info.IOSPushSound, maxSound),
		ClientMsgID: m.ClientMsgID, SendID: m.SendID, GroupID: m.GroupID, SessionType: m.SessionType, ContentType: m.ContentType,
	}
	if len(cutEncoded(n.Ex, maxEx)) < len(n.Ex) { // half of it would be of no use to anybody
		n.Ex = ""
	}
	return n
}

// collapseKey is the same for all notifications of one conversation, so that on
// the device the newest takes the place of the one before. Vendors take 64 bytes,
// conversation ids may be longer.
func collapseKey(j *im.PushJob) string {
	sum := sha256.Sum256([]byte(j.ConversationID))
	return hex.EncodeToString(sum[:16])
}

// data is what a notification carries for the application.
func data(j *im.PushJob) map[string]string {
	d := map[string]string{
		"conversationID": j.ConversationID, "serverMsgID": j.MessageID, "clientMsgID": j.Note.ClientMsgID, "sendID": j.Note.SendID,
		"sessionType": strconv.Itoa(int(j.Note.SessionType)), "contentType": strconv.Itoa(int(j.Note.ContentType)),
	}
	if j.Note.GroupID != "" {
		d["groupID"] = j.Note.GroupID
	}
	if j.Note.Ex != "" {
		d["ex"] = j.Note.Ex
	}
	return d
}

// aps is the part of a notification that iOS itself reads.
type aps struct {
	Alert    *apsAlert `json:"alert,omitempty"` // nil: the vendor makes it
	Badge    *int64    `json:"badge,omitempty"`
	Sound    string    `json:"sound"`
	ThreadID string    `json:"thread-id"`
}

type apsAlert struct {
	Title string `json:"title"`
	Body  string `json:"body"`
}

func newAPS(j *im.PushJob) aps {
	return aps{Badge: j.Note.Badge, Sound: cmp.Or(j.Note.Sound, "default"), ThreadID: j.ConversationID}
}

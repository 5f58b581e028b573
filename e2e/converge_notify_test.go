package e2e

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/openimsdk/protocol/sdkws"

	"parley/imtest"
	"parley/internal/im"
)

// simTips is all that the simulation reads of a notification's detail.
type simTips struct {
	groupTips
	FromToUserID     *struct{ FromUserID, ToUserID string }
	UserID           string
	ConversationID   string
	ConversationIDs  []string
	Seq, HasReadSeq  int64
	Seqs             []int64
	MarkAsReadUserID string
}

// notified handles a notification (sdk-sync.md 7.2).
func (c *sim) notified(m *sdkws.MsgData) {
	var content struct{ Detail string }
	var t simTips
	if err := errors.Join(json.Unmarshal(m.Content, &content), json.Unmarshal([]byte(content.Detail), &t)); err != nil {
		c.fail("content", fmt.Errorf("%d: %q: %w", m.ContentType, m.Content, err))
		return
	}
	from, to := "", ""
	if t.FromToUserID != nil {
		from, to = t.FromToUserID.FromUserID, t.FromToUserID.ToUserID
	}
	switch m.ContentType {
	case im.ContentFriendApproved:
		c.syncFriends()
	case im.ContentFriendDeleted, im.ContentFriendRemark:
		if from == c.id {
			c.syncFriends()
		}
	case im.ContentBlackAdded, im.ContentBlackDeleted:
		if from == c.id {
			c.syncBlacks()
		}
	case im.ContentFriendInfoUpdated:
		if t.UserID != c.id {
			c.syncFriends()
		}
	case im.ContentFriendsUpdated:
		if to == c.id {
			c.syncFriends()
		}
	case im.ContentConversationChanged, im.ContentPrivateChat:
		c.syncConversations()
	case im.ContentCleared:
		for _, id := range t.ConversationIDs {
			c.clear(id)
		}
	case im.ContentRevoked:
		c.revoked(t.ConversationID, t.Seq)
	case im.ContentDeleted:
		c.deleted(t.ConversationID, t.Seqs)
	case im.ContentReadReceipt:
		c.receipt(&t)
	default:
		if m.ContentType >= im.ContentGroupCreated && m.ContentType < 1600 {
			c.groupChanged(m.ContentType, &t.groupTips)
		}
	}
}

// revoked rewrites a message, if it is there (it comes revoked by the pull if not).
func (c *sim) revoked(id string, seq int64) {
	if old, ok := c.msgs[id][seq]; ok && !old.Deleted {
		old.ContentType, old.IsRead = im.ContentRevoked, false
		c.msgs[id][seq] = old
	}
}

// deleted deletes those of the messages that are there.
func (c *sim) deleted(id string, seqs []int64) {
	for _, seq := range seqs {
		if _, ok := c.msgs[id][seq]; ok {
			c.msgs[id][seq] = simMsg{Deleted: true}
		}
	}
}

// clear is what follows on 1703: the position first, and nothing if it is refused.
func (c *sim) clear(id string) {
	last := int64(0)
	for seq := range c.msgs[id] {
		last = max(last, seq)
	}
	if last == 0 {
		return
	}
	err := c.post("/msg/set_conversation_has_read_seq", imtest.H{"userID": c.id, "conversationID": id, "hasReadSeq": last, "noNotification": false}, nil)
	if err != nil {
		c.failed.Lock()
		defer c.failed.Unlock()
		c.errs = append(c.errs, fmt.Errorf("%s: position of a cleared conversation: %w", c.id, err))
		return
	}
	c.raise(id, last)
	c.clearLocal(id)
}

// clearLocal takes the messages that are there away. The SDK does not look at
// numbers, so newer ones than those the clear was meant for go as well.
func (c *sim) clearLocal(id string) {
	if c.cleared[id] == nil {
		c.cleared[id] = map[int64]bool{}
	}
	for seq := range c.msgs[id] {
		c.cleared[id][seq] = true
	}
	delete(c.msgs, id)
}

// raise moves the read position.
func (c *sim) raise(id string, seq int64) {
	if st := c.reads[id]; seq > st.HasReadSeq {
		st.HasReadSeq = seq
		c.reads[id] = st
	}
}

// receipt marks own messages that the peer has read, or what another device has read.
func (c *sim) receipt(t *simTips) {
	if t.MarkAsReadUserID == c.id {
		c.raise(t.ConversationID, t.HasReadSeq)
		return
	}
	for _, seq := range t.Seqs {
		old, ok := c.msgs[t.ConversationID][seq]
		if ok && old.SendID == c.id && old.ContentType == im.ContentText {
			old.IsRead = true
			c.msgs[t.ConversationID][seq] = old
		}
	}
}

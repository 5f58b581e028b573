package e2e

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"parley/imtest"
	"parley/internal/im"
)

// The people of the table. Those of the first line are its columns.
const (
	ann, fri, str, blo, mem, exm, adm, own = "ann", "fri", "str", "blo", "mem", "exm", "adm", "own"

	vic  = "vic"  // another ordinary member, whom managers act upon
	adm2 = "adm2" // another admin of the group
	app  = "app"  // applies to groups and for friendship
	wip  = "wip"  // whose chat with ann may be spoilt
)

// chat is the chat of the subject and the friend, spoilt that with wip.
var chat, spoilt = im.SingleConversationID(ann, fri), im.SingleConversationID(ann, wip)

// authzWorld is a server with the people of the table. Requests of cells leave
// it as it is, or change what only they look at.
type authzWorld struct {
	s      *imtest.Server
	actors map[string]string // user of each relation
	tokens map[string]string
	group  string // owned by own; nobody's request changes it
	other  string // also owned by own, without ann

	said    string // clientMsgID of the first message of chat
	noticed string // and of a notification of it
	t       *testing.T
	mu      sync.Mutex                // guards clients
	clients map[string]*imtest.Client // of each relation
	next    atomic.Int64
	cells   atomic.Int64
	holes   atomic.Int64 // cells that are known to be wrong
}

// cell is one request in the making.
type cell struct {
	w        *authzWorld
	relation string
	actor    string // user id; for relation "none" any
	query    string
	// secret is what an answer holds that tells something of the subject's; ""
	// where a code says all.
	secret string
	// made is what the cells of the row have prepared and not used up.
	made map[string]string
	err  error // of a preparation
}

// once returns what was made under a name by an earlier cell of the row and is as
// it was: a request that was refused, or that only reads, changes nothing. (If a
// refusal did change something, a later cell of the row shows it.)
func (c *cell) once(name string, prepare func() string) string {
	if _, ok := c.made[name]; !ok {
		c.made[name] = prepare()
	}
	return c.made[name]
}

func newAuthzWorld(t *testing.T, s *imtest.Server) *authzWorld {
	t.Helper()
	w := &authzWorld{t: t, s: s, clients: map[string]*imtest.Client{}, tokens: map[string]string{}, group: "groupOfOwn", other: "otherOfOwn", actors: map[string]string{
		"self": ann, "friend": fri, "stranger": str, "blocked": blo, "member": mem, "exmember": exm, "gadmin": adm,
		"owner": own, "admin": imtest.AdminID, "none": str,
	}}
	register(t, s, ann, fri, str, blo, mem, exm, adm, own, vic, adm2, app, wip)
	for _, id := range []string{ann, fri, str, blo, mem, exm, adm, own} {
		token, err := s.UserToken(id, im.PlatformAndroid)
		if err != nil {
			t.Fatal(err)
		}
		w.tokens[id] = token
	}
	var admin struct{ Token string }
	if err := s.Post("", "/auth/get_admin_token", imtest.H{"secret": imtest.Secret, "userID": imtest.AdminID}, &admin); err != nil {
		t.Fatal(err)
	}
	w.tokens[imtest.AdminID] = admin.Token

	c := &cell{w: w, made: map[string]string{}}
	c.do("/friend/import_friend", imtest.H{"ownerUserID": ann, "friendUserIDs": []string{fri}})
	c.do("/friend/add_black", imtest.H{"ownerUserID": ann, "blackUserID": blo})
	c.do("/user/add_notification_account", imtest.H{"userID": "notice", "nickName": "notice", "appMangerLevel": 3})
	// In chat, number 1 tells of the friendship, 2 is looked for by pulls, and 3 to 5
	// are for requests that take messages away.
	w.said = c.say(fri, "")
	w.noticed = c.notify(fri, "")
	for range 3 {
		c.say(fri, "")
		c.say(wip, "")
	}
	c.groupCalled(w.group)
	c.do("/group/create_group", imtest.H{
		"ownerUserID": own, "memberUserIDs": []string{mem}, "groupInfo": imtest.H{"groupID": w.other, "groupType": 2},
	})
	if c.err != nil {
		t.Fatal(c.err)
	}
	return w
}

// do prepares something as administrator.
func (c *cell) do(path string, body imtest.H) { c.as(imtest.AdminID, path, body, nil) }

// as prepares something as a user. After a failure nothing more is done.
func (c *cell) as(userID, path string, body imtest.H, out any) {
	if c.err != nil {
		return
	}
	if err := c.w.s.Post(c.w.tokens[userID], path, body, out); err != nil {
		c.err = fmt.Errorf("%s: %w", path, err)
	}
}

// fresh returns an id that nothing has yet.
func (c *cell) fresh() string { return fmt.Sprintf("x%d", c.w.next.Add(1)) }

// freshUser registers a user.
func (c *cell) freshUser() string {
	return c.once("user", func() string {
		id := c.fresh()
		c.do("/user/user_register", imtest.H{"users": []imtest.H{{"userID": id, "nickname": id}}})
		return id
	})
}

// freshPeer is a user to whom ann has said one thing.
func (c *cell) freshPeer() string {
	peer := c.freshUser()
	c.once("said", func() string { return c.say(peer, "") })
	return peer
}

// freshGroup makes a group like the world's, for a request that changes it.
func (c *cell) freshGroup() string {
	return c.once("group", func() string {
		id := c.fresh()
		c.groupCalled(id)
		return id
	})
}

// dismissed is a fresh group that has come to its end after ann has said something.
func (c *cell) dismissed() string {
	g, _ := c.heard(ann)
	c.once("dismissed", func() string {
		c.do("/group/dismiss_group", imtest.H{"groupID": g})
		return g
	})
	return g
}

// verifying is a fresh group that wants something else than usual of those who enter.
func (c *cell) verifying(what int) string {
	g := c.freshGroup()
	c.once("verifying", func() string {
		c.do("/group/set_group_info_ex", imtest.H{"groupID": g, "needVerification": what})
		return g
	})
	return g
}

// groupCalled makes a group where everybody has the place that the table names.
// No message comes of it, so the numbers of its chat start with the first one sent.
func (c *cell) groupCalled(id string) {
	c.createGroup(id)
	c.expel(id)
}

func (c *cell) createGroup(id string) {
	c.do("/group/create_group", imtest.H{
		"ownerUserID": own, "adminUserIDs": []string{adm, adm2}, "memberUserIDs": []string{ann, mem, vic, exm},
		"groupInfo": imtest.H{"groupID": id, "groupType": 2}, "sendMessage": false,
	})
}

// expel makes exm a former member.
func (c *cell) expel(group string) {
	c.do("/group/kick_group", imtest.H{"groupID": group, "kickedUserIDs": []string{exm}, "sendMessage": false})
}

// say sends a text of ann's to a user or a group.
func (c *cell) say(userID, group string) string { return c.sayAs(ann, userID, group) }

func (c *cell) sayAs(from, userID, group string) string {
	if c.err != nil {
		return ""
	}
	id, err := c.w.s.SendText(from, userID, group, "hello")
	c.err = err
	return id
}

// notify sends a stored notification of ann's to a user or a group.
func (c *cell) notify(userID, group string) string {
	var sent struct{ ClientMsgID string }
	c.as(imtest.AdminID, "/msg/send_business_notification", imtest.H{
		"key": "k", "data": "d", "sendUserID": ann, "recvUserID": userID, "recvGroupID": group, "reliabilityLevel": 2,
	}, &sent)
	return sent.ClientMsgID
}

// heard is a fresh group where ann has said something before exm was expelled.
func (c *cell) heard(from string) (group, clientMsgID string) {
	group = c.once("group", func() string {
		id := c.fresh()
		c.createGroup(id)
		c.once("said", func() string { return c.sayAs(from, "", id) })
		c.expel(id)
		return id
	})
	return group, c.made["said"]
}

// outsider says whether the actor is not in the group and could apply to it.
func (c *cell) outsider() bool {
	switch c.relation {
	case "friend", "stranger", "blocked", "exmember":
		return true
	}
	return false
}

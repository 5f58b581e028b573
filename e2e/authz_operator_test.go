package e2e

import (
	"parley/imtest"
	"parley/internal/im"
)

// freshLog is a log of ann's, by the id that an administrator sees.
func (c *cell) freshLog() string {
	return c.once("log", func() string {
		name := c.fresh()
		c.as(ann, "/third/logs/upload", imtest.H{"platform": im.PlatformAndroid, "fileURLs": []imtest.H{{"filename": name, "URL": "http://files.test/" + name}}}, nil)
		var found struct {
			LogsInfos []struct{ LogID, Filename string }
		}
		c.as(imtest.AdminID, "/third/logs/search", imtest.H{"keyword": "^" + ann + "$", "pagination": imtest.H{"pageNumber": 1, "showNumber": 100}}, &found)
		for _, l := range found.LogsInfos {
			if l.Filename == name {
				return l.LogID
			}
		}
		return ""
	})
}

// justTalked is a chat of ann's with nobody else of the table.
func (c *cell) justTalked() string {
	c.secret = im.SingleConversationID(ann, c.freshPeer())
	return c.secret
}

var someDay = imtest.H{"start": 1_767_225_600_000, "end": 1_767_312_000_000, "pagination": firstPage}

var operatorBodies = map[string]func(*cell) imtest.H{
	"/third/fcm_update_token": always(imtest.H{"account": ann, "platformID": 5, "fcmToken": "t"}),
	"/third/set_app_badge":    always(imtest.H{"userID": ann, "appUnreadCount": 1}),

	"/third/logs/upload": always(imtest.H{"platform": 1, "fileURLs": []imtest.H{{"filename": "f", "URL": "http://files.test/f"}}}),
	"/third/logs/search": always(imtest.H{"keyword": ann, "pagination": firstPage}),
	"/third/logs/delete": func(c *cell) imtest.H { return imtest.H{"logIDs": []string{c.freshLog()}} },

	"/statistics/user/register": always(someDay),
	"/statistics/group/create":  always(someDay),
	"/statistics/user/active":   always(someDay),
	"/statistics/group/active":  always(someDay),

	"/jssdk/get_active_conversations": always(imtest.H{"ownerUserID": ann, "count": 500}),
	"/jssdk/get_active_conversations:chat": func(c *cell) imtest.H {
		c.justTalked()
		return imtest.H{"ownerUserID": ann, "count": 500}
	},
	"/jssdk/get_conversations": always(imtest.H{"ownerUserID": ann, "conversationIDs": []string{chat}}),
	"/jssdk/get_conversations:chat": func(c *cell) imtest.H {
		return imtest.H{"ownerUserID": ann, "conversationIDs": []string{c.justTalked()}}
	},

	"/config/get_config_list":           always(imtest.H{}),
	"/config/get_config":                always(imtest.H{"configName": "parley.yml"}),
	"/config/set_config":                always(imtest.H{"configName": "parley.yml", "data": "{}"}),
	"/config/reset_config":              always(imtest.H{}),
	"/config/set_enable_config_manager": always(imtest.H{"enable": true}),
	"/config/get_enable_config_manager": always(imtest.H{}),
	"/restart":                          always(imtest.H{}),
}

package e2e

import (
	"parley/imtest"
	"parley/internal/im"
)

// inGroup is a body about the world's group, for requests that change nothing.
func inGroup(h imtest.H) func(*cell) imtest.H {
	return func(c *cell) imtest.H { return with(h, imtest.H{"groupID": c.w.group}) }
}

// inFresh is a body about a group of the cell's own, for requests that change it.
func inFresh(h imtest.H) func(*cell) imtest.H {
	return func(c *cell) imtest.H { return with(h, imtest.H{"groupID": c.freshGroup()}) }
}

// inDismissed is a body about a group that has come to its end.
func inDismissed(h imtest.H) func(*cell) imtest.H {
	return func(c *cell) imtest.H { return with(h, imtest.H{"groupID": c.dismissed()}) }
}

// member is a change of one member.
func member(userID string, change imtest.H) func(*cell) imtest.H {
	return func(c *cell) imtest.H {
		return imtest.H{"members": []imtest.H{with(change, imtest.H{"groupID": c.freshGroup(), "userID": userID})}}
	}
}

// answer agrees to an application to a fresh group.
func (c *cell) answer(applicant string) imtest.H {
	g := c.freshGroup()
	c.once("asked by "+applicant, func() string {
		c.do("/group/join_group", imtest.H{"groupID": g, "joinSource": 3, "inviterUserID": applicant})
		return ""
	})
	return imtest.H{"groupID": g, "fromUserID": applicant, "handleResult": 1}
}

var groupBodies = map[string]func(*cell) imtest.H{
	"/group/create_group": func(c *cell) imtest.H {
		return imtest.H{"ownerUserID": ann, "memberUserIDs": []string{vic}, "groupInfo": imtest.H{"groupID": c.fresh(), "groupType": 2}}
	},
	"/group/get_groups_info":               func(c *cell) imtest.H { return imtest.H{"groupIDs": []string{c.w.group}} },
	"/group/get_group_member_list":         inGroup(imtest.H{"pagination": firstPage}),
	"/group/get_group_members_info":        inGroup(imtest.H{"userIDs": []string{ann}}),
	"/group/get_joined_group_list":         about("fromUserID"),
	"/group/get_incremental_join_groups":   about("userID"),
	"/group/get_incremental_group_members": inGroup(nil),
	"/group/get_incremental_group_members_batch": func(c *cell) imtest.H {
		c.secret = c.w.group
		return imtest.H{"userID": c.actor, "reqList": []imtest.H{{"groupID": c.w.group}}}
	},
	"/group/get_full_group_member_user_ids": inGroup(nil),
	"/group/get_full_join_group_ids":        about("userID"),
	"/group/set_group_info": func(c *cell) imtest.H {
		return imtest.H{"groupInfoForSet": imtest.H{"groupID": c.freshGroup(), "introduction": "i"}}
	},
	"/group/set_group_info_ex": inFresh(imtest.H{"introduction": "i"}),
	"/group/transfer_group":    inFresh(imtest.H{"oldOwnerUserID": own, "newOwnerUserID": vic}),
	"/group/transfer_group:grab": func(c *cell) imtest.H {
		return imtest.H{"groupID": c.freshGroup(), "oldOwnerUserID": own, "newOwnerUserID": c.actor}
	},
	"/group/dismiss_group":        inFresh(nil),
	"/group/dismiss_group:silent": inFresh(imtest.H{"deleteMember": true}),
	"/group/quit_group":           inFresh(imtest.H{"userID": ann}),
	"/group/quit_group:own":       func(c *cell) imtest.H { return imtest.H{"groupID": c.freshGroup(), "userID": c.actor} },
	"/group/kick_group":           inFresh(imtest.H{"kickedUserIDs": []string{vic}}),
	"/group/kick_group:admin":     inFresh(imtest.H{"kickedUserIDs": []string{adm2}}),
	"/group/kick_group:owner":     inFresh(imtest.H{"kickedUserIDs": []string{own}}),
	"/group/mute_group":           inFresh(nil),
	"/group/cancel_mute_group":    inFresh(nil),

	"/group/mute_group_member":              inFresh(imtest.H{"userID": vic, "mutedSeconds": 60}),
	"/group/mute_group_member:admin":        inFresh(imtest.H{"userID": adm2, "mutedSeconds": 60}),
	"/group/mute_group_member:owner":        inFresh(imtest.H{"userID": own, "mutedSeconds": 60}),
	"/group/cancel_mute_group_member":       inFresh(imtest.H{"userID": vic}),
	"/group/cancel_mute_group_member:admin": inFresh(imtest.H{"userID": adm2}),
	"/group/cancel_mute_group_member:owner": inFresh(imtest.H{"userID": own}),

	"/group/set_group_member_info":         member(ann, imtest.H{"nickname": "n"}),
	"/group/set_group_member_info:promote": member(ann, imtest.H{"roleLevel": 60}),
	"/group/set_group_member_info:admin":   member(adm2, imtest.H{"nickname": "n"}),
	"/group/set_group_member_info:demote":  member(adm2, imtest.H{"roleLevel": 20}),
	"/group/set_group_member_info:owner":   member(own, imtest.H{"nickname": "n"}),
	"/group/set_group_member_info:crown":   member(vic, imtest.H{"roleLevel": 100}),

	"/group/join_group": func(c *cell) imtest.H {
		return imtest.H{"groupID": c.w.other, "joinSource": 3, "inviterUserID": ann}
	},
	"/group/invite_user_to_group":       inFresh(imtest.H{"invitedUserIDs": []string{app}}),
	"/group/group_application_response": func(c *cell) imtest.H { return c.answer(app) },
	"/group/group_application_response:own": func(c *cell) imtest.H {
		if c.outsider() {
			return c.answer(c.actor)
		}
		return c.answer(app)
	},
	"/group/join_group:approval": func(c *cell) imtest.H {
		return imtest.H{"groupID": c.verifying(im.VerifyAll), "joinSource": 3, "inviterUserID": c.actor}
	},
	"/group/join_group:free": func(c *cell) imtest.H {
		return imtest.H{"groupID": c.verifying(im.VerifyNothing), "joinSource": 3, "inviterUserID": c.actor}
	},
	"/group/invite_user_to_group:approval": func(c *cell) imtest.H {
		return imtest.H{"groupID": c.verifying(im.VerifyAll), "invitedUserIDs": []string{app}}
	},
	"/group/invite_user_to_group:free": func(c *cell) imtest.H {
		return imtest.H{"groupID": c.verifying(im.VerifyNothing), "invitedUserIDs": []string{app}}
	},

	"/group/create_group:dismissed": func(c *cell) imtest.H {
		return imtest.H{"ownerUserID": c.actor, "groupInfo": imtest.H{"groupID": c.dismissed(), "groupType": 2}}
	},
	"/group/get_groups_info:dismissed": func(c *cell) imtest.H {
		g := c.dismissed()
		c.secret = g
		return imtest.H{"groupIDs": []string{g}}
	},
	"/group/get_group_member_list:dismissed":         inDismissed(imtest.H{"pagination": firstPage}),
	"/group/get_incremental_group_members:dismissed": inDismissed(nil),
	"/group/set_group_info_ex:dismissed":             inDismissed(imtest.H{"introduction": "i"}),
	"/group/transfer_group:dismissed":                inDismissed(imtest.H{"oldOwnerUserID": own, "newOwnerUserID": vic}),
	"/group/dismiss_group:dismissed":                 inDismissed(nil),
	"/group/quit_group:dismissed":                    func(c *cell) imtest.H { return imtest.H{"groupID": c.dismissed(), "userID": c.actor} },
	"/group/kick_group:dismissed":                    inDismissed(imtest.H{"kickedUserIDs": []string{vic}}),
	"/group/mute_group:dismissed":                    inDismissed(nil),
	"/group/mute_group_member:dismissed":             inDismissed(imtest.H{"userID": vic, "mutedSeconds": 60}),
	"/group/invite_user_to_group:dismissed":          inDismissed(imtest.H{"invitedUserIDs": []string{app}}),
	"/group/join_group:dismissed": func(c *cell) imtest.H {
		return imtest.H{"groupID": c.dismissed(), "joinSource": 3, "inviterUserID": c.actor}
	},
	"/group/set_group_member_info:dismissed": func(c *cell) imtest.H {
		return imtest.H{"members": []imtest.H{{"groupID": c.dismissed(), "userID": ann, "nickname": "n"}}}
	},

	"/group/get_groups":                     inGroup(imtest.H{"pagination": firstPage}),
	"/group/get_group_member_user_id":       inGroup(nil),
	"/group/get_group_abstract_info":        func(c *cell) imtest.H { return imtest.H{"groupIDs": []string{c.w.group}} },
	"/group/get_recv_group_applicationList": about("fromUserID"),
	"/group/get_recv_group_applicationList:group": func(c *cell) imtest.H {
		return imtest.H{"fromUserID": c.actor, "groupIDs": []string{c.w.group}, "pagination": firstPage}
	},
	"/group/get_user_req_group_applicationList":    about("userID"),
	"/group/get_group_users_req_application_list":  inGroup(imtest.H{"userIDs": []string{ann}}),
	"/group/get_specified_user_group_request_info": inGroup(imtest.H{"userID": ann}),
	"/group/get_group_application_unhandled_count": about("userID"),
}

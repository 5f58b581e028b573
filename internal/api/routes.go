package api

// routes is the table of all routes; every other path answers 404.
func (a *API) routes() []*endpoint {
	return []*endpoint{
		route("/auth/get_admin_token", public, a.adminToken),
		route("/auth/get_user_token", onlyAdmins, a.userToken),
		route("/auth/parse_token", public, a.parseToken),
		route("/auth/force_logout", onlyAdmins, a.forceLogout),

		route("/user/user_register", onlyAdmins, a.registerUsers),
		route("/user/get_users_info", anyone, a.usersInfo),
		route("/user/update_user_info", onlySelf, a.updateUser),
		route("/user/update_user_info_ex", onlySelf, a.updateUserEx),
		route("/user/account_check", onlyAdmins, a.accountCheck),

		route("/msg/send_msg", onlyAdmins, a.sendMsg).strictly(),
		route("/msg/newest_seq", onlySelf, a.newestSeq),
		route("/msg/pull_msg_by_seq", onlySelf, a.pullBySeq),
		route("/msg/mark_msgs_as_read", onlySelf, a.markMsgsRead),
		route("/msg/mark_conversation_as_read", onlySelf, a.markConversationRead),
		route("/msg/set_conversation_has_read_seq", onlySelf, a.setHasReadSeq),
		route("/msg/get_conversations_has_read_and_max_seq", onlySelf, a.readAndMaxSeqs),
		route("/msg/get_server_time", anyone, a.serverTime),

		route("/group/create_group", onlySelf, a.createGroup),
		route("/group/get_groups_info", anyone, a.groupsInfo),
		route("/group/get_group_member_list", onlyMembers, a.memberList),
		route("/group/get_group_members_info", onlyMembers, a.membersInfo),
		route("/group/get_joined_group_list", onlySelf, a.joinedGroups),
		route("/group/get_incremental_join_groups", onlySelf, a.incrementalJoinedGroups),
		route("/group/get_incremental_group_members", onlyMembers, a.incrementalMembers),
		// Groups of others are left out, so it refuses nobody.
		route("/group/get_incremental_group_members_batch", anyone, a.incrementalMembersBatch),
		route("/group/get_full_group_member_user_ids", onlyMembers, a.fullMemberIDs),
		route("/group/get_full_join_group_ids", onlySelf, a.fullJoinedGroupIDs),

		route("/friend/get_friend_list", onlySelf, a.friendList),
		route("/friend/get_black_list", onlySelf, a.blackList),
		route("/friend/get_incremental_friends", onlySelf, a.incrementalFriends),
		route("/friend/get_full_friend_user_ids", onlySelf, a.fullFriendIDs),

		route("/conversation/get_conversation", onlySelf, a.conversation),
		route("/conversation/get_conversations", onlySelf, a.conversations),
		route("/conversation/get_all_conversations", onlySelf, a.allConversations),
		route("/conversation/get_owner_conversation", onlySelf, a.ownerConversations),
		route("/conversation/get_incremental_conversations", onlySelf, a.incrementalConversations),
		route("/conversation/get_full_conversation_ids", onlySelf, a.fullConversationIDs),
	}
}

package storetest

import (
	"context"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

func testPushTokens(t *testing.T, st store.Store) {
	ctx := context.Background()
	put := func(tokens ...im.PushToken) {
		t.Helper()
		update(t, st, func(tx store.Tx) error {
			for _, v := range tokens {
				if err := tx.PutPushToken(ctx, v); err != nil {
					return err
				}
			}
			return nil
		})
	}
	tokens := func(silentIn string, now int64, ids ...string) []string {
		t.Helper()
		var out []string
		for _, v := range must(st.PushTokens(ctx, ids, silentIn, now))(t) {
			out = append(out, v.UserID+" "+v.Platform.String()+" "+v.Token)
		}
		return sorted(out)
	}
	ios, android := im.PlatformIOS, im.PlatformAndroid
	put(im.PushToken{UserID: "a", Platform: ios, Token: "t1"}, im.PushToken{UserID: "a", Platform: android, Token: "t2", ExpiresAt: 100},
		im.PushToken{UserID: "b", Platform: ios, Token: "t3"})
	same(t, "all", tokens("", 1, "a", "b", "c"), []string{"a Android t2", "a IOS t1", "b IOS t3"})
	same(t, "some expired", tokens("", 100, "a"), []string{"a IOS t1"})
	same(t, "the whole token", must(st.PushTokens(ctx, []string{"a"}, "", 99))(t)[0].UserID, "a")
	put(im.PushToken{UserID: "a", Platform: ios, Token: "t4"})
	same(t, "replaced", tokens("", 100, "a"), []string{"a IOS t4"})
	put(im.PushToken{UserID: "b", Platform: android, Token: "t4"})
	same(t, "a device goes to who logged in last", tokens("", 100, "a", "b"), []string{"b Android t4", "b IOS t3"})

	drop := func(p im.Platform, token string) {
		t.Helper()
		update(t, st, func(tx store.Tx) error { return tx.DeletePushToken(ctx, "b", p, token) })
	}
	drop(ios, "t4")
	same(t, "not this one", len(tokens("", 1, "b")), 2)
	drop(ios, "t3")
	drop(android, "")
	drop(android, "")
	same(t, "gone", tokens("", 1, "b"), []string{})

	// Silence is looked up for many users at once.
	ids := numbered("u", 700)
	var records []im.Conversation
	for i, id := range ids {
		put(im.PushToken{UserID: id, Platform: ios, Token: "of " + id})
		if i%3 < 2 {
			records = append(records, im.Conversation{OwnerUserID: id, ConversationID: "sg_g", RecvMsgOpt: int32(i%3) * 2})
		}
	}
	update(t, st, func(tx store.Tx) error {
		_, err := tx.InsertConversations(ctx, records, 1)
		return err
	})
	same(t, "without the silent", len(tokens("sg_g", 1, ids...)), 467)
	same(t, "another conversation", len(tokens("sg_other", 1, ids...)), 700)
	silent := must(st.SilentOwners(ctx, "sg_g", ids))(t)
	same(t, "the silent", len(silent), 233)
	same(t, "the first silent", sorted(silent)[0], "u00001")

	update(t, st, func(tx store.Tx) error { return tx.SetBadge(ctx, "a", 5) })
	var raised map[string]int64
	update(t, st, func(tx store.Tx) (err error) {
		raised, err = tx.RaiseBadges(ctx, []string{"b", "a"})
		return err
	})
	same(t, "raised", raised, map[string]int64{"a": 6, "b": 1})
	update(t, st, func(tx store.Tx) error { return tx.SetBadge(ctx, "b", 0) })
	got := must(st.Badges(ctx, []string{"a", "b", "c"}))(t)
	same(t, "badges", []int64{got["a"], got["b"], got["c"]}, []int64{6, 0, 0})
}

func testPushIntents(t *testing.T, st store.Store) {
	ctx := context.Background()
	intent := func(id string, at int64) im.PushIntent {
		return im.PushIntent{MessageID: id, ConversationID: "si_a_b", Seq: at, CreatedAt: at}
	}
	update(t, st, func(tx store.Tx) error {
		for i, id := range numbered("m", 300) {
			if err := tx.AddPushIntent(ctx, intent(id, int64(i+1))); err != nil {
				return err
			}
		}
		return tx.AddPushIntent(ctx, intent("m00000", 9000)) // an id that is there changes nothing
	})
	update(t, st, func(tx store.Tx) error { return tx.AdvancePushIntent(ctx, "m00299", "member 7") })
	update(t, st, func(tx store.Tx) error { return tx.AdvancePushIntent(ctx, "none", "x") })
	last := intent("m00299", 300)
	last.DoneTo = "member 7"
	same(t, "newest first", must(st.PushIntents(ctx, 2))(t), []im.PushIntent{last, intent("m00298", 299)})
	update(t, st, func(tx store.Tx) error { return tx.DeletePushIntents(ctx, append(numbered("m", 299), "none")) })
	same(t, "the rest", must(st.PushIntents(ctx, 10))(t), []im.PushIntent{last})
}

func testPushJobs(t *testing.T, st store.Store) {
	ctx := context.Background()
	job := func(user, conversation, message string, sent int64) im.PushJob {
		n := int64(3)
		return im.PushJob{
			UserID: user, Platform: im.PlatformIOS, Token: "token of " + user, ConversationID: conversation, MessageID: message, SendTime: sent,
			Note: im.PushNote{Title: "title", Body: "text of " + message, Badge: &n, SessionType: im.SessionSingle, ContentType: 101}, CreatedAt: 7,
		}
	}
	add := func(now int64, jobs ...im.PushJob) {
		t.Helper()
		update(t, st, func(tx store.Tx) error { return tx.AddPushJobs(ctx, jobs, now) })
	}
	claim := func(name string, now int64, limit int) (jobs []im.PushJob) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) {
			jobs, err = tx.ClaimPushJobs(ctx, store.PushClaim{Claim: name, Node: "node of " + name, Now: now, Until: now + 100, Limit: limit})
			return err
		})
		return jobs
	}
	texts := func(jobs []im.PushJob) (out []string) {
		for _, j := range jobs {
			out = append(out, j.UserID+" "+j.ConversationID+" "+j.MessageID)
		}
		return out
	}
	add(1000, job("a", "si_1", "m1", 10), job("a", "si_2", "m2", 11), job("b", "si_1", "m1", 10))
	same(t, "count", must(st.CountPushJobs(ctx))(t), 3)
	same(t, "not due", len(claim("early", 999, 9)), 0)
	first := claim("one", 1000, 2)
	want := []im.PushJob{job("a", "si_1", "m1", 10), job("a", "si_2", "m2", 11)}
	for i := range want {
		want[i].ID, want[i].Claim = first[i].ID, "one"
	}
	same(t, "claimed in order", first, want)
	same(t, "claimed once", texts(claim("two", 1001, 9)), []string{"b si_1 m1"})
	same(t, "nothing left", len(claim("three", 1099, 9)), 0)

	// A newer message takes the place of the one under way, an older or the same one does not.
	add(1050, job("a", "si_1", "m3", 20), job("a", "si_2", "m0", 5), job("b", "si_1", "m1", 10))
	finish := func(j im.PushJob) {
		t.Helper()
		update(t, st, func(tx store.Tx) error { return tx.FinishPushJob(ctx, j.ID, j.Claim) })
	}
	finish(first[0])
	finish(first[1])
	same(t, "the newer one is left", must(st.CountPushJobs(ctx))(t), 2)
	newer := claim("four", 1099, 9)
	same(t, "the newer one", texts(newer), []string{"a si_1 m3"})

	// A lease that ran out, a retry, and a node that starts again.
	again := claim("five", 1101, 9)
	same(t, "after the lease", texts(again), []string{"b si_1 m1"})
	retry := func(j im.PushJob, at int64) {
		t.Helper()
		update(t, st, func(tx store.Tx) error { return tx.RetryPushJob(ctx, j.ID, j.Claim, at) })
	}
	stale := again[0]
	stale.Claim = "two"
	retry(stale, 1)
	finish(stale)
	same(t, "whose lease ran out decides nothing", len(claim("six", 1102, 9)), 0)
	retry(again[0], 1500)
	same(t, "not due yet", len(claim("seven", 1198, 9)), 0)
	update(t, st, func(tx store.Tx) error { return tx.ReleasePushJobs(ctx, "node of four") })
	both := claim("eight", 1500, 9)
	same(t, "released, and due again", texts(both), []string{"a si_1 m3", "b si_1 m1"})
	same(t, "attempts", []int{both[0].Attempts, both[1].Attempts}, []int{0, 1})

	var many []im.PushJob
	for _, id := range numbered("u", 100) {
		many = append(many, job(id, "si_x", "m9", 1))
	}
	add(2000, many...)
	trim := func(keep int) (n int) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) {
			n, err = tx.TrimPushJobs(ctx, keep)
			return err
		})
		return n
	}
	same(t, "nothing to drop", trim(100), 0)
	same(t, "dropped", trim(10), 90)
	together := func(limit int) (jobs []im.PushJob) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) {
			jobs, err = tx.ClaimPushJobs(ctx, store.PushClaim{Claim: "list", Node: "n", Now: 3000, Until: 3001, Limit: limit, Together: true})
			return err
		})
		return jobs
	}
	same(t, "alone in its text", texts(together(9)), []string{"a si_1 m3"})
	same(t, "alone in its time", texts(together(9)), []string{"b si_1 m1"})
	same(t, "those that say the same, up to the limit", texts(together(3)), []string{"u00090 si_x m9", "u00091 si_x m9", "u00092 si_x m9"})
	same(t, "the rest of them", len(together(9)), 7)
	same(t, "no more", len(together(9)), 0)
	same(t, "the newest stay, and those under way", texts(claim("nine", 3001, 3)), []string{"a si_1 m3", "b si_1 m1", "u00090 si_x m9"})
}

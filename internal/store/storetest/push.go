package storetest

import (
	"context"
	"math"
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

	drop := func(p im.Platform, token string, registered int64) {
		t.Helper()
		update(t, st, func(tx store.Tx) error { return tx.DeletePushToken(ctx, "b", p, token, registered) })
	}
	drop(ios, "t4", 0)
	same(t, "not this one", len(tokens("", 1, "b")), 2)
	put(im.PushToken{UserID: "b", Platform: ios, Token: "t3", RegisteredAt: 1000})
	drop(ios, "t3", 999)
	same(t, "registered again since", tokens("", 1, "b"), []string{"b Android t4", "b IOS t3"})
	drop(ios, "t3", 1000)
	drop(android, "", 0)
	drop(android, "", 0)
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
		return im.PushIntent{MessageID: id, ConversationID: "si_a_b", Seq: at, CreatedAt: at, OperationID: "op of " + id}
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
	finish := func(now int64, jobs ...im.PushJob) {
		t.Helper()
		update(t, st, func(tx store.Tx) error {
			for _, j := range jobs {
				if err := tx.FinishPushJob(ctx, j.ID, j.Claim, now); err != nil {
					return err
				}
			}
			return nil
		})
	}
	retry := func(j im.PushJob, at int64, alone bool) {
		t.Helper()
		update(t, st, func(tx store.Tx) error { return tx.RetryPushJob(ctx, j.ID, j.Claim, at, alone) })
	}
	count := func() int { t.Helper(); return must(st.CountPushJobs(ctx))(t) }

	// A job for each message and device; the same one again changes nothing.
	onIPad := job("a", "si_1", "m1", 10)
	onIPad.Platform = im.PlatformIPad
	add(1000, job("a", "si_1", "m1", 10), job("a", "si_1", "m2", 11), job("a", "si_2", "m3", 12), job("b", "si_1", "m1", 10), onIPad)
	again := job("a", "si_1", "m1", 10)
	again.Note.Title = "another"
	add(1000, again)
	same(t, "count", count(), 5)
	same(t, "not due", len(claim("early", 999, 9)), 0)

	// Those of a device are claimed one after the other, each once.
	first := claim("one", 1000, 2)
	want := []im.PushJob{job("a", "si_1", "m1", 10), job("b", "si_1", "m1", 10)}
	for i := range want {
		want[i].ID, want[i].Claim = first[i].ID, "one"
	}
	same(t, "claimed in order", first, want)
	same(t, "claimed once", texts(claim("two", 1001, 9)), []string{"a si_1 m1"}) // on the iPad
	same(t, "the others wait", len(claim("three", 1002, 9)), 0)
	stale := first[0]
	stale.Claim = "another"
	finish(1000, stale)
	same(t, "not who has not claimed it", count(), 5)
	finish(1005, first...)
	same(t, "the next one is not due before", len(claim("too early", 1004, 9)), 0)
	second := claim("four", 1010, 9)
	same(t, "the next one of a device", texts(second), []string{"a si_1 m2"})

	// One that is tried again is not overtaken, not by those that come after, either.
	retry(second[0], 1500, false)
	add(1020, job("a", "si_3", "m4", 13))
	same(t, "it holds up the others", len(claim("five", 1099, 9)), 0)
	add(1030, job("a", "si_1", "m5", 14), job("b", "si_1", "m5", 14))
	same(t, "on other devices they are due", texts(claim("six", 1100, 9)), []string{"b si_1 m5"})
	next := claim("seven", 1500, 9) // the lease of the iPad's and of b's has ended, too
	same(t, "due again, with those whose lease ended", texts(next), []string{"a si_1 m2", "a si_1 m1", "b si_1 m5"})
	same(t, "attempts", []int{next[0].Attempts, next[1].Attempts}, []int{1, 0})
	stale = next[1]
	stale.Claim = "two"
	retry(stale, 1, false)
	finish(1, stale)
	same(t, "whose lease ran out decides nothing", len(claim("eight", 1501, 9)), 0)
	update(t, st, func(tx store.Tx) error { return tx.ReleasePushJobs(ctx, "node of seven") })
	same(t, "released", len(claim("nine", 1502, 9)), 3)
	update(t, st, func(tx store.Tx) error { return tx.ReleasePushJobs(ctx, "node of nine") })
	var order []string
	for n := 0; count() > 0 && n < 9; n++ {
		jobs := claim("ten", 1600, 9)
		finish(1600, jobs...)
		for _, j := range jobs {
			if j.UserID == "a" && j.Platform == im.PlatformIOS {
				order = append(order, j.MessageID)
			}
		}
	}
	same(t, "the order of a device", order, []string{"m2", "m3", "m4", "m5"})

	// What waits for a device gets its new token.
	add(1700, job("a", "si_1", "m6", 15))
	update(t, st, func(tx store.Tx) error {
		return tx.PutPushToken(ctx, im.PushToken{UserID: "a", Platform: im.PlatformIOS, Token: "new"})
	})
	renewed := claim("eleven", 1700, 9)
	same(t, "the device's new token", renewed[0].Token, "new")
	finish(1700, renewed...)

	// What was overlooked is found, and what is behind dropped ones.
	add(1700, job("a", "si_1", "m6", 15), job("a", "si_1", "m7", 16))
	lost := claim("lost", 1700, 1)[0]
	retry(lost, math.MaxInt64, false)
	same(t, "overlooked", len(claim("none", 9000, 9)), 0)
	update(t, st, func(tx store.Tx) error { return tx.AdvancePushJobs(ctx, 1710) })
	same(t, "not before", len(claim("none", 1709, 9)), 0)
	same(t, "the first of the device", texts(claim("found", 1710, 9)), []string{"a si_1 m6"})
	update(t, st, func(tx store.Tx) error { return tx.ReleasePushJobs(ctx, "node of found") })
	update(t, st, func(tx store.Tx) error { _, err := tx.TrimPushJobs(ctx, 1, 1720); return err })
	same(t, "not before it was dropped", len(claim("none", 1719, 9)), 0)
	behind := claim("behind", 1720, 9)
	same(t, "what was behind the dropped one", texts(behind), []string{"a si_1 m7"})
	finish(1720, behind...)

	// What waits for a device goes with its token: to another user, or gone altogether.
	waiting := func(what string, want int, change func(tx store.Tx) error) {
		t.Helper()
		add(1800, job("a", "si_1", "m7", 16), job("a", "si_1", "m8", 17), job("b", "si_1", "m7", 16))
		update(t, st, change)
		same(t, what, count(), want)
		for count() > 0 {
			finish(1800, claim("rest", 1800, 9)...)
		}
	}
	put := func(user, token string) func(tx store.Tx) error {
		return func(tx store.Tx) error {
			return tx.PutPushToken(ctx, im.PushToken{UserID: user, Platform: im.PlatformIOS, Token: token})
		}
	}
	waiting("the same user's again", 3, put("a", "new"))
	waiting("another user's", 1, put("c", "new"))
	update(t, st, put("a", "newer"))
	waiting("not this token", 3, func(tx store.Tx) error { return tx.DeletePushToken(ctx, "a", im.PlatformIOS, "new", 0) })
	waiting("gone", 1, func(tx store.Tx) error { return tx.DeletePushToken(ctx, "a", im.PlatformIOS, "newer", 0) })
	testPushLists(t, st, job, add, claim, retry, finish)
}

// testPushLists claims what one request can tell, and drops what is too much.
func testPushLists(t *testing.T, st store.Store, job func(user, conversation, message string, sent int64) im.PushJob,
	add func(now int64, jobs ...im.PushJob), claim func(name string, now int64, limit int) []im.PushJob,
	retry func(j im.PushJob, at int64, alone bool), finish func(now int64, jobs ...im.PushJob),
) {
	ctx := context.Background()
	users := func(jobs []im.PushJob) (out []string) {
		for _, j := range jobs {
			out = append(out, j.UserID+" "+j.MessageID)
		}
		return out
	}
	var many []im.PushJob
	for _, id := range numbered("u", 100) {
		many = append(many, job(id, "si_x", "m9", 1))
	}
	add(2000, many...)
	under := claim("under way", 2000, 1)
	trim := func(keep int) (n int) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) {
			n, err = tx.TrimPushJobs(ctx, keep, 2000)
			return err
		})
		return n
	}
	same(t, "nothing to drop", trim(99), 0)
	same(t, "dropped", trim(10), 89)
	finish(2000, under...)
	var later []im.PushJob
	for _, id := range numbered("u", 100)[88:] {
		later = append(later, job(id, "si_x", "m10", 2))
	}
	add(2000, later...)
	together := func(limit int) (jobs []im.PushJob) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) {
			jobs, err = tx.ClaimPushJobs(ctx, store.PushClaim{Claim: "list", Node: "n", Now: 3000, Until: 3001, Limit: limit, Together: true})
			return err
		})
		return jobs
	}
	part := together(3)
	same(t, "those that say the same, up to the limit", users(part), []string{"u00090 m9", "u00091 m9", "u00092 m9"})
	same(t, "the rest of them", len(together(9)), 7)
	same(t, "another message, to whom has none before it", users(together(9)), []string{"u00088 m10", "u00089 m10"})
	same(t, "no more", len(together(9)), 0)
	retry(part[0], 2500, true)
	retry(part[1], 2500, true)
	retry(part[2], 2500, false)
	same(t, "alone", users(together(9)), []string{"u00090 m9"})
	same(t, "alone, too", users(together(9)), []string{"u00091 m9"})
	same(t, "who is not alone does not join them", users(together(9)), []string{"u00092 m9"})
}

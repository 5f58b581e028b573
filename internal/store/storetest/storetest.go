// Package storetest is the suite that every store.Store must pass, and the way
// for tests of other packages to run on both engines.
//
// Run needs one store at a time; RunDatabase is for what only shows with more
// than one handle on a database: several nodes, opening again, rows that no
// writer of the interface makes yet. Engines runs a test on a new database of
// each engine. Nothing here sleeps or decides by time.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"parley/internal/im"
	"parley/internal/store"
)

// Run runs the suite. Each call of open returns a store on a new, empty
// database, closed when its test ends.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, st store.Store)
	}{
		{"Users", testUsers},
		{"UsersAllOrNothing", testUsersAllOrNothing},
		{"PatchUser", testPatchUser},
		{"PatchUserConcurrent", testPatchUserConcurrent},
		{"PutAdmin", testPutAdmin},
		{"Tokens", testTokens},
		{"Groups", testGroups},
		{"Members", testMembers},
		{"MemberOrder", testMemberOrder},
		{"JoinedGroups", testJoinedGroups},
		{"Pages", testPages},
		{"JoinedPages", testJoinedPages},
		{"GroupsShowingProfile", testGroupsShowingProfile},
		{"GroupChanges", testGroupChanges},
		{"GroupSearch", testGroupSearch},
		{"GroupRequests", testGroupRequests},
		{"ChatBounds", testChatBounds},
		{"StepEach", testStepEach},
		{"FriendWrites", testFriendWrites},
		{"BlackWrites", testBlackWrites},
		{"FriendRequests", testFriendRequests},
		{"Logged", testLogged},
		{"UserLists", testUserLists},
		{"UserCommands", testUserCommands},
		{"ClientConfigs", testClientConfigs},
		{"ClientLogs", testClientLogs},
		{"Growth", testGrowth},
		{"Activity", testActivity},
		{"Objects", testObjects},
		{"ObjectContents", testObjectContents},
		{"ObjectUploads", testObjectUploads},
		{"PushTokens", testPushTokens},
		{"PushIntents", testPushIntents},
		{"PushJobs", testPushJobs},
		{"Conversations", testConversations},
		{"InsertConversations", testInsertConversations},
		{"ConversationSeqs", testConversationSeqs},
		{"RaiseReadSeq", testRaiseReadSeq},
		{"RaiseReadSeqConcurrent", testRaiseReadSeqConcurrent},
		{"Messages", testMessages},
		{"RecentMessages", testRecentMessages},
		{"SetRead", testSetRead},
		{"VersionSteps", testVersionSteps},
		{"VersionTable", testVersionTable},
		{"VersionLimit", testVersionLimit},
		{"VersionsEach", testVersionsEach},
		{"VersionModel", testVersionModel},
		{"Events", testEvents},
		{"EventRetries", testEventRetries},
		{"EventsInCommitOrder", testEventsInCommitOrder},
		{"EndpointEvents", testEndpointEvents},
		{"Backlog", testBacklog},
		{"SettleEvents", testSettleEvents},
		{"DeadEvents", testDeadEvents},
		{"ReplayEvents", testReplayEvents},
		{"DiscardEvents", testDiscardEvents},
		{"HookEventFilters", testHookEventFilters},
		{"HookEventPages", testHookEventPages},
		{"PruneHookLog", testPruneHookLog},
		{"Endpoints", testEndpoints},
		{"Leases", testLeases},
		{"Online", testOnline},
		{"OnEvents", testOnEvents},
		{"Lanes", testLanes},
		{"LanesConcurrent", testLanesConcurrent},
		{"Append", testAppend},
		{"AppendHooks", testAppendHooks},
		{"AppendItemFails", testAppendItemFails},
		{"AppendClosed", testAppendClosed},
		{"AppendItemBreaksTransaction", testAppendItemBreaksTransaction},
		{"AppendFails", testAppendFails},
		{"AppendConcurrent", testAppendConcurrent},
		{"AppendModel", testAppendModel},
		{"Deletions", testDeletions},
		{"Revoke", testRevoke},
		{"Wipe", testWipe},
		{"OldMessages", testOldMessages},
		{"RaiseMinSeq", testRaiseMinSeq},
		{"PatchConversation", testPatchConversation},
		{"RecordLists", testRecordLists},
		{"Dropped", testDropped},
		{"SearchMessages", testSearchMessages},
		{"Update", testUpdate},
		{"UpdateContext", testUpdateContext},
		{"Closed", testClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

// checker is what *testing.T, *testing.B and *rapid.T have in common.
type checker interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

func noErr(t checker, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// must returns the value of a call that must not fail: must(st.User(ctx, id))(t).
func must[T any](v T, err error) func(checker) T {
	return func(t checker) T {
		t.Helper()
		noErr(t, err)
		return v
	}
}

func wantKind(t checker, err error, kind im.Kind) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one of kind %d", kind)
	}
	if got := im.KindOf(err); got != kind {
		t.Fatalf("error %q is of kind %d, want %d", err, got, kind)
	}
}

// wantErr wants a particular error, wrapped or not.
func wantErr(t checker, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// same compares with go-cmp; nil and empty slices are alike.
func same(t checker, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

// update runs fn in a transaction that must commit.
func update(t checker, st store.Store, fn func(store.Tx) error) {
	t.Helper()
	noErr(t, st.Update(context.Background(), fn))
}

// errStop is an error of the test's own, to roll a transaction back.
var errStop = errors.New("stopped by the test")

// edgeIDs are ids that SQL, LIKE, JSON, sorting or an encoding could trip over.
// All are valid UTF-8 without NUL, as PostgreSQL wants it.
var edgeIDs = []string{
	"a", "A", "b", "_", "0", "00", "ä", "é", "e\u0301", "用户", "😀", "\uffff", "\u2028", "\u00a0", "\x01", "\t", "\n",
	" lead", "trail ", "a b", "a'b", `a"b`, "a`b", `a\b`, "a%b", "a;b", "--", "/*", "$1", "?1", ":a", "@a", "IDS", "NULL", "(1,2)",
	"{a,b}", `{"a"}`, strings.Repeat("x", 64), strings.Repeat("长", 21),
}

// numbered returns n ids that begin with a prefix, in ascending order.
func numbered(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s%05d", prefix, i)
	}
	return ids
}

// sorted returns a sorted copy.
func sorted(ids []string) []string { return slices.Sorted(slices.Values(ids)) }

// sortedBy sorts values in place by a text and returns them.
func sortedBy[T any](values []T, by func(*T) string) []T {
	slices.SortFunc(values, func(a, b T) int { return strings.Compare(by(&a), by(&b)) })
	return values
}

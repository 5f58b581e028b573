package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
)

// vetoCode is an application's own code, from the range the documents name.
const vetoCode = 20042

// hookStep is a call of the API and what the business server hears of it.
type hookStep struct {
	name string
	by   string // user; "": the administrator
	path string
	body imtest.H
	code int // of the error; 0: none
	// want are the callbacks about groups, friends and users that the call causes, by
	// their short names.
	want []string
}

// hookRun drives a server on which all callbacks are on.
type hookRun struct {
	t      *testing.T
	s      *imtest.Server
	hooks  *imtest.Hooks
	tokens map[string]string
	seen   int // of the callbacks
	marks  int // made so far
}

func newHookRun(t *testing.T, s *imtest.Server, hooks *imtest.Hooks, users ...string) *hookRun {
	t.Helper()
	register(t, s, users...)
	return &hookRun{t: t, s: s, hooks: hooks, tokens: make(map[string]string)}
}

// call calls the API as a user, or as the administrator.
func (r *hookRun) call(by, path string, in, out any) error {
	r.t.Helper()
	if by == "" {
		return r.s.AsAdmin(path, in, out)
	}
	if r.tokens[by] == "" {
		token, err := r.s.UserToken(by, im.PlatformAndroid)
		must(r.t, err)
		r.tokens[by] = token
	}
	return r.s.Post(r.tokens[by], path, in, out)
}

// do is call for what must succeed.
func (r *hookRun) do(by, path string, in imtest.H) {
	r.t.Helper()
	if err := r.call(by, path, in, nil); err != nil {
		r.t.Fatalf("%s: %v", path, err)
	}
}

// short is the name of a command without what all names have.
func short(command string) string {
	return strings.TrimSuffix(strings.TrimPrefix(command, "callback"), "Command")
}

// ofPeople reports whether a command is about groups, friends or users.
func ofPeople(command string) bool {
	return slices.ContainsFunc(im.Commands(), func(c im.Command) bool { return c >= im.BeforeCreateGroup && c.String() == command })
}

// settled waits until all events of some groups and users have been told, and
// returns the callbacks since the last call.
func (r *hookRun) settled(groups, users []string) (out []imtest.Hook) {
	r.t.Helper()
	r.marks++
	mark := fmt.Sprintf("mark %d", r.marks)
	marked := func(k imtest.Hook) bool { return k.Body["introduction"] == mark || k.Body["ex"] == mark }
	// Events of one lane are told in order: behind the mark of each lane is nothing left.
	for _, g := range groups {
		r.do("", "/group/set_group_info_ex", imtest.H{"groupID": g, "introduction": mark})
		r.hooks.Wait(r.t, im.AfterSetGroupInfoEx.String(), func(k imtest.Hook) bool { return marked(k) && k.Body["groupID"] == g })
	}
	for _, u := range users {
		r.do("", "/user/update_user_info_ex", imtest.H{"userInfo": imtest.H{"userID": u, "ex": mark}})
		r.hooks.Wait(r.t, im.AfterUpdateUserInfoEx.String(), func(k imtest.Hook) bool { return marked(k) && k.Body["userID"] == u })
	}
	all, _ := r.hooks.All()
	for _, k := range all[r.seen:] {
		if ofPeople(k.Command) && !marked(k) {
			out = append(out, k)
		}
	}
	r.seen = len(all)
	return out
}

// play makes the calls and holds the callbacks of each against what is wanted.
func (r *hookRun) play(groups, users []string, steps []hookStep) {
	r.t.Helper()
	r.settled(groups, users)
	for _, step := range steps {
		err := r.call(step.by, step.path, step.body, nil)
		if step.code != 0 {
			refused(r.t, step.name, err, step.code)
		} else if err != nil {
			r.t.Fatalf("%s: %v", step.name, err)
		}
		var got []string
		for _, k := range r.settled(groups, users) {
			got = append(got, short(k.Command))
			if id := k.Header.Get("operationID"); id == "" || k.Body["operationID"] != nil && k.Body["operationID"] != id {
				r.t.Errorf("%s: %s has the operation id %q in its header", step.name, k.Command, id)
			}
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			r.t.Errorf("%s: callbacks (-want +got):\n%s", step.name, diff)
		}
	}
}

var hookNoise = []struct {
	find *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`"operationID": "[0-9a-f]{32}"`), `"operationID": "<op>"`},
	{regexp.MustCompile(`\b1[7-9]\d{11}\b`), `"<ms>"`},
}

// goldenHook holds the body of a callback, with its keys in their order, against a file.
func goldenHook(t *testing.T, k imtest.Hook) {
	t.Helper()
	checkHeaders(t, k)
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, k.Raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	got := pretty.String() + "\n"
	for _, n := range hookNoise {
		got = n.find.ReplaceAllString(got, n.with)
	}
	path := filepath.Join("testdata", "hooks", k.Command+".golden")
	if *update {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", k.Command, diff)
	}
}

// goldenHooks holds the first callback of each command against its file.
func (r *hookRun) goldenHooks(from, to im.Command) {
	r.t.Helper()
	for _, c := range im.Commands() {
		if c >= from && c <= to {
			goldenHook(r.t, r.hooks.Wait(r.t, c.String(), nil))
		}
	}
}

// hookedServer is a server that asks and tells a receiver of everything.
func hookedServer(t *testing.T) (*imtest.Server, *imtest.Hooks) {
	t.Helper()
	hooks := imtest.ReceiveHooks(t)
	return imtest.Start(t, func(c *config.Config) {
		c.Webhooks.URL = hooks.URL
		if err := c.Webhooks.TurnOn("all"); err != nil {
			t.Fatal(err)
		}
	}), hooks
}

// asked is an operation that a before callback decides on.
type asked struct {
	name    string
	command im.Command
	prepare func(r *hookRun) // nil: nothing
	do      func(r *hookRun) error
	done    func(r *hookRun) bool // whether it was done
}

// answered are the operations of all before callbacks about groups, friends and users.
func answered() []asked { return slices.Concat(askedOfGroups, askedOfFriends, askedOfUsers) }

// TestEveryQuestionHasItsTest: the tables below leave out no before callback.
func TestEveryQuestionHasItsTest(t *testing.T) {
	for _, c := range im.Commands() {
		if c < im.BeforeCreateGroup || !strings.HasPrefix(short(c.String()), "Before") {
			continue
		}
		if !slices.ContainsFunc(answered(), func(a asked) bool { return a.command == c }) {
			t.Errorf("nothing asks %s", c)
		}
	}
}

// TestVeto refuses each operation with a code of the application: the user gets it
// unchanged, and nothing is done.
func TestVeto(t *testing.T) {
	t.Parallel()
	for _, a := range answered() {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			s, hooks := hookedServer(t)
			r := newHookRun(t, s, hooks, "ann", "bob", "cid", "dan")
			if a.prepare != nil {
				a.prepare(r)
			}
			hooks.Reply(func(k imtest.Hook) imtest.H {
				if k.Command != a.command.String() {
					return nil
				}
				return imtest.Veto(vetoCode)
			})
			err := a.do(r)
			want := imtest.Error{Code: vetoCode, Msg: "vetoed", Dlt: "by the test"}
			if told, ok := errors.AsType[*imtest.Error](err); !ok || *told != want {
				t.Errorf("the user is told %v, want %v", err, &want)
			}
			if a.done(r) {
				t.Error("it was done all the same")
			}
			hooks.Reply(nil)
			if err := a.do(r); err != nil || !a.done(r) {
				t.Errorf("without the veto: %v", err)
			}
		})
	}
}

// TestDeadBusinessServer: where nobody answers, failedContinue decides.
func TestDeadBusinessServer(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	dead := ln.Addr().String()
	must(t, ln.Close())
	for _, a := range answered() {
		for _, goesOn := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, failedContinue %v", a.name, goesOn), func(t *testing.T) {
				t.Parallel()
				s := imtest.Start(t, func(c *config.Config) {
					c.Webhooks.URL = "http://" + dead + "/hooks"
					cb := c.Webhooks.Callbacks[a.command.Key()]
					cb.Enable, cb.FailedContinue = true, goesOn
					c.Webhooks.Callbacks[a.command.Key()] = cb
				})
				if a.command == im.BeforeUserRegister && !goesOn { // nobody can be made ready
					refused(t, "a registration", s.Register("ann"), 90004)
					return
				}
				r := newHookRun(t, s, nil, "ann", "bob", "cid", "dan")
				if a.prepare != nil {
					a.prepare(r)
				}
				err := a.do(r)
				if !goesOn {
					refused(t, "without an answer", err, 90004)
					if e, ok := errors.AsType[*imtest.Error](err); ok && strings.Contains(e.Msg+e.Dlt, dead) {
						t.Errorf("the user is told the receiver's address: %v", e)
					}
				} else if err != nil {
					t.Error(err)
				}
				if done := a.done(r); done != goesOn {
					t.Errorf("done: %v", done)
				}
			})
		}
	}
}

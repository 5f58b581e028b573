package api

import (
	"context"
	"time"

	"parley/internal/im"
	"parley/internal/webhook"
)

// hookDesk stands in for the delivery of events.
type hookDesk struct{}

func (hookDesk) Refresh(context.Context) error { return nil }
func (hookDesk) Discarded(im.Command)          {}
func (hookDesk) Wake()                         {}

func (hookDesk) Config() *webhook.Config {
	c := webhook.Default()
	c.URL, c.Secrets = "http://ann:hidden@business.test/hook?token=hidden", []string{"whsec_aGlkZGVuaGlkZGVuaGlkZGVuaGlkZGVu"}
	c.Rules = map[im.Command]webhook.Rule{
		im.AfterSendSingleMsg:  {Enabled: true, Timeout: 5 * time.Second, Denied: []webhook.TypeRange{{First: 102, Last: 104}}},
		im.BeforeSendSingleMsg: {Enabled: true, Timeout: 3 * time.Second, FailedContinue: true},
		im.AfterSendGroupMsg:   {Timeout: 5 * time.Second},
	}
	return &c
}

func (hookDesk) Status(id string) (webhook.Status, bool) {
	return webhook.Status{Owned: true, Breaker: "closed", Loaded: 1}, id == im.MainEndpoint
}

func (hookDesk) Test(_ context.Context, id string, cmd im.Command, operationID string) (*webhook.TestResult, error) {
	if id != im.MainEndpoint {
		return nil, im.Errorf(im.NotFound, "webhook.Test", "there is no such endpoint")
	}
	body, _ := webhook.Sample(cmd, operationID, time.UnixMilli(born))
	return &webhook.TestResult{
		EventID: im.NewEventID(), Delivered: true, Status: 200, Took: 12 * time.Millisecond, Answer: "{\"actionCode\":0}\xff", Body: body,
	}, nil
}

func webhookScenarios() []scenario {
	const (
		list    = "/webhook/get_endpoints"
		add     = "/webhook/add_endpoint"
		change  = "/webhook/update_endpoint"
		remove  = "/webhook/remove_endpoint"
		rotate  = "/webhook/rotate_secret"
		pause   = "/webhook/pause_endpoint"
		resume  = "/webhook/resume_endpoint"
		events  = "/webhook/get_events"
		event   = "/webhook/get_event"
		replay  = "/webhook/replay_events"
		discard = "/webhook/discard_events"
		try     = "/webhook/send_test_event"
		show    = "/webhook/get_settings"
		audit   = `{"url":"https://ann:hidden@audit.test/in?token=hidden"}`
		unknown = `{"endpointID":"ep_0123456789abcde"}`
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	byUser := func(path, body string) scenario { return one("by a user", "alice", path, body) }
	made := request{admin, add, audit}
	paused := request{admin, pause, `{"endpointID":"main"}`}
	two := []request{sendText("alice", "bob", "one"), sendText("alice", "bob", "two")}
	return []scenario{
		one("all", admin, list, `{}`, request{admin, add, `{"url":"https://audit.test/in","description":"audit","asymmetric":true}`}, paused),
		one("with something waiting", admin, list, `{}`, two...),
		byUser(list, `{}`),

		one("with filters", admin, add, `{"url":"https://audit.test/in?token=hidden","description":"audit","commands":["afterSendGroupMsg","callbackAfterUserOnlineCommand"],`+
			`"contentTypes":[{"first":101,"last":110}],"deniedTypes":[{"first":105,"last":105}],"senders":["alice"],"receivers":["bob"],"groups":["garden"],`+
			`"rate":10,"concurrency":2,"batch":50,"asymmetric":true}`),
		one("private address", admin, add, `{"url":"http://10.0.0.1/"}`),
		one("loopback", admin, add, `{"url":"http://127.0.0.1:10006/"}`),
		one("metadata", admin, add, `{"url":"http://169.254.169.254/"}`),
		one("IPv4 in IPv6", admin, add, `{"url":"http://[::ffff:93.184.216.34]/"}`),
		one("no scheme", admin, add, `{"url":"audit.test"}`),
		one("no url", admin, add, `{}`),
		one("before callback", admin, add, `{"url":"https://audit.test","commands":["beforeSendSingleMsg"]}`),
		one("unknown command", admin, add, `{"url":"https://audit.test","commands":["afterSendSingelMsg"]}`),
		one("empty range", admin, add, `{"url":"https://audit.test","contentTypes":[{"first":2,"last":1}]}`),
		one("too many at a time", admin, add, `{"url":"https://audit.test","concurrency":1000}`),
		one("too large batches", admin, add, `{"url":"https://audit.test","batch":101}`),
		one("negative batches", admin, add, `{"url":"https://audit.test","batch":-1}`),
		byUser(add, audit),

		one("some fields", admin, change, `{"endpointID":"$endpointID","description":"other","commands":["afterUserOnline"],"rate":7,"batch":20,"asymmetric":true}`, made),
		one("too large batches", admin, change, `{"endpointID":"$endpointID","batch":1000}`, made),
		one("batches of main", admin, change, `{"endpointID":"main","batch":2}`),
		one("all events again", admin, change, `{"endpointID":"$endpointID","commands":[]}`,
			request{admin, add, `{"url":"https://audit.test","commands":["afterUserOnline"]}`}),
		one("private address", admin, change, `{"endpointID":"$endpointID","url":"http://192.168.1.1/"}`, made),
		one("main", admin, change, `{"endpointID":"main","rate":7}`),
		one("unknown", admin, change, unknown),
		one("no endpoint", admin, change, `{"rate":7}`),
		byUser(change, unknown),

		one("ok", admin, remove, `{"endpointID":"$endpointID"}`, made),
		one("twice", admin, remove, `{"endpointID":"$endpointID"}`, made, request{admin, remove, `{"endpointID":"$endpointID"}`}),
		one("main", admin, remove, `{"endpointID":"main"}`),
		one("unknown", admin, remove, unknown),
		byUser(remove, unknown),

		one("with the usual overlap", admin, rotate, `{"endpointID":"$endpointID"}`, made),
		one("at once", admin, rotate, `{"endpointID":"$endpointID","overlapSeconds":0}`, made),
		one("negative overlap", admin, rotate, `{"endpointID":"$endpointID","overlapSeconds":-5}`, made),
		one("main", admin, rotate, `{"endpointID":"main"}`),
		one("unknown", admin, rotate, unknown),
		byUser(rotate, unknown),

		one("ok", admin, pause, `{"endpointID":"$endpointID"}`, made),
		one("main", admin, pause, `{"endpointID":"main"}`),
		one("unknown", admin, pause, unknown),
		byUser(pause, unknown),
		one("after a pause", admin, resume, `{"endpointID":"main"}`, paused),
		one("not paused", admin, resume, `{"endpointID":"main"}`),
		one("unknown", admin, resume, unknown),
		byUser(resume, unknown),

		one("all of two", admin, events, `{}`, two...),
		one("one at a time", admin, events, `{"limit":1,"command":"afterSendSingleMsg"}`, two...),
		one("the rest", admin, events, `{"cursor":"$cursor","command":"afterSendSingleMsg"}`,
			append(two, request{admin, events, `{"limit":1,"command":"afterSendSingleMsg"}`})...),
		one("of an endpoint that has none", admin, events, `{"endpointID":"ep_0123456789abcde"}`, two...),
		one("delivered ones", admin, events, `{"state":"delivered"}`, two...),
		one("unknown command", admin, events, `{"command":"x"}`),
		one("unknown state", admin, events, `{"state":"x"}`),
		one("foreign cursor", admin, events, `{"cursor":"7:1"}`),
		byUser(events, `{}`),

		one("of a message", admin, event, `{"eventID":"$events.eventID"}`, append(two, request{admin, events, `{"command":"callbackAfterSendSingleMsgCommand"}`})...),
		one("of a chat", admin, event, `{"eventID":"$events.eventID"}`,
			append(two, request{admin, events, `{"command":"afterCreateSingleChatConversations"}`})...),
		one("unknown", admin, event, `{"eventID":"evt_1"}`),
		one("no event", admin, event, `{}`),
		byUser(event, `{"eventID":"evt_1"}`),

		one("no dead letters", admin, replay, `{"state":"dead"}`, two...),
		one("nothing said", admin, replay, `{}`),
		byUser(replay, `{"state":"dead"}`),

		one("no dead letters", admin, discard, `{"state":"dead"}`, two...),
		one("what waits is none", admin, discard, `{"eventID":"$eventID"}`, two...),
		one("other states", admin, discard, `{"state":"retrying"}`),
		one("nothing said", admin, discard, `{}`),
		byUser(discard, `{"state":"dead"}`),

		one("delivered", admin, try, `{"endpointID":"main","command":"afterSingleMsgRead"}`),
		one("unknown", admin, try, `{"endpointID":"ep_0123456789abcde","command":"afterSingleMsgRead"}`),
		one("unknown command", admin, try, `{"endpointID":"main","command":"x"}`),
		byUser(try, `{"endpointID":"main","command":"afterSingleMsgRead"}`),

		one("ok", admin, show, `{}`),
		byUser(show, `{}`),
	}
}

package push

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"parley/internal/im"
)

const getuiURL = "https://restapi.getui.com"

// Codes of Getui's answers that mean something to us.
const (
	getuiDone     = 0
	getuiStarting = 2     // the service is not up yet
	getuiBadToken = 10001 // the access token is not taken (any more)
	getuiTooMany  = 10003 // access tokens in a minute
	getuiTooFast  = 10005 // calls in a minute
	getuiBadParam = 20001 // also for users without a device
)

// Bounds of Getui's, in characters; more makes it refuse the notification.
const (
	getuiTitle = 50
	getuiBody  = 256
	// getuiMost is how many aliases a list takes.
	getuiMost = 1000
)

// GetuiOptions are what Getui (REST v2) needs.
type GetuiOptions struct {
	AppID, AppKey, MasterSecret string
	// Intent opens the application from a notification of a phone maker's own channel; "": the start page.
	Intent string
	URL    string // "": Getui's
}

type getui struct {
	o      GetuiOptions
	base   string
	client *http.Client
	access *credential
}

// NewGetui returns Getui. Devices are found by alias: the application binds the user's id.
func NewGetui(o GetuiOptions) Vendor {
	if o.URL == "" {
		o.URL = getuiURL
	}
	g := &getui{o: o, base: strings.TrimRight(o.URL, "/") + "/v2/" + url.PathEscape(o.AppID), client: newClient()}
	g.access = &credential{fetch: g.authorize, now: time.Now}
	return g
}

func (g *getui) Name() string           { return "getui" }
func (g *getui) Takes(im.Platform) bool { return false }
func (g *getui) KnowsUsers() bool       { return true }
func (g *getui) Close()                 { g.client.CloseIdleConnections() }

// getuiAnswer is the envelope of all answers.
type getuiAnswer struct {
	Code int             `json:"code"`
	Msg  string          `json:"msg"`
	Data json.RawMessage `json:"data"`
}

// authorize gets an access token for a signature over key, time and master secret.
func (g *getui) authorize(ctx context.Context) (string, time.Duration, error) {
	at := strconv.FormatInt(time.Now().UnixMilli(), 10)
	sum := sha256.Sum256([]byte(g.o.AppKey + at + g.o.MasterSecret))
	body, err := encode(struct {
		Sign      string `json:"sign"`
		Timestamp string `json:"timestamp"`
		AppKey    string `json:"appkey"`
	}{hex.EncodeToString(sum[:]), at, g.o.AppKey})
	if err != nil {
		return "", 0, err
	}
	a, err := post(ctx, g.client, g.base+"/auth", http.Header{"Content-Type": {"application/json;charset=utf-8"}}, body)
	if err != nil {
		return "", 0, err
	}
	var e getuiAnswer
	var t struct {
		Token      string `json:"token"`
		ExpireTime string `json:"expire_time"` // ms
	}
	if json.Unmarshal(a.body, &e) == nil && e.Code == getuiDone && json.Unmarshal(e.Data, &t) == nil && t.Token != "" {
		until, err := strconv.ParseInt(t.ExpireTime, 10, 64)
		if err != nil {
			until = time.Now().Add(time.Hour).UnixMilli()
		}
		return t.Token, time.Until(time.UnixMilli(until)) - time.Minute, nil
	}
	f := a.failure(fmt.Sprintf("no access token: %s", a.body))
	if f.Remedy = TryAgain; e.Code == getuiTooMany { // else the keys are wrong, not the notification
		f.After = time.Minute
	}
	return "", 0, f
}

type (
	getuiNotification struct {
		Title     string `json:"title"`
		Body      string `json:"body"`
		ClickType string `json:"click_type"`
		Intent    string `json:"intent,omitempty"`
		Payload   string `json:"payload,omitempty"`
		NotifyID  int32  `json:"notify_id"`
	}
	getuiIOS struct {
		Type       string `json:"type"`
		Payload    string `json:"payload"`
		APS        aps    `json:"aps"`
		AutoBadge  string `json:"auto_badge,omitempty"`
		CollapseID string `json:"apns-collapse-id"`
	}
	getuiAudience struct {
		Alias []string `json:"alias"`
	}
	// getuiList sends a message that was stored before to a list of users.
	getuiList struct {
		Audience getuiAudience `json:"audience"`
		TaskID   string        `json:"taskid"`
		Async    bool          `json:"is_async"`
		Detail   bool          `json:"need_alias_detail"`
	}
	getuiPush struct {
		RequestID string         `json:"request_id"`
		Audience  *getuiAudience `json:"audience,omitempty"` // not of the message for a list
		Settings  struct {
			TTL int64 `json:"ttl"` // ms
		} `json:"settings"`
		Message struct {
			Notification getuiNotification `json:"notification"`
		} `json:"push_message"`
		Channel struct {
			IOS     getuiIOS `json:"ios"`
			Android struct {
				UPS struct {
					Notification getuiNotification `json:"notification"`
				} `json:"ups"`
			} `json:"android"`
		} `json:"push_channel"`
	}
)

// message returns what a job says. The request id is that of the attempt, so that
// Getui does not take the same attempt twice.
func (g *getui) message(j *im.PushJob) (*getuiPush, error) {
	carried, err := encode(data(j))
	if err != nil {
		return nil, err
	}
	key := collapseKey(j)
	place, err := strconv.ParseUint(key[:8], 16, 32)
	if err != nil {
		return nil, err
	}
	shown := getuiNotification{
		Title: cutRunes(j.Note.Title, getuiTitle), Body: cutRunes(j.Note.Body, getuiBody),
		NotifyID: int32(place >> 1), // notifications with one id take each other's place
	}
	if shown.ClickType = "payload"; g.o.Intent != "" {
		shown.ClickType, shown.Intent = "intent", g.o.Intent
	} else {
		shown.Payload = string(carried)
	}
	var p getuiPush
	p.RequestID = requestID(j)
	p.Settings.TTL = life.Milliseconds()
	p.Message.Notification = shown
	p.Channel.Android.UPS.Notification = shown
	p.Channel.IOS = getuiIOS{Type: "notify", Payload: string(carried), APS: newAPS(j), CollapseID: key}
	p.Channel.IOS.APS.Alert = &apsAlert{j.Note.Title, j.Note.Body}
	if n := j.Note.Badge; n != nil { // Getui takes it beside the aps
		p.Channel.IOS.AutoBadge, p.Channel.IOS.APS.Badge = strconv.FormatInt(*n, 10), nil
	}
	return &p, nil
}

// call makes a request with an access token and returns the data of the answer.
func (g *getui) call(ctx context.Context, path string, request any) (json.RawMessage, error) {
	body, err := encode(request)
	if err != nil {
		return nil, err
	}
	var e getuiAnswer
	a, err := g.access.with(ctx, func(token string) (*answer, bool, error) {
		a, err := post(ctx, g.client, g.base+path,
			http.Header{"token": {token}, "Content-Type": {"application/json;charset=utf-8"}}, body)
		if err != nil {
			return nil, false, err
		}
		e = getuiAnswer{Code: -1}
		if json.Unmarshal(a.body, &e) != nil {
			e = getuiAnswer{Code: -1, Msg: string(a.body)}
		}
		return a, e.Code == getuiBadToken, nil
	})
	if err != nil {
		return nil, err
	}
	if e.Code == getuiDone {
		return e.Data, nil
	}
	f := a.failure(fmt.Sprintf("code %d: %s", e.Code, e.Msg))
	switch e.Code {
	case getuiStarting, getuiBadToken:
		f.Remedy = TryAgain
	case getuiTooMany, getuiTooFast:
		f.Remedy, f.After = TryAgain, time.Minute
	}
	return nil, &getuiFailure{f, e.Code}
}

// getuiFailure is a Failure and the code that it was answered with.
type getuiFailure struct {
	*Failure
	code int
}

func (f *getuiFailure) Unwrap() error { return f.Failure }

// Send implements Vendor.
func (g *getui) Send(ctx context.Context, j *im.PushJob) (string, error) {
	if len(j.UserID) > maxAlias {
		return "", &longAlias
	}
	p, err := g.message(j)
	if err != nil {
		return "", err
	}
	p.Audience = &getuiAudience{[]string{j.UserID}}
	found, err := g.call(ctx, "/push/single/alias", p)
	if err != nil {
		return "", err
	}
	var tasks map[string]json.RawMessage
	if json.Unmarshal(found, &tasks) == nil {
		for id := range tasks {
			return id, nil
		}
	}
	return p.RequestID, nil
}

// Most implements ListVendor.
func (g *getui) Most() int { return getuiMost }

// SendList implements ListVendor: the message is stored at Getui, then sent to the users.
func (g *getui) SendList(ctx context.Context, jobs []im.PushJob) (id string, unknown []string, err error) {
	users, unknown := aliases(jobs)
	if len(users) == 0 {
		return "", unknown, nil
	}
	p, err := g.message(&jobs[0])
	if err != nil {
		return "", nil, err
	}
	stored, err := g.call(ctx, "/push/list/message", p)
	if err != nil {
		return "", nil, err
	}
	var task struct {
		ID string `json:"taskid"`
	}
	if err := json.Unmarshal(stored, &task); err != nil || task.ID == "" {
		return "", nil, &Failure{Remedy: GiveUp, Status: http.StatusOK, Reason: cut("no taskid: "+string(stored), maxReason)}
	}
	told, err := g.call(ctx, "/push/list/alias", getuiList{Audience: getuiAudience{users}, TaskID: task.ID, Detail: true})
	if err != nil {
		var f *getuiFailure
		if errors.As(err, &f) && f.code == getuiBadParam {
			f.Remedy = Apart
		}
		return "", nil, err
	}
	return task.ID, append(unknown, getuiUnknown(told, task.ID, users)...), nil
}

// getuiUnknown returns the users that the details of a list do not name: no device is
// bound to them. Details that name nobody are no details.
func getuiUnknown(told json.RawMessage, task string, users []string) (unknown []string) {
	var details map[string]map[string]json.RawMessage
	if json.Unmarshal(told, &details) != nil {
		return nil
	}
	for _, id := range users {
		if _, ok := details[task][id]; !ok {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == len(users) {
		return nil
	}
	return unknown
}

// requestID names an attempt in 32 characters.
func requestID(j *im.PushJob) string {
	sum := sha256.Sum256([]byte(j.MessageID + " " + j.UserID + " " + j.Claim))
	return hex.EncodeToString(sum[:16])
}

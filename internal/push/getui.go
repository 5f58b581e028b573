package push

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	getuiBadToken = 10001 // the access token is not taken (any more)
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
	f.Remedy = TryAgain // the keys are wrong, not the notification
	return "", 0, f
}

type (
	getuiNotification struct {
		Title     string `json:"title"`
		Body      string `json:"body"`
		ClickType string `json:"click_type"`
		Intent    string `json:"intent,omitempty"`
		NotifyID  *int32 `json:"notify_id,omitempty"`
	}
	getuiIOS struct {
		Type       string `json:"type"`
		Payload    string `json:"payload"`
		APS        aps    `json:"aps"`
		AutoBadge  string `json:"auto_badge,omitempty"`
		CollapseID string `json:"apns-collapse-id"`
	}
	getuiPush struct {
		RequestID string `json:"request_id"`
		Audience  struct {
			Alias []string `json:"alias"`
		} `json:"audience"`
		Settings struct {
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

// Send implements Vendor. The request id is that of the attempt, so that Getui
// does not take the same attempt twice.
func (g *getui) Send(ctx context.Context, j *im.PushJob) (string, error) {
	carried, err := encode(data(j))
	if err != nil {
		return "", err
	}
	key := collapseKey(j)
	place, err := strconv.ParseUint(key[:8], 16, 32)
	if err != nil {
		return "", err
	}
	notifyID := int32(place >> 1) // notifications with one id take each other's place
	shown := getuiNotification{Title: j.Note.Title, Body: j.Note.Body, ClickType: "startapp"}
	if g.o.Intent != "" {
		shown.ClickType, shown.Intent = "intent", g.o.Intent
	}
	var p getuiPush
	p.RequestID = requestID(j)
	p.Audience.Alias = []string{j.UserID}
	p.Settings.TTL = life.Milliseconds()
	p.Channel.Android.UPS.Notification = shown
	shown.NotifyID = &notifyID
	p.Message.Notification = shown
	p.Channel.IOS = getuiIOS{Type: "notify", Payload: string(carried), APS: newAPS(j), CollapseID: key}
	p.Channel.IOS.APS.Alert = &apsAlert{j.Note.Title, j.Note.Body}
	if n := j.Note.Badge; n != nil { // Getui takes it beside the aps
		p.Channel.IOS.AutoBadge, p.Channel.IOS.APS.Badge = strconv.FormatInt(*n, 10), nil
	}
	body, err := encode(&p)
	if err != nil {
		return "", err
	}
	var e getuiAnswer
	a, err := g.access.with(ctx, func(token string) (*answer, bool, error) {
		a, err := post(ctx, g.client, g.base+"/push/single/alias",
			http.Header{"token": {token}, "Content-Type": {"application/json;charset=utf-8"}}, body)
		if err != nil {
			return nil, false, err
		}
		e = getuiAnswer{Code: -1, Msg: string(a.body)}
		if json.Unmarshal(a.body, &e) != nil {
			e = getuiAnswer{Code: -1, Msg: string(a.body)}
		}
		return a, e.Code == getuiBadToken, nil
	})
	if err != nil {
		return "", err
	}
	if e.Code != getuiDone {
		f := a.failure(fmt.Sprintf("code %d: %s", e.Code, e.Msg))
		if e.Code == getuiBadToken {
			f.Remedy = TryAgain
		}
		return "", f
	}
	var tasks map[string]json.RawMessage
	if json.Unmarshal(e.Data, &tasks) == nil {
		for id := range tasks {
			return id, nil
		}
	}
	return p.RequestID, nil
}

// requestID names an attempt in 32 characters.
func requestID(j *im.PushJob) string {
	sum := sha256.Sum256([]byte(j.MessageID + " " + j.UserID + " " + j.Claim))
	return hex.EncodeToString(sum[:16])
}

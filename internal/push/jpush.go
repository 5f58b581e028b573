package push

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"parley/internal/im"
)

const jpushURL = "https://api.jpush.cn"

// jpushMost is how many aliases a request takes.
const jpushMost = 1000

// Codes of JPush's answers that mean something to us.
const (
	jpushInvalid = 1003 // a parameter, among them the aliases
	jpushNobody  = 1011 // no device has the alias
	jpushTooMany = 2002 // more than the application may send
)

// JPushOptions are what JPush (REST v3) needs.
type JPushOptions struct {
	AppKey, MasterSecret string
	Development          bool // iOS tokens are of development builds
	// Intent opens the application from a notification on Android; "": the start page.
	Intent string
	URL    string // "": JPush's
}

type jpush struct {
	o             JPushOptions
	url           string
	authorization string
	client        *http.Client
}

// NewJPush returns JPush. Devices are found by alias: the application sets the user's id.
func NewJPush(o JPushOptions) Vendor {
	if o.URL == "" {
		o.URL = jpushURL
	}
	return &jpush{
		o: o, url: strings.TrimRight(o.URL, "/") + "/v3/push", client: newClient(),
		authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte(o.AppKey+":"+o.MasterSecret)),
	}
}

func (p *jpush) Name() string           { return "jpush" }
func (p *jpush) Takes(im.Platform) bool { return false }
func (p *jpush) KnowsUsers() bool       { return true }
func (p *jpush) Close()                 { p.client.CloseIdleConnections() }

type (
	jpushAndroid struct {
		Alert  string            `json:"alert"`
		Title  string            `json:"title"`
		Extras map[string]string `json:"extras"`
		Intent *jpushIntent      `json:"intent,omitempty"`
	}
	jpushIntent struct {
		URL string `json:"url"`
	}
	jpushIOS struct {
		Alert    apsAlert          `json:"alert"`
		Sound    string            `json:"sound"`
		Badge    *int64            `json:"badge,omitempty"`
		ThreadID string            `json:"thread-id"`
		Extras   map[string]string `json:"extras"`
	}
	jpushPush struct {
		Platform string `json:"platform"`
		Audience struct {
			Alias []string `json:"alias"`
		} `json:"audience"`
		Notification struct {
			Alert   string       `json:"alert"` // on other platforms
			Android jpushAndroid `json:"android"`
			IOS     jpushIOS     `json:"ios"`
		} `json:"notification"`
		Options struct {
			TimeToLive     int64  `json:"time_to_live"` // seconds
			APNsProduction bool   `json:"apns_production"`
			CollapseID     string `json:"apns_collapse_id"`
		} `json:"options"`
	}
)

// Send implements Vendor.
func (p *jpush) Send(ctx context.Context, j *im.PushJob) (string, error) {
	if len(j.UserID) > maxAlias {
		return "", &longAlias
	}
	return p.send(ctx, j, []string{j.UserID})
}

// Most implements ListVendor.
func (p *jpush) Most() int { return jpushMost }

// SendList implements ListVendor. JPush does not say who of a list has a device.
func (p *jpush) SendList(ctx context.Context, jobs []im.PushJob) (id string, unknown []string, err error) {
	users, unknown := aliases(jobs)
	if len(users) > 0 {
		id, err = p.send(ctx, &jobs[0], users)
	}
	return id, unknown, err
}

// send tells users what a job says.
func (p *jpush) send(ctx context.Context, j *im.PushJob, users []string) (string, error) {
	var q jpushPush
	q.Platform = "all"
	q.Audience.Alias = users
	q.Notification.Alert = j.Note.Body
	q.Notification.Android = jpushAndroid{Alert: j.Note.Body, Title: j.Note.Title, Extras: data(j)}
	if p.o.Intent != "" {
		q.Notification.Android.Intent = &jpushIntent{p.o.Intent}
	}
	s := newAPS(j)
	q.Notification.IOS = jpushIOS{
		Alert: apsAlert{j.Note.Title, j.Note.Body}, Sound: s.Sound, Badge: s.Badge, ThreadID: s.ThreadID, Extras: data(j),
	}
	q.Options.TimeToLive = int64(life.Seconds())
	q.Options.APNsProduction = !p.o.Development
	q.Options.CollapseID = collapseKey(j)
	body, err := encode(&q)
	if err != nil {
		return "", err
	}
	a, err := post(ctx, p.client, p.url, http.Header{"Authorization": {p.authorization}, "Content-Type": {"application/json"}}, body)
	if err != nil {
		return "", err
	}
	var r struct {
		MsgID json.RawMessage `json:"msg_id"` // a number or a text
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(a.body, &r); err != nil {
		return "", a.failure(string(a.body))
	}
	if a.status == http.StatusOK {
		return strings.Trim(string(r.MsgID), `"`), nil
	}
	f := a.failure(fmt.Sprintf("code %d: %s", r.Error.Code, r.Error.Message))
	switch {
	case r.Error.Code == jpushNobody:
		f.Remedy = Forget
	case r.Error.Code == jpushTooMany, a.status == http.StatusTooManyRequests:
		f.Remedy = TryAgain
		if s, err := strconv.Atoi(a.header.Get("X-Rate-Limit-Reset")); err == nil && s > 0 {
			f.After = time.Duration(s) * time.Second
		}
	case r.Error.Code == jpushInvalid && len(users) > 1:
		f.Remedy = Apart
	}
	return "", f
}

package gateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"parley/internal/im"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

// maxRefusal is the longest body of a refused handshake: the native SDK's library
// keeps no more, and a cut body makes it retry for ever (gateway.md 2.1).
const maxRefusal = 1024

// params is what a client says at the handshake.
type params struct {
	userID      string
	token       string
	platform    im.Platform
	operationID string
	codec       frame.Codec
	background  bool
	msgResp     bool // answer failures by a frame, and greet
	sdkVersion  string
}

// ServeHTTP answers a handshake (gateway.md 1, 2). It returns when the handshake
// is over; the connection lives on. How long a client may take to send its request
// is up to the http.Server: set ReadHeaderTimeout.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !g.enter() {
		unavailable(w, "the server is not running")
		return
	}
	defer g.running.Done()
	select {
	case g.handshakes <- struct{}{}:
		defer func() { <-g.handshakes }()
	default:
		unavailable(w, "too many handshakes")
		return
	}

	// The limit comes before everything else, but how to say so is in the parameters.
	full := g.open.Load() >= int64(g.limits.Connections)
	p, err := parse(r)
	var cred im.Credential
	// Read before the token is checked, to notice a kick in between.
	kicks := g.hub.kicks(p.userID)
	switch {
	case full:
		err = errFull()
	case err == nil:
		cred, err = g.authenticate(r.Context(), p)
	}
	if err != nil {
		g.refuse(w, r, p, err)
		return
	}
	if g.open.Add(1) > int64(g.limits.Connections) {
		g.open.Add(-1)
		g.refuse(w, r, p, errFull())
		return
	}
	g.accept(w, r, p, cred, kicks)
}

func errFull() error {
	return im.Errorf(im.ConnectionLimit, "gateway.ServeHTTP", "too many connections")
}

// authenticate checks the token and that it is the user's and the platform's.
func (g *Gateway) authenticate(ctx context.Context, p params) (im.Credential, error) {
	const op = "gateway.authenticate"
	ctx, cancel := context.WithTimeout(ctx, g.limits.HandshakeTimeout)
	defer cancel()
	cred, err := g.service.Authenticate(ctx, p.token)
	switch {
	case err != nil:
		return im.Credential{}, err
	case cred.UserID != p.userID:
		return im.Credential{}, im.Errorf(im.TokenInvalid, op, "the token is another user's")
	case cred.Platform != p.platform:
		return im.Credential{}, im.Errorf(im.TokenInvalid, op, "the token is for platform %d", cred.Platform)
	}
	// Strings of the request would keep all of it in memory.
	cred.UserID, cred.TokenHash = strings.Clone(cred.UserID), strings.Clone(cred.TokenHash)
	return cred, nil
}

// accept turns the request into a connection and settles who it replaces. The
// connection can be pushed to before the client has seen the answer: a message
// sent right after it would be missed otherwise.
func (g *Gateway) accept(w http.ResponseWriter, r *http.Request, p params, cred im.Credential, kicks uint64) {
	c := newConn(g, p, cred)
	if p.msgResp {
		c.push(opText, statusJSON(wire.Status{})) // the first frame, before any push
	}
	sock, err := g.upgrader.upgrade(w, r, func() { g.register(c, p.operationID) })
	if err != nil {
		c.hangUp(causeHandshake)
		g.unregister(c)
		g.open.Add(-1)
		g.count(causeHandshake.text())
		g.log.Debug("handshake failed", "user", c.userID, "op", p.operationID, "err", err)
		return
	}
	replaced := g.hub.supersede(c, g.policy)
	g.metrics.connections.Inc()
	g.count("0")
	g.wheel.add(c)
	c.attach(sock)
	if g.isStopping() { // Stop may have looked for connections before this one was there
		c.drain()
	}
	g.kick(replaced, p.operationID)

	kicked := make([]im.Credential, len(replaced))
	for i, o := range replaced {
		kicked[i] = o.cred
	}
	ctx, cancel := context.WithTimeout(g.ctx, g.limits.HandshakeTimeout)
	defer cancel()
	if err := g.service.LoggedIn(ctx, cred, kicked); err != nil {
		g.log.Error("telling of a login", "conn", c.ID(), "user", c.userID, "op", p.operationID, "err", err)
	}
	if g.hub.kicks(p.userID) != kicks {
		// Only a token that is gone counts: 2002 makes the client forget its login.
		_, err := g.authenticate(ctx, p)
		if (im.IsKind(err, im.TokenKicked) || im.IsKind(err, im.TokenNotExist)) && g.hub.expel(c) {
			g.kick([]*conn{c}, p.operationID)
		}
	}
	g.log.Debug("connected", "conn", c.ID(), "user", c.userID, "op", p.operationID,
		"platform", cred.Platform, "codec", p.codec, "sdk", p.sdkVersion, "replaced", len(replaced))
}

// refuse answers a handshake with an error: by a frame if the client asked for it,
// because a browser cannot read the body of a refused upgrade, else by JSON.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, p params, err error) {
	st := wire.StatusOf(err)
	g.count(strconv.Itoa(st.Code))
	level := g.log.Debug
	if ours(err) {
		level = g.log.Error
	}
	level("handshake refused", "user", p.userID, "op", p.operationID, "code", st.Code, "err", err)
	if !p.msgResp || !upgradable(r) {
		writeRefusal(w, http.StatusOK, st)
		return
	}
	sock, err := g.upgrader.upgrade(w, r, func() {})
	if err != nil {
		return // the upgrader has answered, or the client is gone
	}
	body := statusJSON(st)
	// Nothing can be done about a client that is gone.
	_ = sock.SetWriteDeadline(time.Now().Add(g.limits.HandshakeTimeout))
	_, _ = sock.Write(append(appendHeader(nil, opText, len(body)), body...))
	_ = sock.Close()
}

func (g *Gateway) count(code string) { g.metrics.handshakes.WithLabelValues(code).Inc() }

// unavailable refuses a handshake before anything was looked at. Clients retry.
func unavailable(w http.ResponseWriter, why string) {
	w.Header().Set("Retry-After", "1")
	writeRefusal(w, http.StatusServiceUnavailable, wire.StatusOf(im.Errorf(im.Busy, "", "%s", why)))
}

// writeRefusal answers with a status as JSON. Pages of any site may read it.
func writeRefusal(w http.ResponseWriter, code int, st wire.Status) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "*")
	h.Set("Access-Control-Allow-Headers", "*")
	h.Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(statusJSON(st)) // the client is gone if it fails
}

// statusJSON encodes a status in at most maxRefusal bytes, at the expense of its texts.
func statusJSON(st wire.Status) []byte {
	for {
		b, err := json.Marshal(st)
		if err != nil {
			panic("gateway: a status always marshals: " + err.Error())
		}
		if len(b) <= maxRefusal {
			return b
		}
		// An escaped byte takes six, so one cut to size is not always enough.
		if len(st.Dlt) > 0 {
			st.Dlt = cutText(st.Dlt, min(len(st.Dlt)/2, maxRefusal/2))
		} else {
			st.Msg = cutText(st.Msg, min(len(st.Msg)/2, maxRefusal/2))
		}
	}
}

// cutText returns the first n bytes of s, or a little less to end between characters.
func cutText(s string, n int) string {
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// parse reads the parameters of a handshake in either form (gateway.md 1). Also
// with an error the result has whatever could be read, above all msgResp.
func parse(r *http.Request) (params, error) {
	q := r.URL.Query()
	var f fields
	var err error
	if v := q.Get("v"); v != "" {
		err = f.fromJSON(v)
	} else {
		err = f.fromQuery(q, r.Header)
	}
	p := params{
		userID: f.UserID, token: f.Token, platform: im.Platform(f.PlatformID), operationID: f.OperationID,
		background: f.Background, msgResp: f.SendResponse, sdkVersion: f.SDKVersion,
	}
	if err != nil {
		return p, err
	}
	codec, known := frame.NewCodec(f.SDKType, f.Compression == "gzip")
	p.codec = codec
	var wrong string
	switch {
	case p.operationID == "":
		wrong = "operationID is empty"
	case p.token == "":
		wrong = "token is empty"
	case p.userID == "":
		wrong = "sendID is empty"
	case !p.platform.Valid() || int64(p.platform) != int64(f.PlatformID):
		wrong = "platformID is unknown"
	case !known:
		wrong = "sdkType is unknown"
	default:
		return p, nil
	}
	return p, im.Errorf(im.ConnectionArgs, "gateway.parse", "%s", wrong)
}

// fields is the JSON form of the parameters.
type fields struct {
	Token        string `json:"token"`
	UserID       string `json:"userID"`
	PlatformID   int    `json:"platformID"`
	OperationID  string `json:"operationID"`
	Compression  string `json:"compression"`
	SDKType      string `json:"sdkType"`
	SendResponse bool   `json:"sendResponse"`
	Background   bool   `json:"background"`
	SDKVersion   string `json:"sdkVersion"`
}

// fromJSON reads the parameter v. After a field of a wrong type the others are read still.
func (f *fields) fromJSON(v string) error {
	b, err := base64.RawURLEncoding.DecodeString(v)
	if err == nil {
		err = json.Unmarshal(b, f)
	}
	if err != nil {
		return &im.Error{Kind: im.ConnectionArgs, Op: "gateway.parse", Detail: "v is not base64url of a JSON object", Err: err}
	}
	return nil
}

// fromQuery reads the plain form. compression alone may come as a header.
func (f *fields) fromQuery(q url.Values, h http.Header) error {
	*f = fields{
		Token: q.Get("token"), UserID: q.Get("sendID"), OperationID: q.Get("operationID"),
		Compression: q.Get("compression"), SDKType: q.Get("sdkType"), SDKVersion: q.Get("sdkVersion"),
	}
	if f.Compression == "" {
		f.Compression = h.Get("compression")
	}
	var err error
	if v := q.Get("isMsgResp"); v != "" {
		if f.SendResponse, err = strconv.ParseBool(v); err != nil {
			return argument("isMsgResp", err)
		}
	}
	if f.PlatformID, err = strconv.Atoi(q.Get("platformID")); err != nil {
		return argument("platformID", err)
	}
	// The reference refuses a missing one too; no client leaves it out, and there is
	// nothing to gain from refusing. A bad one has code 500 there (gateway.md 1.1).
	if v := q.Get("isBackground"); v != "" {
		if f.Background, err = strconv.ParseBool(v); err != nil {
			return &im.Error{Kind: im.Internal, Op: "gateway.parse", Detail: "isBackground is not a bool", Err: errRequest}
		}
	}
	return nil
}

func argument(name string, err error) error {
	return &im.Error{Kind: im.ConnectionArgs, Op: "gateway.parse", Detail: name + " cannot be read", Err: err}
}

package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"parley/internal/im"
	"parley/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memOutbox is an outbox in memory that keeps the contract of store.Outbox.
type memOutbox struct {
	mu       sync.Mutex
	rows     map[int64]*store.OutboxEvent
	ids      []int64 // ascending; deleted ones stay until compacted
	laneSeq  map[string]int64
	lastID   int64
	attempts map[string][]store.Attempt // logged failures, by event
	log      map[string]store.Settled   // by event
	paused   map[string]string          // reason by endpoint
	pruned   int
	slowDue  time.Duration // an answer of DueEvents takes so long, after it was made
	slow     time.Duration // so does one of Update, after the commit
	broken   error         // writes fail with it
	deaf     error         // reads fail with it
	updates  int
	reads    int
	loss     []string // what the contract forbids
	made     func([]*im.Event)
}

func newOutbox() *memOutbox {
	return &memOutbox{
		rows: map[int64]*store.OutboxEvent{}, laneSeq: map[string]int64{}, attempts: map[string][]store.Attempt{},
		log: map[string]store.Settled{}, paused: map[string]string{},
	}
}

// add commits an event and returns it as it is stored.
func (o *memOutbox) add(e im.Event, message []byte) im.Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lastID++
	o.laneSeq[e.Endpoint+e.Lane]++
	e.ID, e.LaneSeq, e.CreatedAt = o.lastID, o.laneSeq[e.Endpoint+e.Lane], time.Now().UnixMilli()
	if e.EventID == "" {
		e.EventID = "evt_" + strconv.FormatInt(e.ID, 10)
	}
	if e.Command == 0 {
		e.Command = im.AfterSingleMsgRead
	}
	if e.Body == nil && !e.Command.CarriesMessage() {
		e.Body = []byte(`{"callbackCommand":"` + e.Command.String() + `"}`)
	}
	o.rows[e.ID] = &store.OutboxEvent{Event: e, Message: message}
	if o.made != nil {
		o.made([]*im.Event{&e})
	}
	o.ids = append(o.ids, e.ID)
	return e
}

// addN commits n events of a lane and returns their ids as the receiver sees them.
func (o *memOutbox) addN(lane string, n int) (ids []string) {
	for range n {
		ids = append(ids, o.add(im.Event{Lane: lane}, nil).EventID)
	}
	return ids
}

func (o *memOutbox) row(eventID string) (e store.OutboxEvent, reason string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.rows {
		if r.EventID == eventID {
			return *r, r.LastError, true
		}
	}
	return e, "", false
}

func (o *memOutbox) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.rows)
}

// last returns the id of the last event that was added.
func (o *memOutbox) last() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lastID
}

func (o *memOutbox) set(fn func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	fn()
}

func (o *memOutbox) Events(ctx context.Context, after int64, limit int) (out []store.OutboxEvent, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reads++
	if err := cmp.Or(ctx.Err(), o.deaf); err != nil {
		return nil, err
	}
	if limit <= 0 {
		return nil, errors.New("limit must be positive")
	}
	i, _ := slices.BinarySearch(o.ids, after+1)
	for ; i < len(o.ids) && len(out) < limit; i++ {
		if r := o.rows[o.ids[i]]; r != nil && r.NextAt == 0 {
			out = append(out, *r)
		}
	}
	return out, nil
}

func (o *memOutbox) EndpointEvents(ctx context.Context, endpoint string, after int64, limit int) (out []store.OutboxEvent, err error) {
	all, err := o.Events(ctx, after, 1<<30)
	if err != nil || limit <= 0 {
		return nil, cmp.Or(err, errors.New("limit must be positive"))
	}
	for _, e := range all {
		if e.Endpoint == endpoint && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func (o *memOutbox) LastEvent(ctx context.Context) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Max(append(slices.Collect(maps.Keys(o.rows)), 0)), cmp.Or(ctx.Err(), o.deaf)
}

func (o *memOutbox) DueEvents(ctx context.Context, endpoint string, now int64, limit int) (out []store.OutboxEvent, err error) {
	defer time.Sleep(o.slowDue)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := cmp.Or(ctx.Err(), o.deaf); err != nil {
		return nil, err
	}
	for _, id := range o.ids {
		if r := o.rows[id]; r != nil && r.Endpoint == endpoint && r.NextAt != 0 && r.NextAt <= now && !r.Dead {
			out = append(out, *r)
		}
	}
	slices.SortStableFunc(out, func(a, b store.OutboxEvent) int { return cmp.Compare(a.NextAt, b.NextAt) })
	return out[:min(limit, len(out))], nil
}

func (o *memOutbox) Backlog(ctx context.Context, endpoint string) (b store.Backlog, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.rows {
		switch {
		case r.Endpoint != endpoint:
		case r.Dead:
			b.Dead++
		default:
			if r.NextAt > 0 {
				b.Retrying++
			} else {
				b.Waiting++
			}
			if b.Oldest == 0 || r.CreatedAt < b.Oldest {
				b.Oldest = r.CreatedAt
			}
		}
	}
	return b, ctx.Err()
}

func (o *memOutbox) Leases(context.Context) ([]store.Lease, error) { return nil, nil }

func (o *memOutbox) Update(ctx context.Context, fn func(store.Tx) error) error {
	tx := &memTx{}
	if err := fn(tx); err != nil {
		return err
	}
	defer time.Sleep(o.slow)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.updates++
	if err := cmp.Or(ctx.Err(), o.broken); err != nil {
		return err
	}
	for _, r := range tx.retries {
		row := o.rows[r.ID]
		switch {
		case row == nil:
			o.loss = append(o.loss, "retry of a deleted row "+strconv.FormatInt(r.ID, 10))
			continue
		case r.NextAt == 0 || r.Attempts == 0 || r.FailedAt == 0:
			o.loss = append(o.loss, "bad retry "+strconv.FormatInt(r.ID, 10))
		}
		row.Attempts, row.NextAt, row.FailedAt, row.Dead, row.LastError = r.Attempts, r.NextAt, r.FailedAt, r.Dead, r.Error
		if r.Attempt != nil {
			o.attempts[row.EventID] = append(o.attempts[row.EventID], *r.Attempt)
		}
	}
	for _, v := range tx.settled {
		if row := o.rows[v.ID]; row != nil {
			o.log[row.EventID] = v
		}
		tx.deletes = append(tx.deletes, v.ID)
	}
	maps.Copy(o.paused, tx.paused)
	o.pruned += tx.pruned
	for _, id := range tx.deletes {
		if o.rows[id] == nil {
			o.loss = append(o.loss, "delete of a deleted row "+strconv.FormatInt(id, 10))
		}
		delete(o.rows, id)
	}
	if len(o.ids) > 1024 && len(o.rows) < len(o.ids)/2 {
		o.ids = slices.DeleteFunc(o.ids, func(id int64) bool { return o.rows[id] == nil })
	}
	return nil
}

// memTx collects what a transaction asks for. What this package has no business
// with is not there and panics.
type memTx struct {
	store.Tx
	retries []store.Retry
	settled []store.Settled
	deletes []int64
	paused  map[string]string
	pruned  int
}

func (tx *memTx) SettleEvents(_ context.Context, events []store.Settled, _ store.LogPolicy) error {
	tx.settled = append(tx.settled, events...)
	return nil
}

func (tx *memTx) RaiseWebhookVersion(context.Context) (int64, error) { return 1, nil }

func (tx *memTx) PauseEndpoint(_ context.Context, id string, _ int64, reason string) error {
	tx.paused = map[string]string{id: reason}
	return nil
}

func (tx *memTx) PruneHookLog(context.Context, int64, int, int) (int, error) {
	tx.pruned++
	return 0, nil
}

func (tx *memTx) RetryEvents(_ context.Context, r []store.Retry) error {
	tx.retries = append(tx.retries, r...)
	return nil
}

// call is one request as the receiver saw it.
type call struct {
	at, end time.Duration // since the receiver was made
	id      string
	lane    string
	laneSeq int64
	attempt int
	status  int // that it answered; 0: none
	header  http.Header
	url     string
	body    string
	batch   string // webhook-id of the call, if the event came in a batch
	mute    bool   // the receiver itself gave no answer
}

// receiver is a business server in the place of the network.
type receiver struct {
	// reply answers a request; a nil reply is a 200. It may sleep.
	reply func(c *call) (*http.Response, error)

	start    time.Time
	mu       sync.Mutex
	calls    []call // one for each event
	requests int
	inFlight map[string]int
	most     int      // attempts at the same time
	faults   []string // two events of a lane at the same time
}

func newReceiver(reply func(c *call) (*http.Response, error)) *receiver {
	return &receiver{reply: reply, start: time.Now(), inFlight: map[string]int{}}
}

// made returns the number of requests.
func (r *receiver) made() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	get := func(k string) string { return strings.Join(req.Header[k], ",") }
	calls := []call{{id: get(headerID), body: string(body)}}
	calls[0].attempt, _ = strconv.Atoi(get(headerAttempt))
	calls[0].lane, calls[0].laneSeq = place(get(headerSequence))
	if strings.HasSuffix(req.URL.Path, "/batch") {
		if calls, err = unpack(body, get(headerID)); err != nil {
			return nil, err
		}
	}
	total := 0
	r.mu.Lock()
	for i := range calls {
		c := &calls[i]
		c.at, c.header, c.url = time.Since(r.start), req.Header, req.URL.String()
		lane := req.URL.Host + " " + c.lane // each endpoint has lanes of its own
		r.inFlight[lane]++
		if r.inFlight[lane] > 1 {
			r.faults = append(r.faults, "two events of "+lane+" in flight")
		}
	}
	for _, n := range r.inFlight {
		total += n
	}
	r.most = max(r.most, total)
	r.requests++
	r.mu.Unlock()

	// The first event that is not accepted decides for all.
	var resp *http.Response
	for i := 0; i < len(calls) && r.reply != nil && resp == nil && err == nil; i++ {
		if resp, err = r.reply(&calls[i]); resp != nil && resp.StatusCode/100 == 2 && i < len(calls)-1 {
			resp = nil
		}
	}
	mute := err != nil
	if resp == nil && err == nil {
		resp = answer(200)
	}
	if err == nil && req.Context().Err() != nil {
		resp, err = nil, req.Context().Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range calls {
		c := &calls[i]
		if resp != nil {
			c.status = resp.StatusCode
		}
		c.end, c.mute = time.Since(r.start), mute
		r.inFlight[req.URL.Host+" "+c.lane]--
	}
	r.calls = append(r.calls, calls...)
	return resp, err
}

// place reads a webhook-sequence.
func place(sequence string) (lane string, number int64) {
	lane, text, _ := strings.Cut(sequence, ";")
	number, _ = strconv.ParseInt(text, 10, 64)
	return lane, number
}

// unpack returns the events of a batch.
func unpack(body []byte, id string) (calls []call, err error) {
	var list []struct {
		batchHead
		Body json.RawMessage `json:"body"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	for _, e := range list {
		c := call{id: e.ID, attempt: e.Attempt, body: string(e.Body), batch: id}
		c.lane, c.laneSeq = place(e.Sequence)
		calls = append(calls, c)
	}
	return calls, nil
}

func (r *receiver) seen() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// ids returns the ids of the events that were accepted, in order.
func (r *receiver) ids() (ids []string) {
	for _, c := range r.seen() {
		if c.status/100 == 2 {
			ids = append(ids, c.id)
		}
	}
	return ids
}

func answer(status int, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: http.NoBody}
}

// bundle is a dispatcher with all that surrounds it.
type bundle struct {
	*testing.T
	box   *memOutbox
	recv  *receiver
	cfg   Config
	batch int // events of a batch, of the main endpoint too; 0: none
	log   *strings.Builder
	d     *Dispatcher
}

// setup makes a bundle that delivers to reply. Call it inside the bubble.
func setup(t *testing.T, reply func(c *call) (*http.Response, error)) *bundle {
	cfg := Default()
	cfg.URL = "http://receiver.test/hook"
	cfg.Rules = map[im.Command]Rule{im.AfterSingleMsgRead: {Enabled: true}}
	return &bundle{T: t, box: newOutbox(), recv: newReceiver(reply), cfg: cfg, log: &strings.Builder{}}
}

// start starts a dispatcher over the bundle's outbox.
func (b *bundle) start() {
	b.Helper()
	d, err := New(Options{
		Config: b.cfg, Outbox: b.box, Decode: decodeText, Transport: b.recv,
		Log: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
	if err != nil {
		b.Fatal(err)
	}
	d.main().plan.batch = b.batch                   // only here: the configuration has no such thing
	d.main().random = func() float64 { return 0.5 } // the middle of the spread: the schedule as it is written
	if err := d.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.d = d
}

func (b *bundle) stop() {
	b.Helper()
	if err := b.d.Stop(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.check()
}

// crash ends the dispatcher without letting it write anything more.
func (b *bundle) crash() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b.box.set(func() { b.box.broken = errors.New("crashed") })
	_ = b.d.Stop(ctx)
	b.box.set(func() { b.box.broken = nil })
}

// check reports what must never happen, whatever the test.
func (b *bundle) check() {
	b.Helper()
	for _, f := range append(b.recv.faults, b.box.loss...) {
		b.Error(f)
	}
	ep := b.d.main()
	if n := len(ep.lanes); n != 0 && ep.loaded == 0 {
		b.Errorf("%d lanes left without events", n)
	}
	if ep.bytes < 0 || ep.loaded < 0 || ep.loaded == 0 && (ep.bytes != 0 || len(ep.attempted) != 0) {
		b.Errorf("counts are off: %d loaded, %d bytes, %d attempted", ep.loaded, ep.bytes, len(ep.attempted))
	}
}

func (d *Dispatcher) main() *endpoint { return d.find(im.MainEndpoint) }

// resume ends a pause as the store and the registry would.
func (b *bundle) resume() { b.d.main().setPause(&im.Endpoint{ResumedTo: b.box.last()}, 1) }

// after sleeps in virtual time and lets everything settle.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// decodeText is the codec of the tests: a text message whose content is the body.
func decodeText(body []byte) (*im.Message, error) {
	if string(body) == "corrupt" {
		return nil, errors.New("corrupt")
	}
	return &im.Message{
		SendID: "u1", RecvID: "u2", SessionType: im.SessionSingle, ContentType: im.ContentText,
		Content: body, Status: im.StatusSending,
	}, nil
}

package webhook

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/internal/im"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	strict := &Guard{}
	loose := &Guard{AllowPrivate: true}
	own := &Guard{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	denied := &Guard{AllowPrivate: true, Deny: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("93.184.0.0/16")}}
	for _, c := range []struct {
		addr                       string
		strict, loose, own, denied bool
	}{
		{"93.184.216.34", true, true, true, false},
		{"2606:2800:220:1::1", true, true, true, true},
		{"127.0.0.1", false, true, true, true},
		{"::1", false, true, true, true},
		{"10.1.2.3", false, true, true, false},
		{"192.168.0.1", false, true, true, true},
		{"172.16.0.1", false, true, true, true},
		{"fd00::1", false, true, true, true},
		{"100.64.0.1", false, true, true, true},
		{"0.1.2.3", false, true, true, true},
		{"255.255.255.255", false, true, true, true},
		// Never:
		{"169.254.169.254", false, false, false, false},
		{"fe80::1", false, false, false, false},
		{"fd00:ec2::254", false, false, false, false},
		{"100.100.100.200", false, false, false, false},
		{"0.0.0.0", false, false, false, false},
		{"::", false, false, false, false},
		{"224.0.0.1", false, false, false, false},
		{"ff02::1", false, false, false, false},
		{"::ffff:93.184.216.34", false, false, false, false},
		{"::ffff:127.0.0.1", false, false, false, false},
		{"64:ff9b::7f00:1", false, false, false, false},
		{"2002:7f00:1::", false, false, false, false},
		{"::7f00:1", false, false, false, false},
	} {
		a := netip.MustParseAddr(c.addr)
		for _, g := range []struct {
			name  string
			guard *Guard
			want  bool
		}{{"strict", strict, c.strict}, {"loose", loose, c.loose}, {"own", own, c.own}, {"denied", denied, c.denied}} {
			if err := g.guard.Check(a); (err == nil) != g.want || err != nil && !errors.Is(err, errBlocked) {
				t.Errorf("%s: %s: %v", g.name, c.addr, err)
			}
		}
	}
}

// resolver answers every question for an IPv4 address with the next of a list.
func resolver(t *testing.T, answers ...netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var asked atomic.Int32
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			q := buf[:n]
			end := 12
			for q[end] != 0 {
				end += int(q[end]) + 1
			}
			kind := binary.BigEndian.Uint16(q[end+1:])
			out := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end+5]...)
			if kind == 1 {
				a := answers[min(int(asked.Add(1))-1, len(answers)-1)].As4()
				out[7] = 1
				out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				out = append(out, a[:]...)
			}
			_, _ = conn.WriteTo(out, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// TestNameThatTurnsPrivate: the address is looked at when it is connected to, so a
// name that was harmless before does not help.
func TestNameThatTurnsPrivate(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer srv.Close()
	port := srv.URL[strings.LastIndex(srv.URL, ":"):]
	cfg := Default()
	// 127.0.0.1 stands for an address outside that may be reached.
	cfg.Guard = Guard{
		Allow:    []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Resolver: resolver(t, netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")),
	}
	e := im.Endpoint{ID: "ep_a", URL: "http://rebinding.test" + port, Secrets: []im.EndpointSecret{{Key: testSecret}}}
	if err := CheckEndpoint(&cfg, &e); err != nil {
		t.Fatal(err)
	}
	p, err := endpointPlan(&cfg, &e, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newTestSender(t, srv.URL, nil)
	send := func() result {
		p.transport.(*http.Transport).CloseIdleConnections()
		return newSender(s.ep, p).send(t.Context(), readItem())
	}
	if r := send(); r.kind != delivered {
		t.Fatalf("before: %+v", r)
	}
	if r := send(); r.kind != failed || r.class != "blocked" || !strings.Contains(r.reason, "private") {
		t.Errorf("after: %+v", r)
	}
	if reached.Load() != 1 {
		t.Errorf("reached %d times", reached.Load())
	}
	p.close()
}

func TestProxyIsUsed(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Host }))
	defer proxy.Close()
	s := newTestSender(t, "http://nowhere.test/hook", func(c *Config) { c.Proxy = proxy.URL })
	if r := s.send(t.Context(), readItem()); r.kind != delivered {
		t.Fatalf("%+v", r)
	}
	equal(t, "host", <-asked, "nowhere.test")
}

func TestAsymmetricSignature(t *testing.T) {
	t.Parallel()
	for range 2 {
		text := NewSigningKey()
		key, err := parseSigningKey(text)
		if err != nil {
			t.Fatal(err)
		}
		public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(PublicKey(text), "whpk_"))
		if err != nil {
			t.Fatal(err)
		}
		got := string(key.mac().append(nil, "evt_1", "1718000000", []byte(`{"a":1}`)))
		signature, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(got, "v1a,"))
		if err != nil || !ed25519.Verify(public, []byte(`evt_1.1718000000.{"a":1}`), signature) {
			t.Errorf("%s is not valid: %v", got, err)
		}
	}
	// RFC 8032 7.1, test 2: the key, and what it makes of one byte.
	seed := "TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs="
	if got := PublicKey("whsk_" + seed); got != "whpk_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=" {
		t.Errorf("public key %s", got)
	}
	for _, bad := range []string{"", "whsec_" + seed, "whsk_x", "whsk_" + seed[:8], "whsk_" + base64.StdEncoding.EncodeToString(make([]byte, 64))} {
		if _, err := parseSigningKey(bad); err == nil || PublicKey(bad) != "" || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestSecretsOfEndpoints: the old secret signs until its time is over.
func TestSecretsOfEndpoints(t *testing.T) {
	t.Parallel()
	cfg := Default()
	old := "whsec_" + strings.Repeat("QUJD", 8)
	now := time.Now()
	e := im.Endpoint{ID: "ep_a", URL: "http://a.test", SigningKey: NewSigningKey(), Secrets: []im.EndpointSecret{
		{Key: testSecret}, {Key: old, ValidTo: now.Add(time.Hour).UnixMilli()},
	}}
	p, err := endpointPlan(&cfg, &e, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newSender(newTestSender(t, "http://a.test", nil).ep, p)
	schemes := func(at time.Time) (out []string) {
		target := target{url: &url.URL{Scheme: "http", Host: "a.test"}}
		header := s.request(t.Context(), readItem(), target, "", []byte("x"), at).Header[headerSignature]
		for _, one := range strings.Fields(strings.Join(header, " ")) {
			scheme, _, _ := strings.Cut(one, ",")
			out = append(out, scheme)
		}
		return out
	}
	equal(t, "both", schemes(now), []string{"v1", "v1", "v1a"})
	equal(t, "the new one", schemes(now.Add(time.Hour)), []string{"v1", "v1a"})
	p.close()
}

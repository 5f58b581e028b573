package e2e

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
)

// moment is when something happens to a request that crosses a [crossing].
type moment int

const (
	onArrival  moment = iota // before it is passed on
	carriedOut               // the answer has come, but is not passed back
)

// crossing stands before a server, passes everything on, and does something at one
// moment of one request. Whoever asked then gets no answer.
type crossing struct {
	URL string

	mu     sync.Mutex
	wanted func(*http.Request) bool // nil: none is waited for
	when   moment
	do     func()
}

// startCrossing passes on to the server at a base URL until the test ends.
func startCrossing(t *testing.T, to string) *crossing {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	c := &crossing{}
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true} // who is asked may have been killed
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		do, when := c.at(r)
		if do != nil && when == onArrival {
			do()
			panic(http.ErrAbortHandler)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		// Who asked may be killed meanwhile: that must not keep the request from being carried out.
		out, err := http.NewRequest(r.Method, u.Scheme+"://"+u.Host+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		out.Header, out.Host = r.Header.Clone(), r.Host // the signature is over the host
		resp, err := transport.RoundTrip(out)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if do != nil {
			do()
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), resp.Header)
		w.WriteHeader(resp.StatusCode)
		_, _ = w.Write(answer) // who asked may be gone
	}))
	t.Cleanup(srv.Close)
	c.URL = srv.URL
	return c
}

// once does something at a moment of the next request that is wanted. The channel it
// returns is closed when it has been done.
func (c *crossing) once(wanted func(*http.Request) bool, when moment, do func()) <-chan struct{} {
	done := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted, c.when = wanted, when
	c.do = func() { do(); close(done) }
	return done
}

func (c *crossing) at(r *http.Request) (do func(), when moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wanted == nil || !c.wanted(r) {
		return nil, 0
	}
	c.wanted = nil
	return c.do, c.when
}

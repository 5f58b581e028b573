package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestEveryRowIsServed sends a request to each row of the protocol's tables: none is
// answered as if there were no such route, or as if it were not built.
func TestEveryRowIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	served := 0
	for _, r := range readConformance(t) {
		method, path, direct := strings.Cut(r.path, " ")
		if !direct {
			method, path = http.MethodPost, r.path
		}
		served++
		if strings.HasSuffix(path, "/") { // a file that is not there is answered so
			if w.api.find(httptest.NewRequest(method, path+"file", nil)) == nil {
				t.Errorf("%s is not served", r.path)
			}
			continue
		}
		as, body := sample(path)
		if as == "" {
			as = "alice"
		}
		req := httptest.NewRequest(method, path, strings.NewReader(body))
		req.Header = w.plain(as)
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, req)
		if text := rec.Body.String(); strings.Contains(text, "page not found") || strings.Contains(text, "not built") || strings.Contains(text, "not implemented") {
			t.Errorf("%s: HTTP %d %s", r.path, rec.Code, text)
		}
	}
	if served < 150 {
		t.Errorf("only %d rows", served)
	}
}

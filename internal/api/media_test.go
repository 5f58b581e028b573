package api

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"parley/internal/im"
	"parley/internal/object"
	"parley/internal/store"
)

// must is a POST that succeeds, and the data of its answer.
func (w *world) must(as, path, body string) map[string]any {
	w.tb.Helper()
	status, answer := w.post(request{as, path, body})
	var e struct {
		ErrCode int
		Data    map[string]any
	}
	if err := json.Unmarshal(answer, &e); err != nil || status != 200 || e.ErrCode != 0 {
		w.tb.Fatalf("%s %s: HTTP %d %s", path, body, status, answer)
	}
	return e.Data
}

func sumOf(data []byte) string {
	h := md5.Sum(data)
	return hex.EncodeToString(h[:])
}

// upload uploads a file of one part and returns the path of its public URL.
func (w *world) upload(as, name, contentType string, data []byte) string {
	w.tb.Helper()
	sum := sumOf(data)
	quoted, _ := json.Marshal(name)
	w.must(as, "/object/initiate_multipart_upload", fmt.Sprintf(`{"hash":%q,"size":%d,"maxParts":1,"name":%s,"contentType":%q}`, object.Hash([]string{sum}), len(data), quoted, contentType))
	if status := w.sendFile("PUT", w.vars["part1"], string(data)); status != 200 {
		w.tb.Fatalf("part: HTTP %d", status)
	}
	d := w.must(as, "/object/complete_multipart_upload", fmt.Sprintf(`{"uploadID":%q,"parts":[%q],"name":%s,"contentType":%q}`, w.vars["uploadID"], sum, quoted, contentType))
	return strings.TrimPrefix(d["url"].(string), w.url)
}

// fetch is a GET that follows no redirect.
func (w *world) fetch(method, address string, header http.Header) (int, []byte, http.Header) {
	w.tb.Helper()
	if strings.HasPrefix(address, "/") {
		address = w.url + address
	}
	r, err := http.NewRequest(method, address, nil)
	if err != nil {
		w.tb.Fatal(err)
	}
	r.Header = header
	c := *w.client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(r)
	if err != nil {
		w.tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.tb.Fatal(err)
	}
	return resp.StatusCode, body, resp.Header
}

// content follows the redirect of a public URL.
func (w *world) content(path string, header http.Header) (int, []byte, http.Header) {
	w.tb.Helper()
	status, body, h := w.fetch("GET", path, http.Header{})
	if status != 302 || len(body) != 0 {
		w.tb.Fatalf("%s: HTTP %d %s", path, status, body)
	}
	return w.fetch("GET", h.Get("Location"), header)
}

// TestDownload fetches files by their public URL: whole, in ranges, and not at all.
func TestDownload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	data := bytes.Repeat([]byte("0123456789"), 1000)
	path := w.upload("alice", "alice/dir/a b.bin", "application/zip", data)
	if path != "/object/alice/dir/a b.bin" {
		t.Errorf("the public URL is %s", path)
	}
	path = strings.ReplaceAll(path, " ", "%20")

	status, body, h := w.content(path, http.Header{})
	if status != 200 || !bytes.Equal(body, data) || h.Get("Content-Length") != "10000" {
		t.Errorf("HTTP %d, %d bytes", status, len(body))
	}
	for k, want := range map[string]string{
		"Content-Type": "application/zip", "Content-Disposition": "attachment; filename*=UTF-8''a%20b.bin", "Accept-Ranges": "bytes",
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox", "Access-Control-Allow-Origin": "*",
	} {
		if got := h.Get(k); got != want {
			t.Errorf("%s: %q, want %q", k, got, want)
		}
	}
	tag := h.Get("ETag")
	for _, c := range []struct {
		header, value string
		status        int
		want, rang    string
	}{
		{"Range", "bytes=10-14", 206, "01234", "bytes 10-14/10000"},
		{"Range", "bytes=-3", 206, "789", "bytes 9997-9999/10000"},
		{"Range", "bytes=9995-", 206, "56789", "bytes 9995-9999/10000"},
		{"Range", "bytes=10000-", 416, "invalid range: failed to overlap\n", "bytes */10000"},
		{"If-None-Match", tag, 304, "", ""},
	} {
		status, body, h := w.content(path, http.Header{c.header: {c.value}})
		if status != c.status || string(body) != c.want || h.Get("Content-Range") != c.rang {
			t.Errorf("%s %s: HTTP %d %.40q %s", c.header, c.value, status, body, h.Get("Content-Range"))
		}
	}
	status, body, h = w.fetch("HEAD", path, http.Header{})
	location := h.Get("Location")
	if status != 302 || len(body) != 0 {
		t.Errorf("HEAD: HTTP %d", status)
	}
	if status, body, h = w.fetch("HEAD", location, http.Header{}); status != 200 || len(body) != 0 || h.Get("Content-Length") != "10000" {
		t.Errorf("HEAD of the content: HTTP %d %v", status, h)
	}

	for address, want := range map[string]int{
		"/object/": 404, "/object/alice/b": 404, "/object/alice/dir": 404, "/object/" + strings.Repeat("x", 2000): 404,
		path + "?type=video": 400, path + "?type=image": 500, "/object/alice/dir/../dir/a%20b.bin": 404,
		location + "0": 403, strings.Replace(location, "zip", "pdf", 1): 403, strings.Replace(location, "/data/", "/form/", 1): 403,
		strings.Split(location, "?")[0]: 403, "/media/content/": 403, "/media/content/../../parley.db": 403, "/media/": 404,
	} {
		status, body, h := w.fetch("GET", address, http.Header{})
		if status != want || h.Get("Content-Type") != "text/plain" || len(body) == 0 {
			t.Errorf("%s: HTTP %d %q, want %d", address, status, body, want)
		}
	}
	w.clock.Add(7 * 24 * 3600_000)
	if status, body, _ := w.fetch("GET", location, http.Header{}); status != 403 || string(body) != "the address has expired" {
		t.Errorf("expired: HTTP %d %s", status, body)
	}
}

// TestActiveContent: what could run in a browser is saved, never shown.
func TestActiveContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, contentType := range []string{"text/html", "image/svg+xml", "application/javascript", "application/xhtml+xml; charset=x", "text/xml", ""} {
		path := w.upload("alice", fmt.Sprintf("alice/%d", i), contentType, fmt.Appendf(nil, "<script>alert(%d)</script>", i))
		for _, query := range []string{"", "?type=image&width=2000"} {
			status, _, h := w.content(path+query, http.Header{})
			if status != 200 || h.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") {
				t.Errorf("%s%s: HTTP %d, %s, %s", contentType, query, status, h.Get("Content-Type"), h.Get("Content-Disposition"))
			}
		}
	}
}

// TestThumbnails asks for images in many forms.
func TestThumbnails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 400, 200))); err != nil {
		t.Fatal(err)
	}
	path := w.upload("alice", "alice/p.png", "image/png", b.Bytes())
	for query, want := range map[string]string{
		"width=100&height=100":             "image/png png 100x50",
		"width=100&height=10":              "image/png png 20x10",
		"width=100&height=10&format=png":   "image/png png 20x10",
		"width=100&format=jpg":             "image/jpeg jpeg 100x50",
		"width=100&height=x&format=gif":    "image/gif gif 100x50",
		"":                                 "image/png png 400x200",
		"width=1000&height=1000":           "image/png png 400x200",
		"width=1024&height=0&format=jpeg":  "image/jpeg jpeg 400x200",
		"width=2000&height=10&format=jpeg": "image/png png 400x200",
		"width=-1&height=-1":               "image/png png 400x200",
	} {
		for range 2 { // made, and then kept
			status, body, h := w.content(path+"?type=image&"+query, http.Header{})
			config, format, err := image.DecodeConfig(bytes.NewReader(body))
			got := fmt.Sprintf("%s %s %dx%d", h.Get("Content-Type"), format, config.Width, config.Height)
			if status != 200 || err != nil || got != want || h.Get("Content-Disposition") != "" {
				t.Errorf("%q: HTTP %d, %s, %v; want %s", query, status, got, err, want)
			}
		}
	}
	// One address for one thumbnail, however it is asked for; and not more than some are kept.
	_, _, first := w.fetch("GET", path+"?type=image&width=90&height=45", http.Header{})
	_, _, second := w.fetch("GET", path+"?type=image&width=90&height=1000", http.Header{})
	if place(t, first) != place(t, second) {
		t.Error("two thumbnails of one size")
	}
	for n := range 40 {
		if status, _, _ := w.content(fmt.Sprintf("%s?type=image&width=%d", path, n+1), http.Header{}); status != 200 {
			t.Errorf("width %d: HTTP %d", n+1, status)
		}
	}
	o, err := w.store.Object(t.Context(), "alice/p.png")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := w.store.ObjectThumbnails(t.Context(), o.Key)
	if err != nil || len(kept) > 16 || len(kept) == 0 {
		t.Errorf("%d thumbnails are kept, %v", len(kept), err)
	}
	// Those that were dropped are removed by the cleaner, those that are kept are not.
	for more := true; more; {
		if more, err = w.svc.CleanObjects(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
	}
	if garbage, err := w.store.ObjectGarbage(t.Context(), 10); err != nil || len(garbage) > 0 {
		t.Errorf("garbage: %v %v", garbage, err)
	}
	if status, _, _ := w.content(path+"?type=image&width=40", http.Header{}); status != 200 {
		t.Errorf("a thumbnail that is kept: HTTP %d", status)
	}
}

func place(t *testing.T, h http.Header) string {
	t.Helper()
	u, err := url.Parse(h.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return u.Path
}

// TestParts sends what is no good to the address of a part.
func TestParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must("alice", "/object/initiate_multipart_upload", fmt.Sprintf(`{"hash":%q,"size":5,"maxParts":1,"name":"alice/a"}`, helloHash))
	part := w.vars["part1"]
	for _, c := range []struct {
		name, way, address, data string
		status                   int
	}{
		{"ok", "PUT", part, "hello", 200},
		{"again", "PUT", part, "hallo", 200},
		{"too short", "PUT", part, "hell", 400},
		{"too long", "PUT", part, "hello!", 400},
		{"another size in the address", "PUT", strings.Replace(part, "size=5", "size=6", 1), "hello!", 403},
		{"no size", "PUT", strings.Replace(part, "&size=5", "", 1), "hello", 403},
		{"another part", "PUT", strings.Replace(part, "/1?", "/2?", 1), "hello", 403},
		{"no signature", "PUT", strings.Split(part, "?")[0], "hello", 403},
		{"outside", "PUT", w.url + "/media/part/..%2f..%2fx/1?size=5", "hello", 403},
		{"as a form", "FORM", strings.Replace(part, "/part/", "/form/", 1), "hello", 403},
		{"by POST", "POST", part, "hello", 200}, // the protocol's answer to a POST without headers
		{"by GET", "GET", part, "", 404},
	} {
		if status := w.sendFile(c.way, c.address, c.data); status != c.status {
			t.Errorf("%s: HTTP %d, want %d", c.name, status, c.status)
		}
	}
	// What a browser asks before it sends a part.
	status, _, h := w.send("OPTIONS", strings.TrimPrefix(part, w.url), "", http.Header{"Origin": {"http://app.test"}, "Access-Control-Request-Method": {"PUT"}})
	if status != 200 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Methods") != "*" {
		t.Errorf("preflight: HTTP %d %v", status, h)
	}
	w.clock.Add(7 * 24 * 3600_000)
	if status := w.sendFile("PUT", part, "hello"); status != 403 {
		t.Errorf("expired: HTTP %d", status)
	}
	if status, answer := w.post(request{"alice", "/object/complete_multipart_upload", fmt.Sprintf(`{"uploadID":%q,"parts":[%q],"name":"alice/a"}`, w.vars["uploadID"], helloSum)}); status != 200 || !strings.Contains(string(answer), `"errCode":1701,"errMsg":"FileUploadedExpiredError"`) {
		t.Errorf("completing too late: %s", answer)
	}
}

// TestForms sends what is no good to the address of a form.
func TestForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must("alice", "/object/initiate_form_data", `{"name":"alice/a","size":5}`)
	post := func(contentType string, body []byte) int {
		t.Helper()
		r, err := http.NewRequest("POST", w.vars["url"], bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		resp, err := w.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	good, contentType := formOf(t, "file", "hello")
	other, otherType := formOf(t, "picture", "hello")
	large, largeType := formOf(t, "file", "hello!")
	field, fieldType := formOf(t, "x", strings.Repeat("x", maxFormField+1))
	many := bytes.Repeat([]byte("--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n"), maxFormFields+1)
	for _, c := range []struct {
		name, contentType string
		body              []byte
		status            int
	}{
		{"no form", "application/json", []byte("{}"), 400},
		{"no boundary", "multipart/form-data", good, 400},
		{"cut", contentType, good[:len(good)-70], 400},
		{"no file", otherType, other, 400},
		{"too large", largeType, large, 400},
		{"large field", fieldType, field, 400},
		{"many fields", "multipart/form-data; boundary=b", many, 400},
		{"ok", contentType, good, 200},
		{"again", contentType, good, 409},
	} {
		if status := post(c.contentType, c.body); status != c.status {
			t.Errorf("%s: HTTP %d, want %d", c.name, status, c.status)
		}
	}
}

// TestBases: how addresses begin that are given out.
func TestBases(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ public, header, want string }{
		{"", "", ""},
		{"", "https://proxy.test/api", "https://proxy.test/api/"},
		{"", "https://proxy.test/api/", "https://proxy.test/api/"},
		{"https://im.test/x/", "", "https://im.test/x/"},
		{"https://im.test", "https://proxy.test/api", "https://im.test/"},
	} {
		w := newWorld(t, func(o *Options) { o.PublicURL = c.public })
		want := c.want
		if want == "" {
			want = w.url + "/"
		}
		h := w.plain("alice")
		if c.header != "" {
			h.Set("X-Request-Api", c.header)
		}
		_, answer, _ := w.send("POST", "/object/initiate_multipart_upload", fmt.Sprintf(`{"hash":%q,"size":5,"maxParts":1,"name":"alice/a"}`, helloHash), h)
		w.rememberUpload(answer)
		part := w.vars["part1"]
		if !strings.HasPrefix(part, want+"media/part/") {
			t.Errorf("%+v: part %s", c, part)
		}
		w.sendFile("PUT", w.url+"/"+strings.TrimPrefix(part, want), helloText)
		_, answer, _ = w.send("POST", "/object/complete_multipart_upload", fmt.Sprintf(`{"uploadID":%q,"parts":[%q],"name":"alice/a"}`, w.vars["uploadID"], helloSum), h)
		if !strings.Contains(string(answer), fmt.Sprintf(`"url":%q`, want+"object/alice/a")) {
			t.Errorf("%+v: %s", c, answer)
		}
		get := http.Header{}
		if c.header != "" {
			get.Set("X-Request-Api", c.header)
		}
		if _, _, h := w.fetch("GET", "/object/alice/a", get); !strings.HasPrefix(h.Get("Location"), want+"media/content/") {
			t.Errorf("%+v: Location %s", c, h.Get("Location"))
		}
	}
}

// TestNoMedia: where files are kept elsewhere the server takes no bytes itself.
func TestNoMedia(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Media = nil })
	for way, path := range map[string]string{"PUT": partPath + "x/1", "FORM": formPath + "x", "GET": contentPath + "x", "HEAD": contentPath + "x"} {
		if status := w.sendFile(way, w.url+path, ""); status != 404 {
			t.Errorf("%s %s: HTTP %d", way, path, status)
		}
	}
}

// TestOpenUploads: one user's open uploads are bounded, and the cleaner gives room again.
func TestOpenUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begin := func(as string, n int) string {
		_, answer := w.post(request{as, "/object/initiate_multipart_upload", fmt.Sprintf(`{"hash":"%032x","size":104857600,"name":"%s/a"}`, n, as)})
		return string(answer)
	}
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		for n := range 999 {
			err := tx.InsertUpload(t.Context(), im.ObjectUpload{ID: fmt.Sprint(n), UserID: "alice", Key: fmt.Sprint("k", n), Parts: 20, ExpireTime: w.clock.Load()})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if a := begin("alice", 999); !strings.HasPrefix(a, `{"errCode":0,`) {
		t.Errorf("the last one: %s", a)
	}
	if a := begin("alice", 1000); !strings.Contains(a, `"errCode":1001`) || !strings.Contains(a, "too many uploads are open") {
		t.Errorf("one more: %s", a)
	}
	if a := begin("bob", 0); !strings.HasPrefix(a, `{"errCode":0,`) {
		t.Errorf("of another user: %s", a)
	}
	w.clock.Add(7*24*3600_000 + 3600_000 + 10_000)
	for more := true; more; {
		var err error
		if more, err = w.svc.CleanObjects(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
	}
	if n, p, err := w.store.OpenUploads(t.Context(), "alice"); n != 0 || p != 0 || err != nil {
		t.Errorf("%d uploads with %d parts are still open, %v", n, p, err)
	}
	if a := begin("alice", 1001); !strings.HasPrefix(a, `{"errCode":0,`) {
		t.Errorf("after the cleaning: %s", a)
	}
}

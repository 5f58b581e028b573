package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"parley/imtest"
)

// TestObjects uploads and fetches files by way of the API, from both storages.
func TestObjects(t *testing.T) {
	onStorages(t, func(t *testing.T, s *imtest.Server) {
		ann := newUploader(t, s.Caller, "ann")
		bob := newUploader(t, s.Caller, "bob")
		t.Run("sizes", func(t *testing.T) { uploadSizes(t, ann) })
		t.Run("known", func(t *testing.T) { uploadKnown(t, ann, bob) })
		t.Run("cut", func(t *testing.T) { uploadCut(t, ann) })
		t.Run("refused", func(t *testing.T) { uploadRefused(t, ann, bob) })
		t.Run("signatures", func(t *testing.T) { uploadSignatures(t, ann) })
		t.Run("download", func(t *testing.T) { download(t, ann) })
		t.Run("thumbnails", func(t *testing.T) { thumbnails(t, ann) })
		t.Run("form", func(t *testing.T) { uploadForm(t, ann) })
		t.Run("parallel", func(t *testing.T) { uploadParallel(t, ann) })
	})
	http.DefaultClient.CloseIdleConnections()
}

// uploadSizes tries the edges of parts, and more parts than are signed at once.
func uploadSizes(t *testing.T, u *uploader) {
	for _, size := range []int{1, minPart - 1, minPart, minPart + 1, 2 * minPart, 21*minPart + 1} {
		f, name := randomFile(size), fmt.Sprintf("size-%d", size)
		address, err := u.upload(f, name, "application/zip")
		if err != nil {
			t.Errorf("%d bytes: %v", size, err)
			continue
		}
		if !strings.HasSuffix(address, "/object/ann/"+name) {
			t.Errorf("the public URL is %s", address)
		}
		wantContent(t, address, f.data)
	}
}

// uploadKnown: what one has uploaded others need not.
func uploadKnown(t *testing.T, ann, bob *uploader) {
	f := randomFile(1000)
	if _, err := ann.upload(f, "mine", ""); err != nil {
		t.Fatal(err)
	}
	b, err := bob.begin(f, "also", "image/png")
	if err != nil || b.Upload != nil || !strings.HasSuffix(b.URL, "/object/bob/also") {
		t.Fatalf("%+v %v", b, err)
	}
	wantContent(t, b.URL, f.data)
	// Both had begun before one of them was done; and a name can get another content.
	g := randomFile(minPart + 5)
	first, err1 := ann.begin(g, "mine", "")
	second, err2 := bob.begin(g, "also", "")
	if err := errors.Join(err1, err2, ann.send(g, first), bob.send(g, second)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, one := range []struct {
			u    *uploader
			b    begunUpload
			name string
		}{{ann, first, "mine"}, {bob, second, "also"}} {
			address, err := one.u.complete(one.b, g.sums(), one.name, "")
			if err != nil {
				t.Fatal(err)
			}
			wantContent(t, address, g.data)
		}
	}
}

// uploadCut breaks a connection in the middle of a part and goes on with that part.
func uploadCut(t *testing.T, u *uploader) {
	f := randomFile(minPart + 1000)
	b, err := u.begin(f, "cut", "")
	if err != nil {
		t.Fatal(err)
	}
	if status, err := b.Upload.Sign.put(2, f.parts[1].data); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	address, _, err := b.Upload.Sign.address(1)
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		conn, err := net.Dial("tcp", to.Host)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", to.RequestURI(), to.Host, minPart)
		if _, err := conn.Write(f.data[:minPart/2]); err != nil {
			t.Error(err)
		}
		if err := conn.(*net.TCPConn).SetLinger(0); err != nil { // a reset, not an end
			t.Error(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := u.complete(b, f.sums(), "cut", ""); err == nil {
		t.Error("completed without its first part")
	}
	if status, err := b.Upload.Sign.put(1, f.parts[0].data); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	done, err := u.complete(b, f.sums(), "cut", "")
	if err != nil {
		t.Fatal(err)
	}
	wantContent(t, done, f.data)
}

func wantCode(t testing.TB, what string, err error, code int) {
	t.Helper()
	var refused *imtest.Error
	if !errors.As(err, &refused) || refused.Code != code {
		t.Errorf("%s: %v, want errCode %d", what, err, code)
	}
}

// uploadRefused completes what is not as it was announced.
func uploadRefused(t *testing.T, ann, bob *uploader) {
	small, large := randomFile(1000), randomFile(minPart+1)
	b, err := ann.begin(small, "small", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = ann.complete(b, small.sums(), "small", "")
	wantCode(t, "nothing sent", err, 500)
	wrong := bytes.Clone(small.data)
	wrong[0]++
	if status, err := b.Upload.Sign.put(1, wrong); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	_, err = ann.complete(b, small.sums(), "small", "")
	wantCode(t, "another content", err, 1001)
	_, err = bob.complete(b, small.sums(), "small", "")
	wantCode(t, "an upload of somebody else", err, 1002)
	_, err = ann.complete(b, large.sums(), "small", "")
	wantCode(t, "sums of another file", err, 500)
	if status, _, _, err := fetch(ann.c.URL("/object/ann/small"), nil); err != nil || status != 404 {
		t.Errorf("there is a file: HTTP %d %v", status, err)
	}
	if b, err = ann.begin(large, "large", ""); err != nil {
		t.Fatal(err)
	}
	if status, err := b.Upload.Sign.put(2, large.parts[1].data); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	_, err = ann.complete(b, large.sums(), "large", "")
	wantCode(t, "a part missing", err, 500)
	wantCode(t, "part 3 of 2", ann.c.Post(ann.token, "/object/auth_sign", imtest.H{"uploadID": b.Upload.UploadID, "partNumbers": []int{3}}, nil), 500)
}

// uploadSignatures: an address is good for what it was signed for, and no more.
func uploadSignatures(t *testing.T, u *uploader) {
	f := randomFile(minPart + 1)
	b, err := u.begin(f, "signed", "")
	if err != nil {
		t.Fatal(err)
	}
	last, h, err := b.Upload.Sign.address(2)
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(last)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, change func(q url.Values, u *url.URL)) {
		t.Helper()
		changed, q := *to, to.Query()
		change(q, &changed)
		changed.RawQuery = q.Encode()
		if status, err := put(changed.String(), h, strings.NewReader("x"), 1); err != nil || status < 400 || status >= 500 {
			t.Errorf("%s: HTTP %d %v", what, status, err)
		}
	}
	for key := range to.Query() {
		refused("without "+key, func(q url.Values, _ *url.URL) { q.Del(key) })
		refused("another "+key, func(q url.Values, _ *url.URL) { q.Set(key, q.Get(key)+"1") })
	}
	refused("another path", func(_ url.Values, u *url.URL) { u.Path += "0" })
	if err := u.send(f, b); err != nil {
		t.Fatal(err)
	}
	done, err := u.complete(b, f.sums(), "signed", "")
	if err != nil {
		t.Fatal(err)
	}
	// The address is still young, but the upload is over: nobody changes what is stored.
	if status, err := put(last, h, strings.NewReader("x"), 1); err != nil || status < 400 || status >= 500 {
		t.Errorf("a part after completion: HTTP %d %v", status, err)
	}
	wantContent(t, done, f.data)
}

// download fetches whole files, ranges, and what must not be shown.
func download(t *testing.T, u *uploader) {
	f := randomFile(minPart + 1000)
	address, err := u.upload(f, "a b.zip", "application/zip")
	if err != nil {
		t.Fatal(err)
	}
	address = strings.ReplaceAll(address, " ", "%20")
	status, body, h, err := fetch(address, http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", minPart-10, minPart+9)}})
	if err != nil || status != 206 || !bytes.Equal(body, f.data[minPart-10:minPart+10]) {
		t.Errorf("range over two parts: HTTP %d, %d bytes, %v", status, len(body), err)
	}
	if got := h.Get("Content-Type"); got != "application/zip" {
		t.Errorf("content type %q", got)
	}
	if got := h.Get("Content-Disposition"); got != "attachment; filename*=UTF-8''a%20b.zip" {
		t.Errorf("disposition %q", got)
	}
	page, err := u.upload(newFile([]byte("<script>alert(1)</script>")), "x.html", "text/html")
	if err != nil {
		t.Fatal(err)
	}
	if status, _, h, err := fetch(page, nil); err != nil || status != 200 || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") {
		t.Errorf("a page: HTTP %d %v %v", status, h, err)
	}
	if status, _, h, err := fetch(page+"?type=image&width=2000", nil); err != nil || status != 200 || strings.Contains(h.Get("Content-Type"), "html") {
		t.Errorf("a page as an image: HTTP %d %v %v", status, h, err)
	}
	var access struct{ URL string }
	if err := u.c.Post(u.token, "/object/access_url", imtest.H{"name": "ann/a b.zip"}, &access); err != nil {
		t.Fatal(err)
	}
	wantContent(t, access.URL, f.data)
	if status, _, _, err := fetch(strings.Replace(access.URL, "a%2520b", "evil", 1)+"1", nil); err != nil || status != 403 && status != 400 {
		t.Errorf("a changed address: HTTP %d %v", status, err)
	}
}

func thumbnails(t *testing.T, u *uploader) {
	img := image.NewNRGBA(image.Rect(0, 0, 800, 400))
	for i := range img.Pix {
		img.Pix[i] = byte(i * 7)
	}
	img.Set(0, 0, color.White)
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	address, err := u.upload(newFile(b.Bytes()), "p.png", "image/png")
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"width=640&height=640":           "image/png png 640x320",
		"width=100&format=jpg":           "image/jpeg jpeg 100x50",
		"width=800&height=400&format=":   "image/png png 800x400",
		"width=2000&height=1&format=gif": "image/png png 800x400",
	} {
		for range 2 {
			status, body, h, err := fetch(address+"?type=image&"+query, nil)
			if err != nil {
				t.Fatal(err)
			}
			config, format, err := image.DecodeConfig(bytes.NewReader(body))
			if got := fmt.Sprintf("%s %s %dx%d", h.Get("Content-Type"), format, config.Width, config.Height); err != nil || status != 200 || got != want {
				t.Errorf("%s: HTTP %d, %s, %v; want %s", query, status, got, err, want)
			}
		}
	}
}

// uploadForm uploads as a browser's form does.
func uploadForm(t *testing.T, u *uploader) {
	var f struct {
		ID, URL, File string
		FormData      map[string]string
	}
	const text = "from a form"
	if err := u.c.Post(u.token, "/object/initiate_form_data", imtest.H{"name": "ann/form.txt", "size": len(text), "contentType": "text/plain"}, &f); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "nothing sent", u.c.Post(u.token, "/object/complete_form_data", imtest.H{"id": f.ID}, nil), 500)
	post := func(text string) int {
		t.Helper()
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		for k, v := range f.FormData {
			if err := m.WriteField(k, v); err != nil {
				t.Fatal(err)
			}
		}
		part, err := m.CreateFormFile(f.File, "form.txt")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		resp, err := http.Post(f.URL, m.FormDataContentType(), &b)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if status := post(text + " that is too long"); status < 400 || status >= 500 {
		t.Errorf("too much: HTTP %d", status)
	}
	if status := post(text); status != 200 {
		t.Fatalf("HTTP %d", status)
	}
	var done struct{ URL string }
	if err := u.c.Post(u.token, "/object/complete_form_data", imtest.H{"id": f.ID}, &done); err != nil {
		t.Fatal(err)
	}
	wantContent(t, done.URL, []byte(text))
}

// uploadParallel uploads a hundred files at once.
func uploadParallel(t *testing.T, u *uploader) {
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			f := randomFile(100_000 + i)
			address, err := u.upload(f, fmt.Sprintf("parallel-%d", i), "")
			if err != nil {
				t.Errorf("upload %d: %v", i, err)
				return
			}
			wantContent(t, address, f.data)
		})
	}
	wg.Wait()
}

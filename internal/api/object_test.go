package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

// rememberUpload keeps of an upload that was begun its id and its addresses, for
// expand: $uploadID, $part1 and so on, $url.
func (w *world) rememberUpload(answer []byte) {
	var e struct {
		Data struct {
			URL    string
			Upload *struct {
				UploadID string
				Sign     struct {
					Parts []struct {
						PartNumber int
						URL        string
					}
				}
			}
		}
	}
	if json.Unmarshal(answer, &e) != nil {
		return
	}
	if e.Data.URL != "" {
		w.vars["url"] = e.Data.URL
	}
	if e.Data.Upload == nil {
		return
	}
	w.vars["uploadID"] = e.Data.Upload.UploadID
	for _, p := range e.Data.Upload.Sign.Parts {
		w.vars[fmt.Sprintf("part%d", p.PartNumber)] = p.URL
	}
}

// sendFile sends bytes where an upload says: by PUT, or as the file of a FORM.
func (w *world) sendFile(way, address, data string) int {
	w.tb.Helper()
	body, contentType := []byte(data), ""
	if way == "FORM" {
		way = http.MethodPost
		body, contentType = formOf(w.tb, "file", data)
	}
	r, err := http.NewRequest(way, address, bytes.NewReader(body))
	if err != nil {
		w.tb.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	resp, err := w.client.Do(r)
	if err != nil {
		w.tb.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		w.tb.Fatal(err)
	}
	return resp.StatusCode
}

// formOf is a form with a field and a file.
func formOf(tb testing.TB, field, data string) (body []byte, contentType string) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	if err := m.WriteField("key", "value"); err != nil {
		tb.Fatal(err)
	}
	f, err := m.CreateFormFile(field, "name.png")
	if err == nil {
		_, err = f.Write([]byte(data))
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b.Bytes(), m.FormDataContentType()
}

// The content of most scenarios: its MD5, and the hash of the upload.
const (
	helloText = "hello"
	helloSum  = "5d41402abc4b2a76b9719d911017c592"
	helloHash = "69a329523ce1ec88bf63061863d9cb14"
)

// objectScenarios is the JSON routes of /object.
func objectScenarios() []scenario {
	const (
		limit        = "/object/part_limit"
		size         = "/object/part_size"
		initiate     = "/object/initiate_multipart_upload"
		sign         = "/object/auth_sign"
		complete     = "/object/complete_multipart_upload"
		access       = "/object/access_url"
		initiateForm = "/object/initiate_form_data"
		completeForm = "/object/complete_form_data"
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	begin := func(name, rest string) string {
		return fmt.Sprintf(`{"hash":%q,"size":5,"maxParts":1,"cause":"msg-file","name":%q,"contentType":"text/plain","urlPrefix":"http://ignored/"%s}`, helloHash, name, rest)
	}
	end := func(name, rest string) string {
		return fmt.Sprintf(`{"uploadID":"$uploadID","parts":[%q],"name":%q,"contentType":"text/plain","cause":"msg-file"%s}`, helloSum, name, rest)
	}
	begun := request{"alice", initiate, begin("alice/a.txt", "")}
	sent := request{"", "PUT $part1", helloText}
	completed := request{"alice", complete, end("alice/a.txt", "")}
	whole := []request{begun, sent, completed}
	// 11 MiB are 3 parts.
	large := func(maxParts int) string {
		return fmt.Sprintf(`{"hash":%q,"size":11534336,"maxParts":%d,"name":"alice/large"}`, strings.Repeat("a", 32), maxParts)
	}
	largeBegun := request{"alice", initiate, large(3)}
	form := request{"alice", initiateForm, `{"name":"alice/f.png","size":5,"contentType":"image/png","group":"g"}`}
	formSent := request{"", "FORM $url", helloText}
	return []scenario{
		one("ok", "bob", limit, `{}`),

		one("small", "bob", size, `{"size":1}`),
		one("large", "bob", size, `{"size":52428800001}`),
		one("nothing", "bob", size, `{"size":0}`),
		one("too large", "bob", size, `{"size":53687091200001}`),

		one("one part", "alice", initiate, begin("alice/a.txt", "")),
		one("no signature asked for, one part", "alice", initiate, begin("alice/a.txt", `,"maxParts":0`)),
		one("more parts", "alice", initiate, large(2)),
		one("all parts", "alice", initiate, large(-1)),
		one("no signature", "alice", initiate, large(0)),
		one("by an administrator", admin, initiate, begin("anything/at all", "")),
		one("known content", "bob", initiate, begin("bob/b.txt", ""), whole...),
		one("known content, as upper-case hash", "bob", initiate, begin("bob/b.txt", fmt.Sprintf(`,"hash":%q`, strings.ToUpper(helloHash))), whole...),
		one("name of somebody else", "bob", initiate, begin("alice/a.txt", "")),
		one("name that only begins alike", "alice", initiate, begin("alice2/a.txt", "")),
		one("no name", "alice", initiate, begin("", "")),
		one("blank name", "alice", initiate, begin(" \t", "")),
		one("name with a slash before", "alice", initiate, begin("/alice/a", "")),
		one("long name", "alice", initiate, begin("alice/"+strings.Repeat("x", 1019), "")),
		one("name with a zero byte", "alice", initiate, `{"name":"alice/\u0000"}`),
		one("no hash", "alice", initiate, begin("alice/a", `,"hash":""`)),
		one("size 0", "alice", initiate, begin("alice/a", `,"size":0`)),
		one("negative size", "alice", initiate, begin("alice/a", `,"size":-5`)),
		one("more parts asked for than there are", "alice", initiate, begin("alice/a", `,"maxParts":2`)),
		one("larger than the server takes", "alice", initiate, begin("alice/a", `,"size":104857601`)),

		one("ok", "alice", sign, `{"uploadID":"$uploadID","partNumbers":[3,1]}`, largeBegun),
		one("one part", "alice", sign, `{"uploadID":"$uploadID","partNumbers":[1]}`, begun),
		one("no numbers", "alice", sign, `{"uploadID":"$uploadID","partNumbers":[]}`, largeBegun),
		one("by an administrator", admin, sign, `{"uploadID":"$uploadID","partNumbers":[2]}`, largeBegun),
		one("upload of somebody else", "bob", sign, `{"uploadID":"$uploadID","partNumbers":[1]}`, largeBegun),
		one("part 0", "alice", sign, `{"uploadID":"$uploadID","partNumbers":[0]}`, largeBegun),
		one("part that there is not", "alice", sign, `{"uploadID":"$uploadID","partNumbers":[4]}`, largeBegun),
		one("too many numbers", "alice", sign, `{"uploadID":"$uploadID","partNumbers":[1,1,1,1]}`, largeBegun),
		one("unknown upload", "alice", sign, `{"uploadID":"x","partNumbers":[1]}`),
		one("forged upload", "alice", sign, `{"uploadID":"x$uploadID","partNumbers":[1]}`, largeBegun),
		one("id of a form", "alice", sign, `{"uploadID":"$id","partNumbers":[1]}`, form),
		one("completed upload", "alice", sign, `{"uploadID":"$uploadID","partNumbers":[1]}`, whole...),

		one("ok", "alice", complete, end("alice/a.txt", ""), begun, sent),
		one("under another name", "alice", complete, end("alice/b/c.txt", ""), begun, sent),
		one("again", "alice", complete, end("alice/a.txt", ""), whole...),
		one("by an administrator", admin, complete, end("anything", ""), begun, sent),
		one("upload of somebody else", "bob", complete, end("bob/a.txt", ""), begun, sent),
		one("name of somebody else", "alice", complete, end("bob/a.txt", ""), begun, sent),
		one("no name", "alice", complete, end("", ""), begun, sent),
		one("nothing sent", "alice", complete, end("alice/a.txt", ""), begun),
		one("another content sent", "alice", complete, end("alice/a.txt", ""), begun, request{"", "PUT $part1", "HELLO"}),
		one("other sums", "alice", complete, end("alice/a.txt", fmt.Sprintf(`,"parts":[%q]`, helloHash)), begun, sent),
		one("no sums", "alice", complete, end("alice/a.txt", `,"parts":[]`), begun, sent),
		one("unknown upload", "alice", complete, end("alice/a.txt", `,"uploadID":"x"`)),
		one("id of a form", "alice", complete, end("alice/a.txt", `,"uploadID":"$id"`), form),

		one("ok", "bob", access, `{"name":"alice/a.txt"}`, whole...),
		one("as an image that it is not", "bob", access, `{"name":"alice/a.txt","query":{"type":"image","width":"10"}}`, whole...),
		one("the original as an image", "bob", access, `{"name":"alice/a.txt","query":{"type":"image","width":"2000"}}`, whole...),
		one("empty type", "bob", access, `{"name":"alice/a.txt","query":{"type":""}}`, whole...),
		one("unknown type", "bob", access, `{"name":"alice/a.txt","query":{"type":"video"}}`, whole...),
		one("unknown name", "bob", access, `{"name":"alice/b.txt"}`, whole...),
		one("no name", "bob", access, `{}`),

		one("ok", "alice", initiateForm, form.body),
		one("life of an administrator's choice", admin, initiateForm, `{"name":"x","size":5,"millisecond":60000}`),
		one("a user has no choice", "alice", initiateForm, `{"name":"alice/x","size":5,"millisecond":60000,"absolute":true}`),
		one("longest life", admin, initiateForm, `{"name":"x","size":5,"millisecond":9223372036854775807}`),
		one("absolute", admin, initiateForm, `{"name":"logo.png","size":5,"absolute":true}`),
		one("absolute, among the server's own", admin, initiateForm, `{"name":"data/x","size":5,"absolute":true}`),
		one("no name", "alice", initiateForm, `{"size":5}`),
		one("no size", "alice", initiateForm, `{"name":"alice/x"}`),
		one("too large", "alice", initiateForm, `{"name":"alice/x","size":104857601}`),
		one("name of somebody else", "alice", initiateForm, `{"name":"bob/x","size":5}`),

		one("ok", "alice", completeForm, `{"id":"$id"}`, form, formSent),
		one("again", "alice", completeForm, `{"id":"$id"}`, form, formSent, request{"alice", completeForm, `{"id":"$id"}`}),
		one("absolute", admin, completeForm, `{"id":"$id"}`, request{admin, initiateForm, `{"name":"logo.png","size":5,"absolute":true}`}, formSent, formSent),
		one("nothing sent", "alice", completeForm, `{"id":"$id"}`, form),
		one("another size", "alice", completeForm, `{"id":"$id"}`, form, request{"", "FORM $url", "hell"}),
		one("of somebody else", "bob", completeForm, `{"id":"$id"}`, form, formSent),
		one("no id", "alice", completeForm, `{}`),
		one("forged id", "alice", completeForm, `{"id":"$idx"}`, form, formSent),
		one("id of an upload", "alice", completeForm, `{"id":"$uploadID"}`, begun),
	}
}

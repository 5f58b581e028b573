package files

import (
	"bytes"
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/object"
)

func TestForm(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, c := open(t)
	u := &im.ObjectUpload{ID: im.NewID(), Key: "form/a b", Size: 10, ExpireTime: c.at.Add(time.Minute).UnixMilli()}
	f, err := s.SignForm(ctx, host, u, "image/png", false)
	if err != nil || f.Fields["Content-Type"] != "image/png" || f.Fields["key"] != u.Key {
		t.Fatal(f, err)
	}
	name, q := parse(t, f.URL, kindForm)
	send := func(data string) error {
		receive, err := s.CheckForm(name, q)
		if err != nil {
			return err
		}
		return receive(strings.NewReader(data))
	}
	wantKind(t, "too much", send("12345678901"), im.Invalid)
	_, err = s.Stat(ctx, u.Key)
	wantKind(t, "what was too much", err, im.NotFound)
	if err := send("1234567890"); err != nil {
		t.Error(err)
	}
	wantKind(t, "sent twice", send("abc"), im.Duplicate)
	if got := read(t, s, u.Key); string(got) != "1234567890" {
		t.Errorf("content %q", got)
	}
	if f, err = s.SignForm(ctx, host, u, "", true); err != nil {
		t.Fatal(err)
	}
	name, q = parse(t, f.URL, kindForm)
	if err := send("abc"); err != nil {
		t.Error(err)
	}
	if got := read(t, s, u.Key); string(got) != "abc" {
		t.Errorf("content %q", got)
	}
	c.at = c.at.Add(time.Minute)
	wantKind(t, "expired", send("abc"), im.Denied)
}

// TestSignatures changes every part of every kind of address.
func TestSignatures(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, c := open(t)
	if err := s.Put(ctx, "k", []byte("content"), ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(ctx, "other", []byte("secret"), ""); err != nil {
		t.Fatal(err)
	}
	as := object.Delivery{ContentType: "image/png", Disposition: "attachment"}
	address, err := s.SignURL(ctx, host, "k", as, c.at.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	name, q := parse(t, address, kindContent)
	content, err := s.Content(name, q)
	if err != nil || content.Delivery != as {
		t.Fatal(content, err)
	}
	content.Close()
	refused := func(what, name string, q url.Values) {
		t.Helper()
		if c, err := s.Content(name, q); !im.IsKind(err, im.Denied) {
			t.Errorf("%s: %v %v", what, c, err)
		}
	}
	with := func(change func(url.Values)) url.Values {
		out := url.Values{}
		for k, v := range q {
			out[k] = append([]string(nil), v...)
		}
		change(out)
		return out
	}
	refused("another key", "other", q)
	refused("no parameters", name, url.Values{})
	for k := range q {
		refused("without "+k, name, with(func(v url.Values) { v.Del(k) }))
		refused("empty "+k, name, with(func(v url.Values) { v.Set(k, "") }))
		refused("another "+k, name, with(func(v url.Values) { v.Set(k, "9"+v.Get(k)) }))
		refused("two of "+k, name, with(func(v url.Values) { v.Add(k, v.Get(k)) }))
	}
	refused("one more", name, with(func(v url.Values) { v.Set("replace", "1") }))
	refused("upper case", name, with(func(v url.Values) { v.Set("signature", strings.ToUpper(v.Get("signature"))) }))
	if _, err := s.CheckForm(name, q); !im.IsKind(err, im.Denied) {
		t.Errorf("as a form: %v", err)
	}
	if _, err := s.ReceivePart(name, q, -1, strings.NewReader("")); !im.IsKind(err, im.Denied) {
		t.Errorf("as a part: %v", err)
	}
	foreign, err := Open(Options{Dir: t.TempDir(), Key: []byte("another key"), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	if address, err = foreign.SignURL(ctx, host, "k", as, c.at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	otherName, otherQuery := parse(t, address, kindContent)
	refused("signed by another server", otherName, otherQuery)
	c.at = c.at.Add(time.Hour - time.Second)
	if content, err := s.Content(name, q); err != nil {
		t.Errorf("at its last second: %v", err)
	} else {
		content.Close()
	}
	c.at = c.at.Add(time.Second)
	refused("expired", name, q)

	u, pieces, _ := begin(t, s, random(100), 50)
	name, q = signPart(t, s, u, 1)
	for what, other := range map[string]string{"another part": u.ID + "/2", "another upload": im.NewID() + "/1", "a path": u.ID + "/../1"} {
		if _, err := s.ReceivePart(other, q, 50, bytes.NewReader(pieces[0])); !im.IsKind(err, im.Denied) {
			t.Errorf("%s: %v", what, err)
		}
	}
	c.at = c.at.Add(time.Hour)
	if _, err := s.ReceivePart(name, q, 50, bytes.NewReader(pieces[0])); !im.IsKind(err, im.Denied) {
		t.Errorf("an expired part: %v", err)
	}
}

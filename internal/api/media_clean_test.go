package api

import (
	"fmt"
	"strings"
	"testing"

	"parley/internal/im"
	"parley/internal/object"
)

// storage is where the world keeps its files.
func (w *world) storage() object.Storage { return w.api.o.Media.(object.Storage) }

// clean runs the cleaner until there is nothing more to do.
func (w *world) clean() {
	w.tb.Helper()
	for more := true; more; {
		var err error
		if more, err = w.svc.CleanObjects(w.tb.Context(), 10); err != nil {
			w.tb.Fatal(err)
		}
	}
}

// begin begins an upload of the usual content and sends it; it returns the record.
func (w *world) begin(name string) *im.ObjectUpload {
	w.tb.Helper()
	w.must("alice", "/object/initiate_multipart_upload", fmt.Sprintf(`{"hash":%q,"size":5,"maxParts":1,"name":%q}`, helloHash, name))
	if status := w.sendFile("PUT", w.vars["part1"], helloText); status != 200 {
		w.tb.Fatalf("part: HTTP %d", status)
	}
	open, err := w.store.ExpiredUploads(w.tb.Context(), 1<<62, 10)
	if err != nil || len(open) != 1 {
		w.tb.Fatalf("%d uploads are open, %v", len(open), err)
	}
	return &open[0]
}

func (w *world) complete(name string) error {
	w.tb.Helper()
	_, answer := w.post(request{"alice", "/object/complete_multipart_upload", fmt.Sprintf(`{"uploadID":"$uploadID","parts":[%q],"name":%q}`, helloSum, name)})
	if !strings.HasPrefix(string(answer), `{"errCode":0,`) {
		return fmt.Errorf("%s", answer)
	}
	return nil
}

const week = 7 * 24 * 3600_000

// TestCleanInterrupted: an upload that is not completed is gone an hour after its
// end, and not before.
func TestCleanInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.begin("alice/a")
	w.clock.Add(week - 60_000)
	w.clean()
	if err := w.complete("alice/a"); err != nil {
		t.Fatalf("in its last minute: %v", err)
	}
	if _, err := w.storage().Stat(t.Context(), u.Key); err != nil {
		t.Error(err)
	}
	w.clock.Add(10 * week)
	w.clean()
	if status, _, _ := w.content("/object/alice/a", nil); status != 200 {
		t.Errorf("a completed file: HTTP %d", status)
	}

	w = newWorld(t)
	u = w.begin("alice/a")
	part := w.vars["part1"]
	w.clock.Add(week + 3600_000 - 60_000)
	w.clean()
	if _, err := w.store.ObjectUpload(t.Context(), u.ID); err != nil {
		t.Errorf("it is gone too early: %v", err)
	}
	w.clock.Add(120_000)
	w.clean()
	if _, err := w.store.ObjectUpload(t.Context(), u.ID); !im.IsKind(err, im.NotFound) {
		t.Errorf("its record is left: %v", err)
	}
	if _, err := w.storage().Complete(t.Context(), u, []string{helloSum}); !im.IsKind(err, im.Unusable) {
		t.Errorf("its part is left: %v", err)
	}
	if status := w.sendFile("PUT", part, helloText); status != 403 {
		t.Errorf("a part of it: HTTP %d", status)
	}
}

// TestCrashInCompletion: the storage has the content and the record of the file was
// not written. The client completes again; or it does not, and nothing stays.
func TestCrashInCompletion(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{true, false} {
		w := newWorld(t)
		u := w.begin("alice/a")
		if _, err := w.storage().Complete(t.Context(), u, []string{helloSum}); err != nil {
			t.Fatal(err)
		}
		if status, _, _ := w.fetch("GET", "/object/alice/a", nil); status != 404 {
			t.Errorf("a file without a record: HTTP %d", status)
		}
		if again {
			if err := w.complete("alice/a"); err != nil {
				t.Error(err)
			}
			if status, body, _ := w.content("/object/alice/a", nil); status != 200 || string(body) != helloText {
				t.Errorf("HTTP %d %q", status, body)
			}
			continue
		}
		w.clock.Add(week + 3600_000 + 10_000)
		w.clean()
		if _, err := w.storage().Stat(t.Context(), u.Key); !im.IsKind(err, im.NotFound) {
			t.Errorf("the content is left: %v", err)
		}
	}
}

// TestCleanUnused: a content whose last name has got another one is removed after a
// day, unless somebody uploads it once more; its thumbnails go with it.
func TestCleanUnused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.begin("alice/a")
	if err := w.complete("alice/a"); err != nil {
		t.Fatal(err)
	}
	w.upload("alice", "alice/a", "", []byte("another content"))
	w.clock.Add(23 * 3600_000)
	w.clean()
	if _, err := w.storage().Stat(t.Context(), first.Key); err != nil {
		t.Errorf("it is gone too early: %v", err)
	}
	known := func(name string) bool {
		d := w.must("alice", "/object/initiate_multipart_upload", fmt.Sprintf(`{"hash":%q,"size":5,"maxParts":1,"name":%q}`, helloHash, name))
		return d["upload"] == nil
	}
	if !known("alice/b") {
		t.Error("the content is not known any more")
	}
	w.clock.Add(48 * 3600_000)
	w.clean()
	if status, body, _ := w.content("/object/alice/b", nil); status != 200 || string(body) != helloText {
		t.Errorf("used again: HTTP %d %q", status, body)
	}
	w.upload("alice", "alice/b", "", []byte("a third content"))
	w.clock.Add(48 * 3600_000)
	w.clean()
	if _, err := w.storage().Stat(t.Context(), first.Key); !im.IsKind(err, im.NotFound) {
		t.Errorf("it is still there: %v", err)
	}
	if known("alice/c") {
		t.Error("the content is still known")
	}
	if status, _, _ := w.content("/object/alice/a", nil); status != 200 {
		t.Errorf("a content with a name: HTTP %d", status)
	}
}

// TestLostContent: where the bytes of a known content are gone it is uploaded anew.
func TestLostContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.begin("alice/a")
	if err := w.complete("alice/a"); err != nil {
		t.Fatal(err)
	}
	if err := w.storage().Remove(t.Context(), u.Key); err != nil {
		t.Fatal(err)
	}
	w.begin("alice/a") // fails if there is nothing to upload
	if err := w.complete("alice/a"); err != nil {
		t.Fatal(err)
	}
	if status, body, _ := w.content("/object/alice/a", nil); status != 200 || string(body) != helloText {
		t.Errorf("HTTP %d %q", status, body)
	}
	if logged := w.logged.String(); !strings.Contains(logged, "the content of files is missing") {
		t.Errorf("logged: %s", logged)
	}
}

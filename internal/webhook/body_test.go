package webhook

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/internal/im"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// exampleMessage is the message of the founding page on group messages.
func exampleMessage() *im.Message {
	return &im.Message{
		SendID: "user123", RecvID: "user456", ServerMsgID: "serverMsg123", ClientMsgID: "clientMsg123",
		SenderPlatformID: 1, SenderNickname: "John Doe", SenderFaceURL: "http://example.com/path/to/face/image.png",
		SessionType: 1, MsgFrom: 1, ContentType: 1, Content: []byte("Hello, how are you?"), Seq: 1,
		SendTime: 1673048592000, CreateTime: 1673048592000, Status: 1,
		AtUserIDList: []string{"user456", "user789"}, Ex: "Extra data",
	}
}

// contract holds for each founding document its example (testdata/contract) and
// what the builders make of the example's values, and the keys we add.
var contract = []struct {
	file  string
	body  func() []byte
	added []string
}{
	{"after_create_single_conversation", func() []byte {
		return SingleConversationBody(im.AfterCreateSingleChatConversation, &im.Conversation{
			OwnerUserID: "123228123", ConversationID: "si_123228123_622925731", ConversationType: 1, UserID: "622925731",
			Ex: "Extra conversation data",
		})
	}, nil},
	{"after_send_group", func() []byte {
		return MessageBody(im.AfterSendGroupMsg, "1646445464564", exampleMessage())
	}, []string{"groupID"}},
	{"after_single_read", func() []byte {
		return SingleReadBody(ReadEvent{
			ConversationID: "si_u1_u2:0", UserID: "user123", Seqs: []int64{20, 35}, ContentType: 101, ConversationType: im.SessionSingle,
		})
	}, []string{"Seqs", "conversationType"}},
}

// TestContract builds the body of each founding document from the values of its
// example: the same keys, letter case, order, types and values.
func TestContract(t *testing.T) {
	t.Parallel()
	for _, c := range contract {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("testdata", "contract", c.file+".json"))
			if err != nil {
				t.Fatal(err)
			}
			checkExample(t, text, c.body(), c.added)
		})
	}
}

// TestContractDocuments does the same with the documents themselves where they
// are at hand, and holds the copies of the examples to them.
func TestContractDocuments(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob(filepath.Join(moduleRoot(t), "..", "shared", "seeds", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(documents) == 0 {
		t.Skip("the founding documents are not here; TestContract has copies of their examples")
	}
	if len(documents) != len(contract) {
		t.Errorf("%d documents, %d known", len(documents), len(contract))
	}
	for _, path := range documents {
		document, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := bytes.Cut(document, []byte("Request Package Example"))
		from, to := bytes.IndexByte(rest, '{'), bytes.IndexByte(rest, '}')
		if from < 0 || to < from {
			t.Fatalf("%s has no example", path)
		}
		example := rest[from : to+1]
		known := false
		for _, c := range contract {
			// A body names its command, and so does the example.
			var body struct{ CallbackCommand string }
			if err := json.Unmarshal(c.body(), &body); err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(example, []byte(`"`+body.CallbackCommand+`"`)) {
				continue
			}
			known = true
			checkExample(t, example, c.body(), c.added)
			checkFields(t, string(rest), c.body())
			text, err := os.ReadFile(filepath.Join("testdata", "contract", c.file+".json"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(example), strings.TrimSpace(string(text))); diff != "" {
				t.Errorf("the copy of the example is not what %s prints:\n%s", path, diff)
			}
		}
		if !known {
			t.Errorf("%s: no body for its example", path)
		}
	}
}

// fieldRow is a row of the table of fields: the cells are in bars, or stand without
// anything in between.
var fieldRow = regexp.MustCompile(`(?m)^\|?\s*([A-Za-z]+?)\s*\|?\s*(\[\]int64|string|uint32|int32|int64|int|boolean)`)

// checkFields holds a body against the table of fields of a document.
func checkFields(t *testing.T, document string, body []byte) {
	t.Helper()
	_, table, _ := strings.Cut(document, "Request Package Field Description")
	table, _, _ = strings.Cut(table, "Response Package Example")
	rows := fieldRow.FindAllStringSubmatch(table, -1)
	if len(rows) < 5 {
		t.Fatalf("the table has %d rows that can be read", len(rows))
	}
	got, _ := object(t, body)
	for _, row := range rows {
		key, kind := row[1], row[2]
		v, ok := got[key]
		switch v := v.(type) {
		case string:
			ok = ok && kind == "string"
		case bool:
			ok = ok && kind == "boolean"
		case json.Number:
			_, err := v.Int64()
			ok = ok && err == nil && strings.Contains(kind, "int") && kind != "[]int64"
		case []any:
			// The table has a string where the example has a list.
			ok = ok && (kind == "[]int64" || key == "atUserList" && kind == "string")
		default:
			ok = false
		}
		if !ok {
			t.Errorf("%s is %v (%T), the table says %s", key, v, v, kind)
		}
	}
}

// checkExample compares a body to an example that may lack keys we add.
func checkExample(t *testing.T, example, body []byte, added []string) {
	t.Helper()
	// One page prints a line without its comma; a body must of course be JSON.
	repaired := strings.ReplaceAll(string(example), "\"\n\"", "\",\n\"")
	want, wantKeys := object(t, []byte(repaired))
	got, gotKeys := object(t, body)
	for _, k := range added {
		if _, ok := got[k]; !ok {
			t.Errorf("no key %s", k)
		}
		delete(got, k)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("body differs from the example (-example +ours):\n%s", diff)
	}
	var order []string
	for _, k := range gotKeys {
		if _, ok := want[k]; ok {
			order = append(order, k)
		}
	}
	if diff := cmp.Diff(wantKeys, order); diff != "" {
		t.Errorf("order of keys (-example +ours):\n%s", diff)
	}
}

// object returns a JSON object and its keys as they stand in the text. Numbers
// stay text, so that 1 and 1.0, or 1 and "1", are not the same.
func object(t *testing.T, text []byte) (fields map[string]any, keys []string) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&fields); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	dec = json.NewDecoder(bytes.NewReader(text))
	for depth := 0; dec.More() || depth > 0; {
		token, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
		case string:
			if depth == 1 {
				keys = append(keys, v)
				var value json.RawMessage
				if err := dec.Decode(&value); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return fields, keys
}

// moduleRoot returns the directory of go.mod.
func moduleRoot(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above")
		}
		dir = parent
	}
}

func TestGoldenBodies(t *testing.T) {
	t.Parallel()
	single := func() *im.Message {
		return &im.Message{
			SendID: "u1", RecvID: "u2", ServerMsgID: "9f", ClientMsgID: "c1", SenderPlatformID: 2, SenderNickname: "Ann",
			SessionType: im.SessionSingle, MsgFrom: im.FromUser, ContentType: im.ContentText, Status: im.StatusSending,
			SendTime: 1718000000123, CreateTime: 1718000000050, Content: []byte(`{"content":"hi \"all\" <&> ü"}`), Seq: 42,
		}
	}
	group := func() *im.Message {
		m := single()
		m.SessionType, m.RecvID, m.GroupID = im.SessionGroup, "", "g100"
		return m
	}
	filled := group()
	filled.RecvID, filled.AtUserIDList, filled.Ex = "u7", []string{im.AtAll}, "x"
	account := single()
	account.SessionType = im.SessionNotification
	for _, c := range []struct {
		name string
		body []byte
		keys int
	}{
		{"after_send_single", MessageBody(im.AfterSendSingleMsg, "1718000000000", single()), 19},
		{"after_send_group", MessageBody(im.AfterSendGroupMsg, "1718000000000", group()), 20},
		{"after_send_group_receiver", MessageBody(im.AfterSendGroupMsg, "1718000000000", filled), 20},
		{"after_save_single", MessageBody(im.AfterMsgSaveDB, "op", single()), 20},
		{"after_save_group", MessageBody(im.AfterMsgSaveDB, "op", filled), 20},
		{"after_save_account", MessageBody(im.AfterMsgSaveDB, "op", account), 20},
		{"empty_message", MessageBody(im.AfterSendSingleMsg, "", &im.Message{}), 19},
		{"after_create_single_conversation", SingleConversationBody(im.AfterCreateSingleChatConversation, &im.Conversation{
			OwnerUserID: "u2", ConversationID: "si_u1_u2", ConversationType: im.SessionSingle, UserID: "u1", RecvMsgOpt: 2,
			IsPinned: true, IsPrivateChat: true, BurnDuration: 30, GroupAtType: 1, AttachedInfo: "a", Ex: "e",
		}), 12},
		{"after_single_read", SingleReadBody(ReadEvent{
			ConversationID: "si_u1_u2", UserID: "u2", Seqs: []int64{20, 35}, ContentType: 101, ConversationType: im.SessionSingle,
		}), 7},
		{"after_single_read_empty", SingleReadBody(ReadEvent{}), 7},
		{"after_group_read", GroupReadBody(GroupReadEvent{
			ConversationID: "sg_g1", GroupID: "g1", UserID: "u2", Seqs: []int64{4, 5}, UnreadMsgNum: 3, HasReadSeq: 5, ContentType: 101,
		}), 10},
		{"after_group_read_empty", GroupReadBody(GroupReadEvent{}), 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("testdata", "golden", c.name+".json")
			if *update {
				if err := os.WriteFile(path, append(c.body, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimSpace(string(want)), string(c.body)); diff != "" {
				t.Error(diff)
			}
			fields, keys := object(t, c.body)
			if len(keys) != c.keys {
				t.Errorf("%d keys, want %d", len(keys), c.keys)
			}
			for k, v := range fields {
				if v == nil {
					t.Errorf("%s is null", k)
				}
			}
		})
	}
}

func TestMessageBodyKeepsContent(t *testing.T) {
	t.Parallel()
	for _, content := range []string{`{"content":"a\u2028b"}`, "plain", "", "\x00\n\t", `\"`} {
		m := &im.Message{Content: []byte(content)}
		fields, _ := object(t, MessageBody(im.AfterMsgSaveDB, "op", m))
		if fields["content"] != content {
			t.Errorf("content %q became %q", content, fields["content"])
		}
	}
	if body := MessageBody(im.AfterMsgSaveDB, "op", &im.Message{Content: []byte("\xff")}); !json.Valid(body) {
		t.Errorf("content that is not UTF-8 makes no JSON: %s", body)
	}
}

func TestMessageKey(t *testing.T) {
	t.Parallel()
	m := &im.Message{SendID: "u1", GroupID: "g1"}
	// base64 of {"sendID":"u1","recvID":"","groupID":"g1"}
	const want = "eyJzZW5kSUQiOiJ1MSIsInJlY3ZJRCI6IiIsImdyb3VwSUQiOiJnMSJ9"
	if got := MessageKey(m); got != want {
		t.Errorf("key %s, want %s", got, want)
	}
}

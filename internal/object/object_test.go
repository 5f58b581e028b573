package object

import (
	"testing"

	"go.uber.org/goleak"

	"parley/internal/im"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPartSize holds sizes to the rule that clients compute by (rest-third-admin.md 2.1).
func TestPartSize(t *testing.T) {
	t.Parallel()
	l := DefaultLimits()
	const most = 10_000
	for _, c := range []struct {
		size, want int64
		parts      int
		last       int64
	}{
		{1, 5 << 20, 1, 1},
		{5<<20 - 1, 5 << 20, 1, 5<<20 - 1},
		{5 << 20, 5 << 20, 1, 5 << 20},
		{5<<20 + 1, 5 << 20, 2, 1},
		{10 << 20, 5 << 20, 2, 5 << 20},
		{5 << 20 * most, 5 << 20, most, 5 << 20},
		{5<<20*most + 1, 5<<20 + 1, most, 5<<20*most + 1 - (most-1)*(5<<20+1)},
		{5 << 30 * most, 5 << 30, most, 5 << 30},
	} {
		got, err := l.PartSize(c.size)
		if err != nil || got != c.want {
			t.Errorf("part size of %d is %d, %v; want %d", c.size, got, err, c.want)
			continue
		}
		if n := Parts(c.size, got); n > c.parts || c.size <= 5<<20*most && n != c.parts {
			t.Errorf("%d has %d parts, want %d", c.size, n, c.parts)
		}
		u := &im.ObjectUpload{Size: c.size, PartSize: got, Parts: Parts(c.size, got)}
		var sum int64
		for n := range u.Parts {
			length := PartLength(u, n+1)
			if length < 1 || length > got {
				t.Fatalf("part %d of %d has %d bytes", n+1, c.size, length)
			}
			sum += length
		}
		if sum != c.size {
			t.Errorf("the parts of %d are %d together", c.size, sum)
		}
	}
	for _, size := range []int64{0, -1, 5<<30*most + 1, 1<<63 - 1} {
		if _, err := l.PartSize(size); !im.IsKind(err, im.Unusable) {
			t.Errorf("part size of %d: %v", size, err)
		}
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	// MD5 of the 32 characters, not of the file: md5("0cc175b9c0f1b6a831c399e269772661") for "a".
	for _, c := range []struct {
		sums []string
		want string
	}{
		{[]string{"0cc175b9c0f1b6a831c399e269772661"}, "d7afde3e7059cd0a0fe09eec4b0008cd"},
		{[]string{"0cc175b9c0f1b6a831c399e269772661", "92eb5ffee6ae2fec3ad71c777531578f"}, "fde0121840fa38f19f565edabcf4c660"},
	} {
		if got := Hash(c.sums); got != c.want {
			t.Errorf("hash of %v is %s, want %s", c.sums, got, c.want)
		}
	}
}

func TestAttachment(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a.png":        "attachment; filename*=UTF-8''a.png",
		"a b\"c\r\n":   "attachment; filename*=UTF-8''a%20b%22c%0D%0A",
		"фото-1_2~.%'": "attachment; filename*=UTF-8''%D1%84%D0%BE%D1%82%D0%BE-1_2~.%25%27",
	} {
		if got := Attachment(name); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}

func TestHarmless(t *testing.T) {
	t.Parallel()
	const octets = "application/octet-stream"
	for _, c := range []struct{ in, want Delivery }{
		{Delivery{"", ""}, Delivery{octets, "attachment"}},
		{Delivery{"image/png", ""}, Delivery{"image/png", ""}},
		{Delivery{"video/mp4", ""}, Delivery{"video/mp4", ""}},
		{Delivery{"image/png", "attachment; x"}, Delivery{"image/png", "attachment; x"}},
		{Delivery{"text/html", ""}, Delivery{octets, "attachment"}},
		{Delivery{"TEXT/HTML; charset=utf-8", "inline"}, Delivery{octets, "attachment"}},
		{Delivery{"image/svg+xml", ""}, Delivery{octets, "attachment"}},
		{Delivery{"application/xhtml+xml", "attachment; x"}, Delivery{octets, "attachment; x"}},
		{Delivery{"application/javascript", ""}, Delivery{octets, "attachment"}},
		{Delivery{"application/pdf", ""}, Delivery{octets, "attachment"}},
		{Delivery{"image/png, text/html", ""}, Delivery{octets, "attachment"}},
		{Delivery{"image/png\r\nX: y", ""}, Delivery{octets, "attachment"}},
		{Delivery{"text/plain", ""}, Delivery{"text/plain", "attachment"}},
		{Delivery{"application/zip", "inline"}, Delivery{"application/zip", "attachment"}},
	} {
		if got := c.in.Harmless(); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.in, got, c.want)
		}
	}
}

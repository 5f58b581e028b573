package storetest

import (
	"context"
	"fmt"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

func content(digest, key string, used int64) im.ObjectContent {
	return im.ObjectContent{Digest: digest, Key: key, Size: 1 << 40, UsedAt: used}
}

func testObjects(t *testing.T, st store.Store) {
	ctx := context.Background()
	_, err := st.Object(ctx, "u/a")
	wantKind(t, err, im.NotFound)
	o := im.Object{Name: "u/a", Key: "k1", Size: 1 << 40, ContentType: "image/png", Group: "msg-picture", CreateTime: 1 << 41}
	put := func(o im.Object) {
		t.Helper()
		update(t, st, func(tx store.Tx) error { return tx.PutObject(ctx, o) })
	}
	put(o)
	same(t, "object", must(st.Object(ctx, "u/a"))(t), &o)
	o = im.Object{Name: "u/a", Key: "k2", CreateTime: 5}
	put(o)
	same(t, "object under a name that was there", must(st.Object(ctx, "u/a"))(t), &o)
	for _, id := range edgeIDs {
		put(im.Object{Name: id, Key: "k2"})
		same(t, "object "+id, must(st.Object(ctx, id))(t).Name, id)
	}

	thumbnail := im.ObjectThumbnail{Source: "k2", Variant: "1x1.png", Key: "t1"}
	add := func(n im.ObjectThumbnail) (added bool) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) {
			added, err = tx.InsertThumbnail(ctx, n)
			return err
		})
		return added
	}
	same(t, "first", add(thumbnail), true)
	same(t, "again", add(im.ObjectThumbnail{Source: "k2", Variant: "1x1.png", Key: "t2"}), false)
	same(t, "other image", add(im.ObjectThumbnail{Source: "k3", Variant: "1x1.png", Key: "t3"}), true)
	same(t, "thumbnails", must(st.ObjectThumbnails(ctx, "k2"))(t), []im.ObjectThumbnail{thumbnail})
	update(t, st, func(tx store.Tx) error { return tx.ForgetThumbnails(ctx, "k2") })
	same(t, "thumbnails afterwards", len(must(st.ObjectThumbnails(ctx, "k2"))(t)), 0)
	same(t, "thumbnails of the other", len(must(st.ObjectThumbnails(ctx, "k3"))(t)), 1)

	update(t, st, func(tx store.Tx) error { return tx.AddGarbage(ctx, []string{"g2", "g1", "g3", "g1"}) })
	update(t, st, func(tx store.Tx) error { return tx.AddGarbage(ctx, []string{"g3"}) })
	same(t, "garbage", must(st.ObjectGarbage(ctx, 2))(t), []string{"g1", "g2"})
	update(t, st, func(tx store.Tx) error { return tx.DeleteGarbage(ctx, "g1") })
	update(t, st, func(tx store.Tx) error { return tx.DeleteGarbage(ctx, "none") })
	same(t, "garbage", must(st.ObjectGarbage(ctx, 9))(t), []string{"g2", "g3"})
}

func testObjectContents(t *testing.T, st store.Store) {
	ctx := context.Background()
	insert := func(c im.ObjectContent) (added bool) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) {
			added, err = tx.InsertContent(ctx, c)
			return err
		})
		return added
	}
	use := func(digest string, now int64) (c *im.ObjectContent, err error) {
		err = st.Update(ctx, func(tx store.Tx) (err error) {
			c, err = tx.UseContent(ctx, digest, now)
			return err
		})
		return c, err
	}
	forget := func(key string, usedFrom int64) (gone bool) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) {
			gone, err = tx.ForgetContent(ctx, key, usedFrom)
			return err
		})
		return gone
	}
	_, err := use("d1", 1)
	wantKind(t, err, im.NotFound)
	_, err = st.ObjectContent(ctx, "k1")
	wantKind(t, err, im.NotFound)
	same(t, "first", insert(content("d1", "k1", 10)), true)
	same(t, "equal content", insert(content("d1", "k1b", 99)), false)
	same(t, "second", insert(content("d2", "k2", 20)), true)
	same(t, "third", insert(content("d3", "k3", 5)), true)
	want := content("d1", "k1", 10)
	same(t, "content", must(st.ObjectContent(ctx, "k1"))(t), &want)
	same(t, "used earlier", must(use("d1", 9))(t), &want)
	want.UsedAt = 30
	same(t, "used later", must(use("d1", 30))(t), &want)
	want.Image = im.ObjectImage{Format: "png", Width: 3, Height: 4}
	update(t, st, func(tx store.Tx) error { return tx.SetContentImage(ctx, "k1", want.Image) })
	same(t, "as an image", must(st.ObjectContent(ctx, "k1"))(t), &want)

	// k1 was used at 30, k2 at 20, k3 at 5 and has a name. A name goes from k1 to k2 at
	// 50 and on to k3 at 60, so that both are suspects.
	put := func(key string, at int64) {
		t.Helper()
		update(t, st, func(tx store.Tx) error { return tx.PutObject(ctx, im.Object{Name: "n", Key: key, CreateTime: at}) })
	}
	suspects := func(before int64, limit int) []string {
		t.Helper()
		return must(st.SuspectContents(ctx, before, limit))(t)
	}
	put("k1", 40)
	put("k1", 45)
	same(t, "no suspects", len(suspects(99, 9)), 0)
	put("k2", 50)
	put("k3", 60)
	same(t, "suspects", suspects(99, 9), []string{"k1", "k2"})
	same(t, "suspects before 60", suspects(60, 9), []string{"k1"})
	same(t, "one suspect", suspects(99, 1), []string{"k1"})
	settle := func(key string, now int64) {
		t.Helper()
		update(t, st, func(tx store.Tx) error { return tx.SettleSuspect(ctx, key, now) })
	}
	settle("k1", 70) // without a name, and there: looked at again
	same(t, "put off", suspects(99, 9), []string{"k2", "k1"})
	update(t, st, func(tx store.Tx) error { return tx.PutObject(ctx, im.Object{Name: "m", Key: "k2"}) })
	settle("k2", 71) // has a name again
	settle("none", 71)
	same(t, "settled", suspects(99, 9), []string{"k1"})
	same(t, "forgotten with a name", forget("k3", 100), false)
	same(t, "forgotten though used", forget("k1", 30), false)
	same(t, "forgotten", forget("k1", 31), true)
	same(t, "forgotten twice", forget("k1", 31), false)
	settle("k1", 80)
	same(t, "gone", len(suspects(99, 9)), 0)
	_, err = st.ObjectContent(ctx, "k1")
	wantKind(t, err, im.NotFound)
	update(t, st, func(tx store.Tx) error { return tx.LoseContent(ctx, "k3") })
	_, err = use("d3", 1)
	wantKind(t, err, im.NotFound)
}

func testObjectUploads(t *testing.T, st store.Store) {
	ctx := context.Background()
	u := im.ObjectUpload{
		ID: "i1", UserID: "u", Key: "k1", Digest: "d", Size: 1 << 40, PartSize: 5 << 20, Parts: 9000, StorageID: "s", CreateTime: 1, ExpireTime: 10,
	}
	others := []im.ObjectUpload{{ID: "i2", UserID: "u", Parts: 1, ExpireTime: 5}, {ID: "i3", UserID: "v", Parts: 7, ExpireTime: 5}}
	for _, one := range append(others, u) {
		update(t, st, func(tx store.Tx) error { return tx.InsertUpload(ctx, one) })
	}
	same(t, "upload", must(st.ObjectUpload(ctx, "i1"))(t), &u)
	update(t, st, func(tx store.Tx) error { return tx.SetUploadStorage(ctx, "i1", "S") })
	u.StorageID = "S"
	same(t, "upload with the storage's id", must(st.ObjectUpload(ctx, "i1"))(t), &u)
	_, err := st.ObjectUpload(ctx, "none")
	wantKind(t, err, im.NotFound)
	for user, want := range map[string]string{"u": "2/9001", "v": "1/7", "w": "0/0"} {
		n, parts, err := st.OpenUploads(ctx, user)
		noErr(t, err)
		same(t, "open uploads of "+user, fmt.Sprintf("%d/%d", n, parts), want)
	}
	ids := func(before int64, limit int) (out []string) {
		t.Helper()
		for _, u := range must(st.ExpiredUploads(ctx, before, limit))(t) {
			out = append(out, u.ID)
		}
		return out
	}
	same(t, "expired before 5", len(ids(5, 9)), 0)
	same(t, "expired before 6", ids(6, 9), []string{"i2", "i3"})
	same(t, "expired before 11", ids(11, 9), []string{"i2", "i3", "i1"})
	same(t, "one expired", ids(11, 1), []string{"i2"})
	remove := func() (gone bool) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) {
			gone, err = tx.DeleteUpload(ctx, "i2")
			return err
		})
		return gone
	}
	same(t, "removed", remove(), true)
	same(t, "removed twice", remove(), false)
}

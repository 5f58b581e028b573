package e2e

import (
	"fmt"
	"net/http"

	"parley/imtest"
)

// annsUpload begins an upload of ann's, sends its only part and returns its id.
func (c *cell) annsUpload(f *file) string {
	return c.once("upload", func() string {
		var b begunUpload
		c.as(ann, "/object/initiate_multipart_upload", imtest.H{
			"hash": f.hash(), "size": len(f.data), "maxParts": 1, "name": ann + "/authz",
		}, &b)
		if c.err != nil || b.Upload == nil {
			c.err = fmt.Errorf("no upload was begun: %w", c.err)
			return ""
		}
		if status, err := b.Upload.Sign.put(1, f.data); err != nil || status != http.StatusOK {
			c.err = fmt.Errorf("part: HTTP %d, %w", status, err)
		}
		return b.Upload.UploadID
	})
}

// completing is a body that completes an upload of ann's under a name.
func completing(name func(c *cell) string) func(*cell) imtest.H {
	return func(c *cell) imtest.H {
		f := newFile([]byte("of ann " + c.once("content", c.fresh)))
		return imtest.H{"uploadID": c.annsUpload(f), "parts": f.sums(), "name": name(c)}
	}
}

// annsForm begins an upload by form of ann's; nothing is sent, so that whoever may
// complete it hears that.
func annsForm(c *cell) imtest.H {
	return imtest.H{"id": c.once("form", func() string {
		var f struct{ ID string }
		c.as(ann, "/object/initiate_form_data", imtest.H{"name": ann + "/form", "size": 5}, &f)
		return f.ID
	})}
}

var objectBodies = map[string]func(*cell) imtest.H{
	"/object/part_limit": always(imtest.H{}),
	"/object/part_size":  always(imtest.H{"size": 1}),
	"/object/initiate_multipart_upload": func(c *cell) imtest.H {
		f := newFile([]byte(c.fresh()))
		return imtest.H{"hash": f.hash(), "size": len(f.data), "maxParts": 1, "name": ann + "/x"}
	},
	"/object/initiate_multipart_upload:own": func(c *cell) imtest.H {
		f := newFile([]byte(c.fresh()))
		return imtest.H{"hash": f.hash(), "size": len(f.data), "maxParts": 1, "name": c.actor + "/x"}
	},
	"/object/auth_sign": func(c *cell) imtest.H {
		return imtest.H{"uploadID": c.annsUpload(newFile([]byte("sign " + c.once("content", c.fresh)))), "partNumbers": []int{1}}
	},
	"/object/complete_multipart_upload":      completing(func(*cell) string { return ann + "/x" }),
	"/object/complete_multipart_upload:into": completing(func(c *cell) string { return c.actor + "/x" }),
	"/object/access_url": func(c *cell) imtest.H {
		return imtest.H{"name": c.once("file", func() string {
			c.as(ann, "/object/complete_multipart_upload", completing(func(*cell) string { return ann + "/seen" })(c), nil)
			return ann + "/seen"
		})}
	},
	"/object/initiate_form_data": always(imtest.H{"name": ann + "/x", "size": 1}),
	"/object/complete_form_data": annsForm,
}

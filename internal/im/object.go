package im

// Object is a file that clients know by its name (rest-third-admin.md 2).
type Object struct {
	Name        string // begins with the id of the user who uploaded it and '/', but for administrators
	Key         string // of the content in the object storage
	Size        int64  // bytes
	ContentType string // as the uploader said; may be empty
	Group       string // what the file is for: the cause of the upload
	CreateTime  int64  // ms
}

// ObjectContent is a stored content. Names with the same content share it.
type ObjectContent struct {
	// Digest is what equal contents have in common: the hash of the upload
	// (rest-third-admin.md 2.1). Contents that nobody told a hash of have one of their own.
	Digest string
	Key    string // in the object storage, never used again for another content
	Size   int64  // bytes
	UsedAt int64  // ms: when a name was last given to it
	Image  ObjectImage
}

// ObjectImage is what is known of a content as an image.
type ObjectImage struct {
	Format        string // "png", "jpeg", ...; NoImage; "" while nobody has looked
	Width, Height int
}

// NoImage is the format of contents that are no image, or one that is not decoded.
const NoImage = "none"

// ObjectThumbnail is a smaller form of an image that is kept.
type ObjectThumbnail struct {
	Source  string // key of the image
	Variant string // size and format, "480x640.png"
	Key     string // of the thumbnail in the object storage
}

// ObjectUpload is an upload that was begun and not completed.
type ObjectUpload struct {
	ID     string
	UserID string // who began it
	Key    string // of the content to be
	Digest string // see ObjectContent
	Size   int64  // bytes, as announced
	// PartSize is the size of all parts but the last, and Parts their number. An
	// upload by form has no parts.
	PartSize   int64
	Parts      int
	StorageID  string // what the storage calls the upload; may be empty
	CreateTime int64  // ms
	ExpireTime int64  // ms: the upload cannot be completed from then on
}

package object

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
	"golang.org/x/sync/semaphore"

	"parley/internal/im"
)

const (
	// MaxImageBytes is the size of the largest file that is looked at as an image.
	MaxImageBytes = 50 << 20
	// maxThumbnail is the longest side that is asked for; above it the original is answered.
	maxThumbnail = 1024
	// maxPixels bounds all images together that are being decoded. A pixel takes up
	// to sixteen bytes on the way, so they take less than 640 MB.
	maxPixels = 40_000_000
	// wellScaled is the size in pixels of thumbnails up to which the good filter is
	// used: it needs 64 bytes for each of them.
	wellScaled  = 2 << 20
	jpegQuality = 40
)

// ImageQuery is a wish for a smaller form of an image. Sides that are 0 or less
// are the image's own.
type ImageQuery struct {
	Width, Height int
	Format        string
}

// Original reports whether it is the original that is asked for (rest-third-admin.md 3.7).
func (q ImageQuery) Original() bool {
	return q.Width > maxThumbnail || q.Height > maxThumbnail || q.Width < 0 && q.Height < 0 && q.Format == ""
}

// Fit returns the form of an image that answers a query: as large as fits into
// what is asked for, with the proportions of the image, never enlarged.
func (q ImageQuery) Fit(i im.ObjectImage) im.ObjectImage {
	out := im.ObjectImage{Format: "png", Width: i.Width, Height: i.Height}
	switch q.Format {
	case "jpg", "jpeg":
		out.Format = "jpeg"
	case "gif":
		out.Format = "gif"
	}
	scale := 1.0
	if q.Width > 0 && q.Width < i.Width {
		scale = float64(q.Width) / float64(i.Width)
	}
	if q.Height > 0 && q.Height < i.Height {
		scale = min(scale, float64(q.Height)/float64(i.Height))
	}
	if scale < 1 {
		out.Width = max(1, int(math.Round(float64(i.Width)*scale)))
		out.Height = max(1, int(math.Round(float64(i.Height)*scale)))
	}
	return out
}

// codec is a format of images that is understood.
type codec struct {
	name   string
	magic  func(head []byte) bool
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func begins(text string) func([]byte) bool {
	return func(head []byte) bool { return bytes.HasPrefix(head, []byte(text)) }
}

// codecs are listed here and not registered with package image: what is decoded
// must not depend on what else the program imports.
func codecs() []codec {
	return []codec{
		{"png", begins("\x89PNG\r\n\x1a\n"), png.DecodeConfig, png.Decode},
		{"jpeg", begins("\xff\xd8"), jpeg.DecodeConfig, jpeg.Decode},
		{"gif", begins("GIF8"), gif.DecodeConfig, gif.Decode}, // the first frame
		{"webp", func(head []byte) bool {
			return bytes.HasPrefix(head, []byte("RIFF")) && bytes.HasPrefix(head[min(8, len(head)):], []byte("WEBPVP8"))
		}, webp.DecodeConfig, webp.Decode},
		{"bmp", begins("BM"), bmp.DecodeConfig, bmp.Decode},
		{"tiff", begins("II\x2a\x00"), tiff.DecodeConfig, tiff.Decode},
		{"tiff", begins("MM\x00\x2a"), tiff.DecodeConfig, tiff.Decode},
	}
}

// errNoImage is a content that is in none of the formats.
var errNoImage = errors.New("not an image of a known format")

// codecOf finds the codec of a content and goes back to its beginning.
func codecOf(r io.ReadSeeker) (codec, error) {
	head := make([]byte, 16)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return codec{}, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return codec{}, err
	}
	for _, c := range codecs() {
		if c.magic(head[:n]) {
			return c, nil
		}
	}
	return codec{}, errNoImage
}

// watched remembers a failure of reading, to tell it from a content that cannot be decoded.
type watched struct {
	io.ReadSeeker
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadSeeker.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// LookAtImage returns what a content is as an image. Of one that is none, or that
// is too large to be decoded, the format is im.NoImage.
func LookAtImage(r io.ReadSeeker) (im.ObjectImage, error) {
	w := &watched{ReadSeeker: r}
	c, err := codecOf(w)
	var config image.Config
	if err == nil {
		config, err = c.config(w)
	}
	switch {
	case w.err != nil:
		return im.ObjectImage{}, w.err
	case err != nil || config.Width < 1 || config.Height < 1 || config.Width > maxPixels/config.Height:
		return im.ObjectImage{Format: im.NoImage}, nil //nolint:nilerr // that it cannot be decoded is what was asked
	}
	return im.ObjectImage{Format: c.name, Width: config.Width, Height: config.Height}, nil
}

// Scaler makes thumbnails, as many at a time as there is memory for.
type Scaler struct{ pixels *semaphore.Weighted }

// NewScaler returns a scaler.
func NewScaler() *Scaler { return &Scaler{semaphore.NewWeighted(maxPixels)} }

// Scale returns an image in the form that ImageQuery.Fit gave; source is what
// LookAtImage said of it. im.Unusable if it cannot be decoded, im.Busy if the
// context ends before its turn comes.
func (s *Scaler) Scale(ctx context.Context, r io.ReadSeeker, source, want im.ObjectImage) ([]byte, error) {
	const op = "object.Scale"
	pixels := int64(source.Width) * int64(source.Height)
	if err := s.pixels.Acquire(ctx, pixels); err != nil {
		return nil, &im.Error{Kind: im.Busy, Op: op, Detail: "too many images at once", Err: err}
	}
	defer s.pixels.Release(pixels)
	w := &watched{ReadSeeker: r}
	c, err := codecOf(w)
	var img image.Image
	if err == nil {
		img, err = c.decode(w)
	}
	switch {
	case w.err != nil:
		return nil, fmt.Errorf("%s: %w", op, w.err)
	case err != nil:
		return nil, &im.Error{Kind: im.Unusable, Op: op, Detail: "the image cannot be decoded", Err: err}
	}
	var b bytes.Buffer
	small := reduced(img, want.Width, want.Height, want.Format == "jpeg")
	switch want.Format {
	case "jpeg":
		err = jpeg.Encode(&b, small, &jpeg.Options{Quality: jpegQuality})
	case "gif":
		err = gif.Encode(&b, small, nil)
	default:
		err = png.Encode(&b, small)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return b.Bytes(), nil
}

// reduced draws an image in another size; opaque ones, for formats without
// transparency, on white.
func reduced(img image.Image, width, height int, opaque bool) image.Image {
	from := img.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	if opaque {
		draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	}
	switch {
	case from.Dx() == width && from.Dy() == height:
		draw.Draw(out, out.Bounds(), img, from.Min, draw.Over)
		return out
	case width*height > wellScaled:
		draw.ApproxBiLinear.Scale(out, out.Bounds(), img, from, draw.Over, nil)
		return out
	case from.Dx() > 2*width || from.Dy() > 2*height:
		// The good filter needs memory for each row of its source, so it gets twice the
		// size that is wanted, from a filter that needs none.
		half := image.NewRGBA(image.Rect(0, 0, min(from.Dx(), 2*width), min(from.Dy(), 2*height)))
		draw.ApproxBiLinear.Scale(half, half.Bounds(), img, from, draw.Src, nil)
		img = half
	}
	draw.BiLinear.Scale(out, out.Bounds(), img, img.Bounds(), draw.Over, nil)
	return out
}

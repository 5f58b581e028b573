package object

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"testing"
	"time"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"parley/internal/im"
)

// picture has a red left half and a transparent or blue right one.
func picture(width, height int, right color.Color) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := color.Color(color.NRGBA{255, 0, 0, 255})
			if x >= width/2 {
				c = right
			}
			img.Set(x, y, c)
		}
	}
	return img
}

func encoded(t testing.TB, encode func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// webpImage is a lossless WebP of 3 by 2 pixels, all black.
var webpImage = []byte("RIFF\x1c\x00\x00\x00WEBPVP8L\x0f\x00\x00\x00\x2f\x02\x40\x00\x00\x07\x10\xfd\x8f\xfe\x07\x22\xa2\xff\x01\x00")

func samples(t testing.TB) map[string][]byte {
	blue := picture(300, 200, color.NRGBA{0, 0, 255, 255})
	return map[string][]byte{
		"png":  encoded(t, func(w io.Writer) error { return png.Encode(w, blue) }),
		"jpeg": encoded(t, func(w io.Writer) error { return jpeg.Encode(w, blue, nil) }),
		"gif":  encoded(t, func(w io.Writer) error { return gif.Encode(w, blue, nil) }),
		"bmp":  encoded(t, func(w io.Writer) error { return bmp.Encode(w, blue) }),
		"tiff": encoded(t, func(w io.Writer) error { return tiff.Encode(w, blue, nil) }),
	}
}

// TestScale makes thumbnails of each format in each format.
func TestScale(t *testing.T) {
	t.Parallel()
	s := NewScaler()
	for from, data := range samples(t) {
		source, err := LookAtImage(bytes.NewReader(data))
		if want := (im.ObjectImage{Format: from, Width: 300, Height: 200}); err != nil || source != want {
			t.Errorf("%s is %+v, %v", from, source, err)
			continue
		}
		for to, decode := range map[string]func(io.Reader) (image.Image, error){"png": png.Decode, "jpeg": jpeg.Decode, "gif": gif.Decode} {
			want := ImageQuery{Width: 60, Height: 60, Format: to}.Fit(source)
			out, err := s.Scale(context.Background(), bytes.NewReader(data), source, want)
			if err != nil {
				t.Errorf("%s to %s: %v", from, to, err)
				continue
			}
			img, err := decode(bytes.NewReader(out))
			if err != nil || img.Bounds() != image.Rect(0, 0, 60, 40) {
				t.Errorf("%s to %s: %v, %v", from, to, img.Bounds(), err)
				continue
			}
			left, right := color.NRGBAModel.Convert(img.At(10, 20)).(color.NRGBA), color.NRGBAModel.Convert(img.At(50, 20)).(color.NRGBA)
			if left.R < 200 || left.B > 60 || right.B < 200 || right.R > 60 {
				t.Errorf("%s to %s: colours %v and %v", from, to, left, right)
			}
		}
	}
}

func TestWebP(t *testing.T) {
	t.Parallel()
	got, err := LookAtImage(bytes.NewReader(webpImage))
	if want := (im.ObjectImage{Format: "webp", Width: 3, Height: 2}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestTransparency: where the format has none, what shines through is white.
func TestTransparency(t *testing.T) {
	t.Parallel()
	data := encoded(t, func(w io.Writer) error { return png.Encode(w, picture(100, 100, color.NRGBA{})) })
	source, err := LookAtImage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{10, 90, 100} {
		out, err := NewScaler().Scale(context.Background(), bytes.NewReader(data), source, im.ObjectImage{Format: "jpeg", Width: size, Height: size})
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		if c := color.NRGBAModel.Convert(img.At(size-1, 1)).(color.NRGBA); c.R < 200 || c.G < 200 || c.B < 200 {
			t.Errorf("size %d: %v", size, c)
		}
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	wide := im.ObjectImage{Format: "jpeg", Width: 4000, Height: 1000}
	for _, c := range []struct {
		q    ImageQuery
		want im.ObjectImage
	}{
		{ImageQuery{640, 640, ""}, im.ObjectImage{Format: "png", Width: 640, Height: 160}},
		{ImageQuery{640, 640, "webp"}, im.ObjectImage{Format: "png", Width: 640, Height: 160}},
		{ImageQuery{640, 100, "jpg"}, im.ObjectImage{Format: "jpeg", Width: 400, Height: 100}},
		{ImageQuery{0, 100, "gif"}, im.ObjectImage{Format: "gif", Width: 400, Height: 100}},
		{ImageQuery{-1, 0, "jpeg"}, im.ObjectImage{Format: "jpeg", Width: 4000, Height: 1000}},
		{ImageQuery{5000, 5000, "png"}, im.ObjectImage{Format: "png", Width: 4000, Height: 1000}},
		{ImageQuery{1, 0, "png"}, im.ObjectImage{Format: "png", Width: 1, Height: 1}},
	} {
		if got := c.q.Fit(wide); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.q, got, c.want)
		}
	}
	for q, want := range map[ImageQuery]bool{
		{1025, 1, "png"}: true, {1, 1025, "png"}: true, {1024, 1024, ""}: false,
		{-1, -1, ""}: true, {-1, -1, "png"}: false, {0, 0, ""}: false, {-1, 0, ""}: false,
	} {
		if got := q.Original(); got != want {
			t.Errorf("%+v: original %v", q, got)
		}
	}
}

// bomb is a PNG that says it is very large and is a few bytes.
func bomb(t testing.TB, width, height uint32) []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk := func(name string, data []byte) {
		body := append([]byte(name), data...)
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(data))))
		b.Write(body)
		b.Write(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body)))
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	chunk("IHDR", append(head, 8, 6, 0, 0, 0))
	chunk("IDAT", encoded(t, func(w io.Writer) error {
		z := zlib.NewWriter(w)
		_, err := z.Write(make([]byte, 1000))
		return errors.Join(err, z.Close())
	}))
	chunk("IEND", nil)
	return b.Bytes()
}

func TestNoImages(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"nothing": nil, "text": []byte("GIF is a format"), "html": []byte("<html>"), "half a head": []byte("\x89PNG\r\n\x1a\n\x00\x00"),
		"jpeg without a frame": []byte("\xff\xd8\xff\xd9"), "too many pixels": bomb(t, 8000, 5001), "too wide": bomb(t, 1<<31-1, 1),
	} {
		got, err := LookAtImage(bytes.NewReader(data))
		if want := (im.ObjectImage{Format: im.NoImage}); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	// One whose head is good and whose body is not.
	data := bomb(t, 100, 100)
	source, err := LookAtImage(bytes.NewReader(data))
	if err != nil || source.Width != 100 {
		t.Fatalf("%+v, %v", source, err)
	}
	if _, err := NewScaler().Scale(context.Background(), bytes.NewReader(data), source, im.ObjectImage{Format: "png", Width: 10, Height: 10}); !im.IsKind(err, im.Unusable) {
		t.Errorf("a broken image: %v", err)
	}
}

// broken fails after a few bytes.
type broken struct{ *bytes.Reader }

var errBroken = errors.New("broken")

func (b broken) Read(p []byte) (int, error) {
	if b.Len() < 100 {
		return 0, errBroken
	}
	return b.Reader.Read(p[:1])
}

// TestReadingFails: a storage that fails does not make an image no image.
func TestReadingFails(t *testing.T) {
	t.Parallel()
	data := samples(t)["png"]
	if _, err := LookAtImage(broken{bytes.NewReader(data[:100])}); !errors.Is(err, errBroken) {
		t.Errorf("looking: %v", err)
	}
	source := im.ObjectImage{Format: "png", Width: 300, Height: 200}
	if _, err := NewScaler().Scale(context.Background(), broken{bytes.NewReader(data)}, source, source); !errors.Is(err, errBroken) || im.KindOf(err) != im.Internal {
		t.Errorf("scaling: %v", err)
	}
}

// TestScalerWaits: while a large image is in work others wait, as long as their context lasts.
func TestScalerWaits(t *testing.T) {
	t.Parallel()
	s := NewScaler()
	if err := s.pixels.Acquire(context.Background(), maxPixels); err != nil {
		t.Fatal(err)
	}
	data := samples(t)["png"]
	source := im.ObjectImage{Format: "png", Width: 300, Height: 200}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := s.Scale(ctx, bytes.NewReader(data), source, source); !im.IsKind(err, im.Busy) {
		t.Errorf("without memory: %v", err)
	}
	s.pixels.Release(maxPixels)
	if _, err := s.Scale(context.Background(), bytes.NewReader(data), source, source); err != nil {
		t.Error(err)
	}
}

func FuzzScale(f *testing.F) {
	for _, data := range samples(f) {
		f.Add(data)
	}
	f.Add(webpImage)
	s := NewScaler()
	f.Fuzz(func(t *testing.T, data []byte) {
		source, err := LookAtImage(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if source.Format == im.NoImage || source.Width*source.Height > 1_000_000 {
			return
		}
		want := ImageQuery{Width: 64, Height: 64, Format: "jpeg"}.Fit(source)
		if _, err := s.Scale(context.Background(), bytes.NewReader(data), source, want); err != nil && !im.IsKind(err, im.Unusable) {
			t.Fatal(err)
		}
	})
}

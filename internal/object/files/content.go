package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// content reads a file, or the parts of a directory as if they were one.
type content struct {
	place    string
	parts    int   // 0: place is a file
	partSize int64 // of all parts but the last
	size     int64
	modified time.Time

	at   int64    // where the next Read begins
	file *os.File // the part that is open
	open int      // its number; 0 for a file
}

// openContent opens what lies at a place.
func openContent(place string) (*content, error) {
	f, err := os.Open(place)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	c := &content{place: place, modified: info.ModTime()}
	if !info.IsDir() {
		c.file, c.size = f, info.Size()-sumBytes
		c.partSize = c.size
		return c, nil
	}
	names, err := f.Readdirnames(0)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	c.parts = len(names)
	first, err := os.Stat(c.part(1))
	if err != nil {
		return nil, lacking(err)
	}
	last, err := os.Stat(c.part(c.parts))
	if err != nil {
		return nil, lacking(err)
	}
	c.partSize = first.Size() - sumBytes
	c.size = int64(c.parts-1)*c.partSize + last.Size() - sumBytes
	return c, nil
}

// lacking is a part that should be there: a fault of the disk, not a content that
// does not exist.
func lacking(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("a part of a content is missing: %v", err)
	}
	return err
}

func (c *content) part(number int) string { return filepath.Join(c.place, strconv.Itoa(number)) }

// Read implements io.Reader.
func (c *content) Read(p []byte) (int, error) {
	if c.at >= c.size {
		return 0, io.EOF
	}
	number, offset := 0, c.at
	left := c.size - c.at
	if c.parts > 0 {
		number = int(c.at/c.partSize) + 1
		offset = c.at % c.partSize
		left = min(left, c.partSize-offset)
	}
	if err := c.turnTo(number); err != nil {
		return 0, err
	}
	if int64(len(p)) > left {
		p = p[:left]
	}
	n, err := c.file.ReadAt(p, offset)
	c.at += int64(n)
	if n == len(p) {
		err = nil
	} else if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // the file is shorter than it was
	}
	return n, err
}

// turnTo opens a part.
func (c *content) turnTo(number int) error {
	if c.file != nil && c.open == number {
		return nil
	}
	if err := c.Close(); err != nil {
		return err
	}
	f, err := os.Open(c.part(number))
	if err != nil {
		return lacking(err)
	}
	c.file, c.open = f, number
	return nil
}

// Seek implements io.Seeker.
func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.size
	}
	if offset < 0 {
		return 0, errors.New("files: seek before the beginning")
	}
	c.at = offset
	return offset, nil
}

// Close implements io.Closer.
func (c *content) Close() error {
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}

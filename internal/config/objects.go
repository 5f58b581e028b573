package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
)

// Objects is the embedded storage of files, and what holds for files wherever they are kept.
type Objects struct {
	// Dir holds the files; empty means the directory objects in the data directory.
	// It has no meaning when a bucket is set.
	Dir string `yaml:"dir" env:"PARLEY_OBJECTS_DIR"`
	// MaxFileMB is the size of the largest file, in units of 1,048,576 bytes.
	MaxFileMB int `yaml:"maxFileMB" env:"PARLEY_OBJECTS_MAX_FILE_MB"`
}

// S3 is where files are kept instead of the embedded storage, if Bucket is set.
type S3 struct {
	// Endpoint is the URL by which this server reaches the store.
	Endpoint string `yaml:"endpoint" env:"PARLEY_S3_ENDPOINT" hide:"url"`
	// PublicURL is the URL by which clients do; empty means the endpoint.
	PublicURL string `yaml:"publicURL" env:"PARLEY_S3_PUBLIC_URL" hide:"url"`
	Region    string `yaml:"region" env:"PARLEY_S3_REGION"`
	Bucket    string `yaml:"bucket" env:"PARLEY_S3_BUCKET"`
	AccessKey string `yaml:"accessKey" env:"PARLEY_S3_ACCESS_KEY" hide:"value"`
	SecretKey string `yaml:"secretKey" env:"PARLEY_S3_SECRET_KEY" hide:"value"`
	// PathStyle puts the bucket into the path of addresses instead of the host name.
	PathStyle bool `yaml:"pathStyle" env:"PARLEY_S3_PATH_STYLE"`
}

// maxFileMB is what 10,000 parts of 5 GiB hold.
const maxFileMB = 10_000 * 5 << 10

// ObjectsDir is Objects.Dir, or its place in the data directory when that is empty.
func (c *Config) ObjectsDir() string {
	if c.Objects.Dir != "" {
		return c.Objects.Dir
	}
	return filepath.Join(c.DataDir, "objects")
}

func (v *validator) checkObjects() {
	v.check("objects.maxFileMB", checkRange(v.cfg.Objects.MaxFileMB, 1, maxFileMB))
	s := v.cfg.S3
	if s.Bucket == "" {
		if s.Endpoint != "" || s.AccessKey != "" || s.SecretKey != "" {
			v.check("s3.bucket", errors.New("is empty, but other settings of s3 are not"))
		}
		return
	}
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`).MatchString(s.Bucket) {
		v.check("s3.bucket", fmt.Errorf("must be 3 to 63 lower-case letters, digits, dots and hyphens, not %q", s.Bucket))
	}
	for _, text := range []struct{ name, value string }{
		{"s3.endpoint", s.Endpoint}, {"s3.region", s.Region}, {"s3.accessKey", s.AccessKey}, {"s3.secretKey", s.SecretKey},
	} {
		if text.value == "" {
			v.check(text.name, errors.New("is needed with s3.bucket"))
		}
	}
	v.check("s3.endpoint", checkS3URL(s.Endpoint))
	v.check("s3.publicURL", checkS3URL(s.PublicURL))
}

// checkS3URL wants the address of a host: signatures of S3 know no path before the bucket.
func checkS3URL(text string) error {
	if err := checkPublicURL(text); err != nil {
		return err
	}
	if !regexp.MustCompile(`^(https?://[^/]+/?)?$`).MatchString(text) {
		return errors.New("must not hold a path")
	}
	return nil
}

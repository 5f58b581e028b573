package service

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"regexp"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// Bounds of what one request says about logs.
const (
	maxLogFiles     = 100
	maxLogNameBytes = 1 << 10
	maxLogURLBytes  = 4 << 10
	maxLogExBytes   = 16 << 10
	maxLogTextBytes = 256 // framework, version, keyword
)

// LogUpload is what a client says of the log files it has uploaded.
type LogUpload struct {
	Platform                  im.Platform
	AppFramework, Version, Ex string
	Files                     []LogFile
}

// LogFile is one of them.
type LogFile struct{ Filename, URL string }

// UploadLogs notes where the operator's log files are, one record for each file
// (rest-third-admin.md 1).
func (s *Service) UploadLogs(ctx context.Context, op im.Operator, u LogUpload) error {
	const name = "service.UploadLogs"
	if len(u.Files) == 0 || len(u.Files) > maxLogFiles {
		return im.Errorf(im.Invalid, name, "between 1 and %d files", maxLogFiles)
	}
	if err := usableTexts(name, maxLogTextBytes, u.AppFramework, u.Version); err != nil {
		return err
	}
	if err := usableTexts(name, maxLogExBytes, u.Ex); err != nil {
		return err
	}
	logs := make([]im.ClientLog, len(u.Files))
	for i, f := range u.Files {
		if err := usableTexts(name, maxLogNameBytes, f.Filename); err != nil {
			return err
		}
		if err := usableTexts(name, maxLogURLBytes, f.URL); err != nil {
			return err
		}
		logs[i] = im.ClientLog{
			UserID: op.UserID, URL: f.URL, Filename: f.Filename, CreateTime: s.nowMs(),
			AppFramework: u.AppFramework, Version: u.Version, Ex: u.Ex,
		}
		if u.Platform.Valid() {
			logs[i].Platform = u.Platform.String()
		}
	}
	// Ids are random and few: one that is taken comes up once in ten thousand files.
	const attempts = 3
	for attempt := 1; ; attempt++ {
		for i := range logs {
			id, err := newLogID()
			if err != nil {
				return err
			}
			logs[i].LogID = id
		}
		err := s.store.Update(ctx, func(tx store.Tx) error { return tx.InsertClientLogs(ctx, logs) })
		if !im.IsKind(err, im.Duplicate) || attempt == attempts {
			return err
		}
	}
}

// newLogID returns ten random digits.
func newLogID() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(10_000_000_000))
	if err != nil {
		return "", fmt.Errorf("service.newLogID: %w", err)
	}
	return fmt.Sprintf("%010d", n), nil
}

// LogSearch is what an administrator looks for. Keyword is a regular expression
// on the user's id; the times are inclusive, in milliseconds, both 0 for all.
type LogSearch struct {
	Keyword  string
	From, To int64
}

// FoundLog is a log with its user's present name.
type FoundLog struct {
	im.ClientLog
	Nickname string
}

// oldestLog is where a search begins that names no time.
var oldestLog = time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)

// SearchLogs returns a page of the logs that clients have uploaded, newest
// first, and their number. For administrators.
func (s *Service) SearchLogs(ctx context.Context, op im.Operator, q LogSearch, p Page) ([]FoundLog, int, error) {
	const name = "service.SearchLogs"
	if err := admin(op, name); err != nil {
		return nil, 0, err
	}
	if q.From > q.To {
		return nil, 0, im.Errorf(im.Invalid, name, "startTime is after endTime")
	}
	if q.From == 0 && q.To == 0 {
		q.From, q.To = oldestLog.UnixMilli(), s.nowMs()
	}
	if err := usableTexts(name, maxLogTextBytes, q.Keyword); err != nil {
		return nil, 0, err
	}
	match, err := regexp.Compile(q.Keyword)
	if err != nil {
		return nil, 0, im.Errorf(im.Invalid, name, "keyword is no regular expression")
	}
	keys, err := s.store.ClientLogKeys(ctx, q.From, q.To)
	if err != nil {
		return nil, 0, err
	}
	var ids []string
	for _, k := range keys {
		if match.MatchString(k.UserID) {
			ids = append(ids, k.LogID)
		}
	}
	page := slice(p, ids)
	if len(page) == 0 {
		return nil, len(ids), nil
	}
	logs, err := s.store.ClientLogs(ctx, page)
	if err != nil {
		return nil, 0, err
	}
	logs = byID(page, logs, func(l *im.ClientLog) string { return l.LogID })
	names, err := s.nicknames(ctx, logs)
	if err != nil {
		return nil, 0, err
	}
	out := make([]FoundLog, len(logs))
	for i := range logs {
		out[i] = FoundLog{logs[i], names[logs[i].UserID]}
	}
	return out, len(ids), nil
}

// nicknames returns the present names of those whose logs they are.
func (s *Service) nicknames(ctx context.Context, logs []im.ClientLog) (map[string]string, error) {
	ids := make([]string, len(logs))
	for i := range logs {
		ids[i] = logs[i].UserID
	}
	users, err := s.store.Users(ctx, distinct(ids))
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(users))
	for i := range users {
		out[users[i].UserID] = users[i].Nickname
	}
	return out, nil
}

// DeleteLogs forgets where logs are; the files stay. If one of them is unknown
// none is forgotten: im.NotFound. For administrators.
func (s *Service) DeleteLogs(ctx context.Context, op im.Operator, ids []string) error {
	const name = "service.DeleteLogs"
	if err := admin(op, name); err != nil {
		return err
	}
	if len(ids) == 0 {
		return im.Errorf(im.Invalid, name, "logIDs is empty")
	}
	if err := boundedIDs(name, ids); err != nil {
		return err
	}
	return s.store.Update(ctx, func(tx store.Tx) error { return tx.DeleteClientLogs(ctx, distinct(ids)) })
}

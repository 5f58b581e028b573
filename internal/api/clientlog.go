package api

import (
	"context"

	"github.com/openimsdk/protocol/third"

	"parley/internal/im"
	"parley/internal/service"
)

// ClientLogs is where the log files are that clients have uploaded.
type ClientLogs interface {
	// UploadLogs notes where the operator's files are.
	UploadLogs(ctx context.Context, op im.Operator, u service.LogUpload) error
	// SearchLogs returns a page of them, newest first, and their number.
	SearchLogs(ctx context.Context, op im.Operator, q service.LogSearch, p service.Page) ([]service.FoundLog, int, error)
	// DeleteLogs forgets some; none if one of them is unknown.
	DeleteLogs(ctx context.Context, op im.Operator, ids []string) error
}

func (a *API) uploadLogs(ctx context.Context, op im.Operator, q *third.UploadLogsReq) (none, error) {
	u := service.LogUpload{Platform: im.Platform(q.Platform), AppFramework: q.AppFramework, Version: q.Version, Ex: q.Ex}
	for _, f := range q.FileURLs { // the getters take a null entry
		u.Files = append(u.Files, service.LogFile{Filename: f.GetFilename(), URL: f.GetURL()})
	}
	return none{}, a.service.UploadLogs(ctx, op, u)
}

// clientLog is third.LogInfo. The framework is kept, but not shown.
type clientLog struct {
	UserID     string `json:"userID"`
	Platform   string `json:"platform"`
	URL        string `json:"url"`
	CreateTime int64  `json:"createTime"`
	Nickname   string `json:"nickname"`
	LogID      string `json:"logID"`
	Filename   string `json:"filename"`
	SystemType string `json:"systemType"` // always empty
	Ex         string `json:"ex"`
	Version    string `json:"version"`
}

// clientLogs is third.SearchLogsResp.
type clientLogs struct {
	LogsInfos []clientLog `json:"logsInfos"`
	Total     int         `json:"total"`
}

func (a *API) searchLogs(ctx context.Context, op im.Operator, q *third.SearchLogsReq) (clientLogs, error) {
	found, total, err := a.service.SearchLogs(ctx, op, service.LogSearch{Keyword: q.Keyword, From: q.StartTime, To: q.EndTime}, page(q.Pagination))
	out := clientLogs{Total: total}
	for i := range found {
		l := &found[i]
		out.LogsInfos = append(out.LogsInfos, clientLog{
			UserID: l.UserID, Platform: l.Platform, URL: l.URL, CreateTime: l.CreateTime, Nickname: l.Nickname,
			LogID: l.LogID, Filename: l.Filename, Ex: l.Ex, Version: l.Version,
		})
	}
	return out, err
}

func (a *API) deleteLogs(ctx context.Context, op im.Operator, q *third.DeleteLogsReq) (none, error) {
	return none{}, a.service.DeleteLogs(ctx, op, q.LogIDs)
}

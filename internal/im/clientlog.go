package im

// ClientLog says where a log file is that a client has uploaded (third.LogInfo).
type ClientLog struct {
	LogID        string
	UserID       string
	Platform     string // name; empty for a platform that is not known
	URL          string
	Filename     string
	AppFramework string
	Version      string
	Ex           string
	CreateTime   int64 // ms
}

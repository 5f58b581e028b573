// Package config owns the operator's settings: their names, defaults, sources,
// checks and the way they are shown.
//
// [Load] puts the sources on top of each other (defaults, then the YAML file,
// then the environment, then flags) and remembers for every setting which of
// them had the last word. Every fault it meets, and every fault [Config.Validate]
// finds, is reported at once and names its setting, so that an operator repairs
// a configuration in one go.
//
// All sources go through one parser per type: a value in the file, a variable
// and a flag accept the same text. Names are strict. An unknown key of the file
// or an unknown PARLEY_ variable is a fault, because a mistyped setting that is
// silently ignored is found only in production. The one exception is the
// webhooks section, where text written for the reference's webhooks.yml must be
// accepted unchanged: unknown keys there become warnings.
//
// The package also keeps the two things of the data directory that exist before
// any other part runs: the generated secret ([ResolveSecret]) and the lock that
// stops a second server on the same directory ([LockDir]).
//
// It starts no goroutines and keeps no package state. It never logs: it returns
// errors and warnings, and the caller decides.
package config

import (
	"path/filepath"
	"strings"
)

// Config is the whole configuration of one server. Make it with [Default] or
// [Load]; the zero value does not validate.
//
// The yaml tag is the key in the file, the env tag the variable, and the hide
// tag says how much of a value [Config.Print] and faults may show: "value" hides
// all of it, "url" hides the credentials inside a URL.
type Config struct {
	// DataDir holds everything the server keeps: database, media, generated secret, lock.
	DataDir string `yaml:"dataDir" env:"PARLEY_DATA_DIR"`
	// Secret signs user tokens and is what /auth/get_admin_token asks for.
	// Empty means: generated at first start, see ResolveSecret.
	Secret string `yaml:"secret" env:"PARLEY_SECRET" hide:"value"`
	// PublicURL is how clients reach the API from outside, for links in answers.
	// Empty means: taken from the request.
	PublicURL string `yaml:"publicURL" env:"PARLEY_PUBLIC_URL" hide:"url"`

	API        API        `yaml:"api"`
	WS         WS         `yaml:"ws"`
	Admin      Admin      `yaml:"admin"`
	Store      Store      `yaml:"store"`
	NATS       NATS       `yaml:"nats"`
	Node       Node       `yaml:"node"`
	MultiLogin MultiLogin `yaml:"multiLogin"`
	Token      Token      `yaml:"token"`
	Friend     Friend     `yaml:"friend"`
	Group      Group      `yaml:"group"`
	Expiry     Expiry     `yaml:"expiry"`
	Objects    Objects    `yaml:"objects"`
	S3         S3         `yaml:"s3"`
	Limits     Limits     `yaml:"limits"`
	Push       Push       `yaml:"push"`
	Log        Log        `yaml:"log"`
	Webhooks   Webhooks   `yaml:"webhooks"`

	origins  map[string]Origin
	warnings []string
}

// API is the REST listener.
type API struct {
	// Listen is HOST:PORT; an empty host means all addresses, port 0 a free one.
	Listen string `yaml:"listen" env:"PARLEY_API_LISTEN"`
}

// WS is the WebSocket listener.
type WS struct {
	// Listen is HOST:PORT; an empty host means all addresses, port 0 a free one.
	Listen string `yaml:"listen" env:"PARLEY_WS_LISTEN"`
	// MaxConnections is how many sockets are open at once before new ones are refused.
	MaxConnections int `yaml:"maxConnections" env:"PARLEY_WS_MAX_CONNECTIONS"`
	// MaxFrameBytes is the largest frame a client may send.
	MaxFrameBytes int `yaml:"maxFrameBytes" env:"PARLEY_WS_MAX_FRAME_BYTES"`
}

// Admin is the operators' listener (health, metrics, profiles) and who the
// administrators of the messaging itself are.
type Admin struct {
	// Listen is HOST:PORT. The pages behind it have no login.
	Listen string `yaml:"listen" env:"PARLEY_ADMIN_LISTEN"`
	// UserIDs may use the administrators' part of the API; the first one is the
	// user that `parley token --admin` mints for.
	UserIDs StringList `yaml:"userIDs" env:"PARLEY_ADMIN_USER_IDS"`
	// GrafanaURL is where /third/prometheus of the API sends browsers; empty means nowhere.
	GrafanaURL string `yaml:"grafanaURL" env:"PARLEY_ADMIN_GRAFANA_URL" hide:"url"`
}

// Store is the database.
type Store struct {
	// URL is `sqlite:PATH` or `postgres://…`; empty means SQLite in the data directory.
	URL string `yaml:"url" env:"PARLEY_STORE_URL" hide:"url"`
}

// NATS is the bus between nodes.
type NATS struct {
	// URL is where NATS is; empty means one node.
	URL string `yaml:"url" env:"PARLEY_NATS_URL" hide:"url"`
}

// Node is this process among others.
type Node struct {
	// ID names the node; it must differ between nodes on one database.
	ID string `yaml:"id" env:"PARLEY_NODE_ID"`
}

// MultiLogin says how many devices of one user may be logged in at once.
type MultiLogin struct {
	// Policy is 0 (nobody is logged out), 1 (one per platform), 4 (one per class
	// of platform) or 5 (desktops free, everything else exclusive).
	Policy int `yaml:"policy" env:"PARLEY_MULTI_LOGIN_POLICY"`
	// MaxNumOneEnd bounds the logins per platform under policy 0.
	MaxNumOneEnd int `yaml:"maxNumOneEnd" env:"PARLEY_MULTI_LOGIN_MAX_NUM_ONE_END"`
}

// Token is about the tokens users hold.
type Token struct {
	// ExpireDays is how long a new token lives.
	ExpireDays int `yaml:"expireDays" env:"PARLEY_TOKEN_EXPIRE_DAYS"`
}

// Friend is about what friendship is needed for.
type Friend struct {
	// Verify makes friendship a condition of a message between two users.
	Verify bool `yaml:"verify" env:"PARLEY_FRIEND_VERIFY"`
}

// Group is about what members of groups may do.
type Group struct {
	// EnableHistoryForNewMembers lets those who enter a group read what was said before.
	EnableHistoryForNewMembers bool `yaml:"enableHistoryForNewMembers" env:"PARLEY_GROUP_ENABLE_HISTORY_FOR_NEW_MEMBERS"`
}

// Expiry is about messages that are taken away because of their age.
type Expiry struct {
	// At is the local time of the daily run, HH:MM.
	At string `yaml:"at" env:"PARLEY_EXPIRY_AT"`
	// RetainChatRecords is for how many days messages are kept; below 1 for ever.
	RetainChatRecords int `yaml:"retainChatRecords" env:"PARLEY_EXPIRY_RETAIN_CHAT_RECORDS"`
}

// Log is what goes to stderr.
type Log struct {
	// Level is debug, info, warn or error.
	Level string `yaml:"level" env:"PARLEY_LOG_LEVEL"`
	// Format is text or json.
	Format string `yaml:"format" env:"PARLEY_LOG_FORMAT"`
}

// Default returns the configuration of a server that was told nothing.
func Default() *Config {
	return &Config{
		DataDir: "./data",
		API:     API{Listen: ":10002"},
		WS: WS{
			Listen:         ":10001",
			MaxConnections: 100_000,
			// A message body is a few KiB; 1 MiB leaves room for merged
			// messages and bounds what one client can make the server hold.
			MaxFrameBytes: 1 << 20,
		},
		Admin:      Admin{Listen: "127.0.0.1:10003", UserIDs: StringList{"imAdmin"}},
		Node:       Node{ID: "node1"},
		MultiLogin: MultiLogin{Policy: 1, MaxNumOneEnd: 30},
		Token:      Token{ExpireDays: 90},
		Group:      Group{EnableHistoryForNewMembers: true},
		Expiry:     Expiry{At: "02:00", RetainChatRecords: 365},
		Objects:    Objects{MaxFileMB: 4096},
		S3:         S3{Region: "us-east-1", PathStyle: true},
		Limits:     defaultLimits(),
		Push:       Push{Queue: 10_000, Workers: 16},
		Log:        Log{Level: "info", Format: "text"},
		Webhooks:   defaultWebhooks(),
	}
}

// StoreURL is Store.URL, or the SQLite database in the data directory when that is empty.
func (c *Config) StoreURL() string {
	if c.Store.URL != "" {
		return c.Store.URL
	}
	return sqlitePrefix + filepath.Join(c.DataDir, "parley.db")
}

// SQLitePath is the database file of StoreURL, and ok is false when the store is not SQLite.
func (c *Config) SQLitePath() (path string, ok bool) {
	return strings.CutPrefix(c.StoreURL(), sqlitePrefix)
}

// AdminUserID is the administrator that the server's own tools act as.
func (c *Config) AdminUserID() string {
	if len(c.Admin.UserIDs) == 0 {
		return ""
	}
	return c.Admin.UserIDs[0]
}

// Warnings are what Load accepted but an operator should hear of.
// [Config.Report] adds what can only be said about the whole.
func (c *Config) Warnings() []string { return c.warnings }

const sqlitePrefix = "sqlite:"

package im

// Credential is what a verified token says.
type Credential struct {
	UserID    string
	Platform  Platform
	TokenHash string // names the token among those of the user; never the token itself
	ExpiresAt int64  // ms
}

// OnlineStatus is the set of platforms a user is connected from, ascending; empty = offline.
type OnlineStatus struct {
	UserID    string
	Platforms []Platform
}

// Connection is one live connection of a user.
type Connection struct {
	ID         string
	UserID     string
	Platform   Platform
	Background bool
	Token      string
}

// LoginPolicy says which terminals of a user exclude one another (gateway.md 7.3).
type LoginPolicy int

// The policies of the wire.
const (
	PolicyNoKick       LoginPolicy = 0
	PolicySameTerminal LoginPolicy = 1
	PolicySameClass    LoginPolicy = 4
	PolicyPCFree       LoginPolicy = 5
)

// Kicks reports whether, under the policy, a new connection from platform
// newcomer ends an existing one of the same user from platform other (gateway.md 7.3 B).
func (p LoginPolicy) Kicks(newcomer, other Platform) bool {
	switch p {
	case PolicySameTerminal:
		return newcomer == other
	case PolicySameClass:
		return newcomer.Class() == other.Class()
	case PolicyPCFree:
		return newcomer.Class() != ClassPC && other.Class() != ClassPC
	}
	return false
}

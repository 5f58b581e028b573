package api

import "parley/internal/service"

// changes is what all answers of the incremental routes have in common
// (incremental-sync.md 5).
type changes[T any] struct {
	Version   uint64   `json:"version"`
	VersionID string   `json:"versionID"`
	Full      bool     `json:"full"`
	Delete    []string `json:"delete"`
	Insert    []T      `json:"insert"`
	Update    []T      `json:"update"`
}

func changed[T any](c service.Changes[T]) changes[T] {
	return changes[T]{c.Version.Number, c.Version.ID, c.Full, c.Delete, c.Insert, c.Update}
}

// sortedChanges is the answer of lists whose order clients follow.
type sortedChanges[T any] struct {
	changes[T]
	SortVersion uint64 `json:"sortVersion"`
}

func sorted[T any](c service.Changes[T]) sortedChanges[T] {
	return sortedChanges[T]{changed(c), c.SortVersion}
}

// listHead is what all answers of the full-ID routes have in common
// (incremental-sync.md 7).
type listHead struct {
	Version   uint64 `json:"version"`
	VersionID string `json:"versionID"`
	Equal     bool   `json:"equal"`
}

func headOf(f service.FullIDs) listHead { return listHead{f.Version.Number, f.Version.ID, f.Equal} }

// fullUserIDs is group.GetFullGroupMemberUserIDsResp and relation.GetFullFriendUserIDsResp.
type fullUserIDs struct {
	listHead
	UserIDs []string `json:"userIDs"`
}

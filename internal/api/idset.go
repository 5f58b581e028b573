package api

import (
	"bytes"
	"encoding/json"
	"errors"

	"parley/internal/service"
)

// idSet is a list of ids that holds each id once, in the order of their first
// mention, however often a body repeats it. The SDK repeats the whole list for each
// id that its cache does not know: for the names of three hundred chats, which is one
// page of a new device's first sync, it sends ninety thousand ids. What a repetition
// costs here is its bytes in the body.
//
// No more ids are kept than it takes for the service to refuse them.
type idSet []string

// UnmarshalJSON implements [json.Unmarshaler]. The text is valid JSON already.
func (l *idSet) UnmarshalJSON(text []byte) error {
	text = bytes.TrimSpace(text)
	if string(text) == "null" { // as with any list
		*l = nil
		return nil
	}
	if text[0] != '[' {
		var list []string
		return json.Unmarshal(text, &list) // for its error
	}
	ids := make([]string, 0, 8)
	seen := make(map[string]bool)
	for rest := text[1:]; ; {
		rest = bytes.TrimLeft(rest, " \t\r\n,")
		if rest[0] == ']' {
			break
		}
		raw, plain := firstElement(rest)
		rest = rest[len(raw):]
		if plain && seen[string(raw[1:len(raw)-1])] { // most of them; this does not allocate
			continue
		}
		var id string
		if err := json.Unmarshal(raw, &id); err != nil {
			return err
		}
		if !seen[id] && len(ids) <= service.MaxIDs {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	*l = ids
	return nil
}

// firstElement returns the first value of a part of a list, and whether it is a string
// that stands for its own bytes.
func firstElement(list []byte) (raw []byte, plain bool) {
	if list[0] != '"' {
		// A value that is no string is refused, and so is a list or an object at its first byte.
		n := bytes.IndexAny(list, ",] \t\r\n")
		return list[:n], false
	}
	plain = true
	for i := 1; ; i++ {
		switch c := list[i]; {
		case c == '"':
			return list[:i+1], plain
		case c == '\\':
			plain = false
			i++ // what follows belongs to it
		case c >= 0x80:
			plain = false // it may be no UTF-8
		}
	}
}

// usersReq is user.GetDesignateUsersReq.
type usersReq struct {
	UserIDs idSet `json:"userIDs"`
}

// Check refuses a request without the list, as the protocol's own does.
func (q *usersReq) Check() error {
	if q.UserIDs == nil {
		return errors.New("UserIDs is empty") // the capital is its own
	}
	return nil
}

// membersReq is group.GetGroupMembersInfoReq.
type membersReq struct {
	GroupID string `json:"groupID"`
	UserIDs idSet  `json:"userIDs"`
}

// Check refuses a request without its group or the list, as the protocol's own does.
func (q *membersReq) Check() error {
	switch {
	case q.GroupID == "":
		return errors.New("groupID is empty")
	case q.UserIDs == nil:
		return errors.New("userIDs is empty")
	}
	return nil
}

// withRepetitions has a route take bodies as large as an administrator's from
// everybody: its ids are in an idSet.
func (e *endpoint) withRepetitions() *endpoint {
	e.repetitive = true
	return e
}

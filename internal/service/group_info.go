package service

import (
	"context"
	"strings"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/webhook"
)

// Bounds of a group's texts. Every member gets all of them with each notification
// about the group, so together they stay below a quarter of a client's frame.
const (
	maxNameBytes = 4 << 10
	maxTextBytes = 64 << 10
)

// checkText is usableTexts for texts of which some may not be given.
func checkText(name string, limit int, texts ...*string) error {
	for _, t := range texts {
		if t == nil {
			continue
		}
		if err := usableTexts(name, limit, *t); err != nil {
			return err
		}
	}
	return nil
}

// SetGroupInfo changes those of a group's settings that the patch gives, whose
// texts are not empty (rest-group.md 3, webhooks.md D.11).
func (s *Service) SetGroupInfo(ctx context.Context, op im.Operator, groupID string, p im.GroupPatch) error {
	return s.setGroupInfo(ctx, op, "service.SetGroupInfo", groupID, p, im.BeforeSetGroupInfo, im.AfterSetGroupInfo)
}

// SetGroupInfoEx changes those of a group's settings that the patch gives, empty
// values included (rest-group.md 3, webhooks.md D.13).
func (s *Service) SetGroupInfoEx(ctx context.Context, op im.Operator, groupID string, p im.GroupPatch) error {
	return s.setGroupInfo(ctx, op, "service.SetGroupInfoEx", groupID, p, im.BeforeSetGroupInfoEx, im.AfterSetGroupInfoEx)
}

// checkInfo refuses settings that a group cannot have.
func checkInfo(name string, p *im.GroupPatch) error {
	if err := checkText(name, maxNameBytes, p.GroupName, p.FaceURL); err != nil {
		return err
	}
	return checkText(name, maxTextBytes, p.Notification, p.Introduction, p.Ex)
}

// setGroupInfo changes a group's settings and tells its members.
func (s *Service) setGroupInfo(ctx context.Context, op im.Operator, name, groupID string, p im.GroupPatch, before, after im.Command) error {
	if err := usableIDs(name, groupID); err != nil {
		return err
	}
	if err := checkInfo(name, &p); err != nil {
		return err
	}
	if err := s.askInfo(ctx, op, name, before, groupID, &p); err != nil {
		return err
	}
	if err := checkInfo(name, &p); err != nil {
		return err
	}
	if p.GroupName != nil && strings.TrimSpace(*p.GroupName) == "" {
		p.GroupName = nil
	}
	announced := false
	if p.Notification != nil {
		text, now := strings.TrimSpace(*p.Notification), s.nowMs()
		p.Notification, p.NotificationUserID, p.NotificationUpdateTime = &text, &op.UserID, &now
		announced = text != ""
	}
	other := p.Introduction != nil || p.FaceURL != nil || p.Ex != nil || p.NeedVerification != nil ||
		p.LookMemberInfo != nil || p.ApplyMemberFriend != nil
	announcement, renamed, changed, err := s.infoNotices(ctx, op, groupID, p, announced, other)
	if err != nil {
		return err
	}
	told := append(append(announcement[:len(announcement):len(announcement)], renamed...), changed...)
	err = s.changeGroup(ctx, op, name, groupID, told, func(ctx context.Context, t *groupTx) error {
		if err := t.manager(ctx, im.NotFound); err != nil {
			return err
		}
		if err := t.live(); err != nil {
			return err
		}
		if t.group.OwnerUserID == "" {
			return im.Errorf(im.NotFound, name, "group %s has no owner", groupID)
		}
		if len(told) == 0 { // nothing was given
			return errUnchanged
		}
		if err := t.PatchGroup(ctx, groupID, p); err != nil {
			return err
		}
		if err := t.emit(ctx, after, "", func(id string) []byte { return webhook.GroupInfoBody(after, id, groupID, p) }); err != nil {
			return err
		}
		v, err := t.step(ctx, viewStep{}, im.ChangeUpdate, im.GroupMarker)
		if err != nil {
			return err
		}
		g, operator, err := t.scene(ctx)
		if err != nil {
			return err
		}
		tips := groupTips{OpUser: operator, Group: g, memberVersion: at(v)}
		if err := setTips(append(announcement[:len(announcement):len(announcement)], renamed...), tips); err != nil {
			return err
		}
		return setTips(changed, groupInfoSetTips{OpUser: operator, Group: g, memberVersion: at(v)})
	})
	if err == nil && announced {
		s.later(op, im.GroupConversationID(groupID), func(ctx context.Context, op im.Operator) error { return s.flagAnnouncement(ctx, op, groupID) })
	}
	return err
}

// infoNotices makes the messages about changed settings, one kind for each kind of change.
func (s *Service) infoNotices(ctx context.Context, op im.Operator, groupID string, p im.GroupPatch, announced, other bool) (announcement, renamed, changed []*msglog.Delivery, err error) {
	sender, err := s.user(ctx, op.UserID)
	if err != nil && !im.IsKind(err, im.NotFound) {
		return nil, nil, nil, err
	}
	n := notice{from: op.UserID, to: groupID, session: im.SessionGroup}
	if p.Notification != nil {
		n.contentType, n.clone, n.sender = im.ContentGroupAnnouncement, announced, sender
		announcement = s.deliveries(op, n)
	}
	if p.GroupName != nil {
		n.contentType, n.clone, n.sender = im.ContentGroupNameSet, true, nil
		renamed = s.deliveries(op, n)
	}
	if other {
		n.contentType, n.clone, n.sender = im.ContentGroupInfoSet, false, sender
		changed = s.deliveries(op, n)
	}
	return announcement, renamed, changed, nil
}

// MuteGroup silences a group's ordinary members, or lets them speak again.
func (s *Service) MuteGroup(ctx context.Context, op im.Operator, groupID string, mute bool) error {
	const name = "service.MuteGroup"
	if err := usableIDs(name, groupID); err != nil {
		return err
	}
	if err := s.manages(ctx, op, name, groupID); err != nil {
		return err
	}
	status, contentType := int32(im.GroupOK), int32(im.ContentGroupMuteCancelled)
	if mute {
		status, contentType = im.GroupMuted, im.ContentGroupMuted
	}
	told := s.groupNotice(op, contentType, groupID, true)
	return s.changeGroup(ctx, op, name, groupID, told, func(ctx context.Context, t *groupTx) error {
		if err := t.manager(ctx, im.Denied); err != nil {
			return err
		}
		if err := t.live(); err != nil {
			return err
		}
		if err := t.PatchGroup(ctx, groupID, im.GroupPatch{Status: &status}); err != nil {
			return err
		}
		v, err := t.step(ctx, viewStep{state: &status}, im.ChangeUpdate, im.GroupMarker)
		if err != nil {
			return err
		}
		g, operator, err := t.scene(ctx)
		if err != nil {
			return err
		}
		return setTips(told, groupMutedTips{Group: g, OpUser: operator, memberVersion: at(v)})
	})
}

// manages refuses whoever does not run a group, without a transaction.
func (s *Service) manages(ctx context.Context, op im.Operator, name, groupID string) error {
	if op.Admin {
		return nil
	}
	g, err := s.group(ctx, groupID)
	if err != nil && !im.IsKind(err, im.NotFound) {
		return err
	}
	if err == nil {
		if m, ok := g.member(op.UserID); ok && m.RoleLevel >= im.RoleAdmin {
			return nil
		}
	}
	return im.Errorf(im.Denied, name, "neither owner nor administrator of group %s", groupID)
}

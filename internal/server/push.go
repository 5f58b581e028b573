package server

import (
	"context"
	"fmt"
	"os"
	"time"

	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/push"
	"parley/internal/service"
	"parley/internal/wire"
)

// pushStopWait is how long notifications under way may take when the server
// stops; those that take longer are sent again by the next one.
const pushStopWait = 3 * time.Second

// newPusher returns what tells devices that are offline.
func (s *Server) newPusher(svc *service.Service) (*push.Pusher, error) {
	vendor, err := pushVendor(&s.cfg.Push)
	if err != nil {
		return nil, err
	}
	node := s.cfg.Node.ID
	if _, local := s.cfg.SQLitePath(); !local {
		// Two processes that were given the same name must not take each other's work.
		node += "/" + im.NewID()[:8]
	}
	return push.New(push.Options{
		Store: s.store, Asker: s.asker, Vendor: vendor, Decode: wire.ParseBody, Node: node,
		Queue: s.cfg.Push.Queue, Workers: s.cfg.Push.Workers, Log: s.log, Metrics: s.registry,
		Online:  func(userID string) bool { return s.gateway.PhoneOnline(userID) },
		Members: func(ctx context.Context, groupID string) (push.Roster, error) { return svc.Roster(ctx, groupID) },
	})
}

// pushVendor returns the vendor of the operator's choice, or nil.
func pushVendor(c *config.Push) (push.Vendor, error) {
	switch c.Enable {
	case config.PushFCM:
		account, err := os.ReadFile(c.FCMAccountFile)
		if err != nil {
			return nil, fmt.Errorf("push.fcmAccountFile: %w", err)
		}
		v, err := push.NewFCM(push.FCMOptions{Account: account, URL: c.FCMURL, TokenURL: c.FCMTokenURL})
		if err != nil {
			return nil, fmt.Errorf("push.fcmAccountFile: %s %w", c.FCMAccountFile, err)
		}
		return v, nil
	case config.PushAPNs:
		key, err := os.ReadFile(c.APNsKeyFile)
		if err != nil {
			return nil, fmt.Errorf("push.apnsKeyFile: %w", err)
		}
		v, err := push.NewAPNs(push.APNsOptions{
			Key: key, KeyID: c.APNsKeyID, TeamID: c.APNsTeamID, Topic: c.APNsTopic, Development: c.APNsDevelopment, URL: c.APNsURL,
		})
		if err != nil {
			return nil, fmt.Errorf("push.apnsKeyFile: %s %w", c.APNsKeyFile, err)
		}
		return v, nil
	case config.PushGetui:
		return push.NewGetui(push.GetuiOptions{
			AppID: c.GetuiAppID, AppKey: c.GetuiAppKey, MasterSecret: c.GetuiMasterSecret, Intent: c.GetuiIntent, URL: c.GetuiURL,
		}), nil
	case config.PushJPush:
		return push.NewJPush(push.JPushOptions{
			AppKey: c.JPushAppKey, MasterSecret: c.JPushMasterSecret, Intent: c.JPushIntent, Development: c.JPushDevelopment, URL: c.JPushURL,
		}), nil
	}
	return nil, nil
}

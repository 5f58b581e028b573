package e2e

import "parley/imtest"

// noEndpoint is the id of an endpoint that nobody has made.
const noEndpoint = "ep_0123456789abcdef"

var webhookBodies = map[string]func(*cell) imtest.H{
	"/webhook/get_endpoints":   always(imtest.H{}),
	"/webhook/add_endpoint":    always(imtest.H{"url": "https://audit.test/", "commands": []string{"afterUserKickOff"}}),
	"/webhook/update_endpoint": always(imtest.H{"endpointID": noEndpoint, "rate": 1}),
	"/webhook/remove_endpoint": always(imtest.H{"endpointID": noEndpoint}),
	"/webhook/rotate_secret":   always(imtest.H{"endpointID": noEndpoint}),
	"/webhook/pause_endpoint":  always(imtest.H{"endpointID": noEndpoint}),
	"/webhook/resume_endpoint": always(imtest.H{"endpointID": noEndpoint}),
	"/webhook/get_events":      always(imtest.H{}),
	"/webhook/get_event":       always(imtest.H{"eventID": "evt_0"}),
	"/webhook/replay_events":   always(imtest.H{"state": "dead"}),
	"/webhook/discard_events":  always(imtest.H{"state": "dead"}),
	"/webhook/send_test_event": always(imtest.H{"endpointID": noEndpoint, "command": "afterUserOnline"}),
	"/webhook/get_settings":    always(imtest.H{}),
}

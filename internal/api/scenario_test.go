package api

import (
	"fmt"
	"strings"
	"testing"
)

// scenario is a request whose exact answer and effects are in a golden file.
type scenario struct {
	name  string
	given []request // come before and must succeed
	request
}

// family is the scenarios of one part of the table.
type family struct {
	name      string
	scenarios []scenario
}

func families() []family {
	return []family{
		{"auth", authScenarios()},
		{"user", userScenarios()},
		{"send", sendScenarios()},
		{"msg", msgScenarios()},
		{"group", groupScenarios()},
		{"grouplife", groupLifeScenarios()},
		{"grouplist", groupListScenarios()},
		{"friend", friendScenarios()},
		{"contact", contactScenarios()},
		{"account", accountScenarios()},
		{"conversation", conversationScenarios()},
		{"conversation_set", conversationSetScenarios()},
		{"msg_change", msgChangeScenarios()},
		{"msg_send", msgSendScenarios()},
		{"push", pushScenarios()},
		{"third", thirdScenarios()},
		{"statistics", statisticsScenarios()},
		{"jssdk", jssdkScenarios()},
		{"operator", operatorScenarios()},
		{"object", objectScenarios()},
		{"webhook", webhookScenarios()},
	}
}

func (s scenario) title() string {
	parts := strings.Split(s.route(), "/")
	return parts[len(parts)-1] + ": " + s.name
}

// route returns the path without a query.
func (r request) route() string {
	path, _, _ := strings.Cut(r.path, "?")
	return path
}

// TestScenarios plays every scenario in a world of its own, over HTTP.
func TestScenarios(t *testing.T) {
	t.Parallel()
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			g := openGolden(t, f.name)
			var names []string
			played := 0
			t.Cleanup(func() { g.finish(t, names, played == len(f.scenarios)) })
			for _, s := range f.scenarios {
				names = append(names, s.title())
			}
			group := func(t *testing.T) {
				for _, s := range f.scenarios {
					t.Run(s.title(), func(t *testing.T) {
						played++
						t.Parallel()
						g.check(t, s.title(), s.play(t))
					})
				}
			}
			group(t)
		})
	}
}

// play returns what the golden file keeps of a scenario.
func (s scenario) play(t *testing.T) string {
	w := newWorld(t)
	for _, q := range s.given {
		if status, answer := w.post(q); status != 200 || answer != nil && !strings.HasPrefix(string(answer), `{"errCode":0,`) {
			t.Fatalf("given %s %s: HTTP %d %s", q.path, q.body, status, answer)
		}
	}
	w.effects()
	status, answer := w.post(s.request)
	var b strings.Builder
	who := s.as
	if who == "" {
		who = "nobody"
	}
	fmt.Fprintf(&b, "%s POST %s\n%s\nHTTP %d\n%s\n", who, s.path, s.body, status, normal(t, answer))
	for _, e := range w.effects() {
		b.WriteString(e + "\n")
	}
	if logged := w.logged.String(); logged != "" {
		t.Errorf("logged: %s", logged)
	}
	return b.String()
}

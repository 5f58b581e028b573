package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/server"
)

// refusedWith returns the code of a refusal, 0 if there is none.
func refusedWith(t *testing.T, err error) int {
	t.Helper()
	var refused *imtest.Error
	if err != nil && !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if refused == nil {
		return 0
	}
	return refused.Code
}

// TestLimits sends far more than the configuration allows: at one a second only a
// machine that takes minutes for it would not be refused.
func TestLimits(t *testing.T) {
	t.Parallel()
	const tries = 200
	s := imtest.Start(t, func(c *config.Config) {
		c.Limits.GroupRate, c.Limits.GroupBurst = 1, 3
		c.Limits.Routes = config.StringList{"/msg/get_server_time=1/2"}
	})
	register(t, s, "ann", "bob")
	if err := s.AsAdmin("/group/create_group", imtest.H{"ownerUserID": "ann", "memberUserIDs": []string{"bob"}, "groupInfo": imtest.H{"groupID": "g", "groupType": 2}}, nil); err != nil {
		t.Fatal(err)
	}
	ann := login(t, s, "ann", imtest.DialOptions{})
	codes := map[int]int{}
	for range tries {
		_, err := ann.Send(ann.Text("", "g", "hi"))
		codes[refusedWith(t, err)]++
	}
	if codes[0] < 3 || codes[429] == 0 || codes[0]+codes[429] != tries {
		t.Errorf("into a group over a socket: %v", codes)
	}
	if _, err := ann.Send(ann.Text("bob", "", "hi")); err != nil {
		t.Errorf("into another chat: %v", err)
	}
	if _, err := s.SendText("ann", "", "g", "hi"); err != nil {
		t.Errorf("an administrator into the group: %v", err)
	}
	codes = map[int]int{}
	for range tries {
		codes[refusedWith(t, s.Post(ann.token, "/msg/get_server_time", imtest.H{}, nil))]++
	}
	if codes[0] < 2 || codes[429] == 0 || codes[0]+codes[429] != tries {
		t.Errorf("a user to a route: %v", codes)
	}
	for range tries {
		if err := s.AsAdmin("/msg/get_server_time", imtest.H{}, nil); err != nil {
			t.Fatalf("an administrator to a route: %v", err)
		}
	}
	metrics := get(t, s.Admin+"/metrics")
	for _, want := range []string{`parley_api_limited_total{limit="route"}`, "parley_group_limited_total"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no metric %s", want)
		}
	}
}

// TestDefaultLimits: an administrator's thousands of requests, and the burst of a
// user's app that starts, pass.
func TestDefaultLimits(t *testing.T) {
	t.Parallel()
	s := imtest.Start(t)
	register(t, s, "ann")
	token, err := s.UserToken("ann", im.PlatformAndroid)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if err := s.Post(token, "/msg/get_server_time", imtest.H{}, nil); err != nil {
			t.Fatalf("a user: %v", err)
		}
	}
	for range 5000 {
		if err := s.AsAdmin("/msg/get_server_time", imtest.H{}, nil); err != nil {
			t.Fatalf("an administrator: %v", err)
		}
	}
}

// TestLimitsNameRoutes: a limit of a route that does not exist would limit nothing.
func TestLimitsNameRoutes(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.DataDir, cfg.Secret = t.TempDir(), imtest.Secret
	cfg.Limits.Routes = config.StringList{"/user/get_user=1"}
	srv, err := server.New(server.Options{Config: cfg, Log: imtest.Logger(t), Version: "test"})
	if err == nil {
		if err := srv.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err == nil || !strings.Contains(err.Error(), "limits.routes") || !strings.Contains(err.Error(), "/user/get_user") {
		t.Errorf("got %v", err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: HTTP %d %v", url, resp.StatusCode, err)
	}
	return string(body)
}

// TestDescriptions asks a running server for what describes it.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	s := imtest.Start(t)
	var description struct {
		OpenAPI string
		Paths   map[string]any
	}
	if err := json.Unmarshal([]byte(get(t, s.Admin+"/openapi.json")), &description); err != nil {
		t.Fatal(err)
	}
	for _, path := range routesOf(t) {
		if description.Paths[path] == nil {
			t.Errorf("/openapi.json lacks %s", path)
		}
	}
	if description.OpenAPI != "3.1.0" {
		t.Errorf("/openapi.json is of version %q", description.OpenAPI)
	}
	var found []struct{ Targets []string }
	if err := json.Unmarshal([]byte(get(t, s.API+"/prometheus_discovery/api")), &found); err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || len(found[0].Targets) != 1 || !strings.Contains(get(t, "http://"+found[0].Targets[0]+"/metrics"), "parley_build_info") {
		t.Errorf("Prometheus finds %v", found)
	}
	var list struct{ ConfigNames []string }
	if err := s.AsAdmin("/config/get_config_list", imtest.H{}, &list); err != nil {
		t.Fatal(err)
	}
	for _, name := range list.ConfigNames {
		var text string
		if err := s.AsAdmin("/config/get_config", imtest.H{"configName": name}, &text); err != nil {
			t.Fatal(err)
		}
		var settings struct {
			Secret string
			Admin  struct{ UserIDs []string }
		}
		if err := json.Unmarshal([]byte(text), &settings); err != nil || len(settings.Admin.UserIDs) != 1 || strings.Contains(text, imtest.Secret) {
			t.Errorf("%s: %v %s", name, err, text)
		}
	}
	if len(list.ConfigNames) == 0 {
		t.Error("there are no settings")
	}
}

package api

import (
	"context"
	"encoding/json"
	"net"
	"net/http"

	"parley/internal/im"
)

// Host is the process around an API, as the routes for operators show it
// (rest-third-admin.md 6 and 7). Nothing of it can be changed over HTTP: the
// settings are the operator's files, flags and variables, and whoever steals an
// administrator's token must not get at them.
type Host struct {
	Version string
	// Settings returns the effective configuration as JSON, secrets hidden. Nil: there is none to show.
	Settings func() ([]byte, error)
	// Metrics returns HOST:PORT of the listener that serves /metrics; HOST may be empty. Nil: nowhere.
	Metrics func() string
	// Dashboard is where /third/prometheus sends browsers. Empty: nowhere.
	Dashboard string
}

// settingsName is the one document that the configuration routes know.
const settingsName = "parley.yml"

// environment is what the server runs in, as far as consoles are told.
const environment = "standalone"

// Why the changing routes refuse everybody.
const (
	noChange  = "settings are changed in the server's configuration file, not over HTTP"
	noRestart = "the server is restarted by its operator, not over HTTP"
)

func unusable(name, why string) error { return im.Errorf(im.Unusable, name, "%s", why) }

// adminsOnlyFirst makes a route refuse others before it looks at the body.
func (e *endpoint) adminsOnlyFirst() *endpoint {
	e.adminsFirst = true
	return e
}

// withoutBody makes a route ignore the body.
func (e *endpoint) withoutBody() *endpoint {
	e.bodyless = true
	return e
}

// refusingAll marks a route that refuses administrators, too.
func (e *endpoint) refusingAll() *endpoint {
	e.unusable = true
	return e
}

// empty is a request without fields.
type empty struct{}

// configList is the answer of /config/get_config_list.
type configList struct {
	Environment string   `json:"environment"`
	Version     string   `json:"version"`
	ConfigNames []string `json:"configNames"`
}

func (a *API) configList(context.Context, im.Operator, *empty) (configList, error) {
	out := configList{Environment: environment, Version: a.o.Host.Version}
	if a.o.Host.Settings != nil {
		out.ConfigNames = append(out.ConfigNames, settingsName)
	}
	return out, nil
}

// configReq is the body of /config/get_config.
type configReq struct {
	ConfigName string `json:"configName"`
}

// config answers with a string that holds JSON.
func (a *API) config(_ context.Context, _ im.Operator, q *configReq) (string, error) {
	const name = "api.config"
	if q.ConfigName != settingsName || a.o.Host.Settings == nil {
		return "", im.Errorf(im.Invalid, name, "configName must be one of get_config_list")
	}
	text, err := a.o.Host.Settings()
	return string(text), err
}

// setConfigReq is the body of /config/set_config.
type setConfigReq struct {
	ConfigName string `json:"configName"`
	Data       string `json:"data"`
}

// managerReq is the body of /config/set_enable_config_manager.
type managerReq struct {
	Enable bool `json:"enable"`
}

func (a *API) setConfig(context.Context, im.Operator, *setConfigReq) (none, error) {
	return none{}, unusable("api.setConfig", noChange)
}

func (a *API) resetConfig(context.Context, im.Operator, *empty) (none, error) {
	return none{}, unusable("api.resetConfig", noChange)
}

func (a *API) setManager(context.Context, im.Operator, *managerReq) (none, error) {
	return none{}, unusable("api.setManager", noChange)
}

func (a *API) restart(context.Context, im.Operator, *empty) (none, error) {
	return none{}, unusable("api.restart", noRestart)
}

// managerState is the answer of /config/get_enable_config_manager.
type managerState struct {
	Enable bool `json:"enable"`
}

// configManager is always off: see Host.
func (a *API) configManager(context.Context, im.Operator, *empty) (managerState, error) {
	return managerState{}, nil
}

// dashboard sends a browser to the operator's dashboards.
func (a *API) dashboard(c *call) {
	if a.o.Host.Dashboard == "" {
		a.refuse(c, http.StatusOK, a.failed(c, im.Errorf(im.NotFound, "api.dashboard", "no dashboard is set (admin.grafanaURL)")))
		return
	}
	c.code = "0"
	c.w.Header().Set("Location", a.o.Host.Dashboard)
	a.write(c, http.StatusFound, nil)
}

// target is an element of Prometheus's HTTP service discovery.
type target struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// discovery answers without an envelope. The parts that Prometheus asks for are
// one process here, which would be scraped once for each of them if all named it:
// only one does.
func (a *API) discovery(names bool) func(*call) {
	return func(c *call) {
		found := []target{}
		if at := a.metricsAddress(c.r); names && at != "" {
			found = append(found, target{[]string{at}, map[string]string{"namespace": "default"}})
		}
		body, err := json.Marshal(found)
		if err != nil {
			a.refuse(c, http.StatusOK, a.failed(c, err))
			return
		}
		c.code = "0"
		a.write(c, http.StatusOK, body)
	}
}

// metricsAddress is where the metrics are, for whoever sent a request: a listener
// on all addresses is reached at the host that the request was sent to.
func (a *API) metricsAddress(r *http.Request) string {
	if a.o.Host.Metrics == nil {
		return ""
	}
	host, port, err := net.SplitHostPort(a.o.Host.Metrics())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		if host, _, err = net.SplitHostPort(r.Host); err != nil {
			host = r.Host
		}
	}
	return net.JoinHostPort(host, port)
}

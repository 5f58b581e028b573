package config

// Source is the kind of place a value came from.
type Source string

// The sources, weakest first.
const (
	FromDefault Source = "default"
	FromFile    Source = "file"
	FromEnv     Source = "env"
	FromFlag    Source = "flag"
)

// Origin says where the effective value of a setting came from.
type Origin struct {
	Source Source
	// Where is FILE:LINE or the variable's name; empty for defaults and flags.
	Where string
}

// String is the origin as `config print` shows it.
func (o Origin) String() string {
	if o.Where == "" {
		return string(o.Source)
	}
	return string(o.Source) + " " + o.Where
}

// Origin returns where the effective value of the named setting came from.
// Names are paths in the file, such as "api.listen" or "webhooks.afterSendGroupMsg.enable".
func (c *Config) Origin(setting string) Origin {
	if o, ok := c.origins[setting]; ok {
		return o
	}
	return Origin{Source: FromDefault}
}

func (c *Config) setOrigin(setting string, o Origin) {
	if c.origins == nil {
		c.origins = make(map[string]Origin)
	}
	c.origins[setting] = o
}

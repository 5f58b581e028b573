package server

import (
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/webhook"
)

// webhookConfig turns the operator's settings into what package webhook needs.
func webhookConfig(cfg *config.Config, version string) webhook.Config {
	w := webhook.Default()
	w.Version = version
	w.URL = cfg.Webhooks.URL
	w.Secrets = cfg.Webhooks.SigningSecrets()
	w.Rules = make(map[im.Command]webhook.Rule)
	w.GroupRevoke = rule(cfg.Webhooks.Callbacks["afterGroupMsgRevoke"])
	for _, c := range im.Commands() {
		cb, ok := cfg.Webhooks.Callbacks[c.Key()]
		if !ok {
			continue
		}
		w.Rules[c] = rule(cb)
	}
	return w
}

func rule(cb config.Callback) webhook.Rule {
	return webhook.Rule{
		Enabled: cb.Enable, FailedContinue: cb.FailedContinue, Timeout: cb.Wait(),
		Denied: typeRanges(cb.DeniedTypes), Allowed: typeRanges(cb.AllowedTypes),
		Attention: cb.AttentionIDs, Path: cb.Path,
	}
}

func typeRanges(l config.TypeList) []webhook.TypeRange {
	var out []webhook.TypeRange
	for _, r := range l {
		out = append(out, webhook.TypeRange{First: int32(r.From), Last: int32(r.To)})
	}
	return out
}

package config

import (
	"net/url"
	"strings"
)

// hidden stands where a secret is. Its brackets keep it from being taken for one.
const hidden = "(hidden)"

// hiddenInURL is hidden without characters that a URL would escape.
const hiddenInURL = "hidden"

// hideURL returns a URL fit for eyes: passwords, and query values whose names
// suggest a credential, are replaced. A text that is no URL is hidden whole,
// since nobody can say which part of it is the secret.
func hideURL(text string) string {
	if text == "" || strings.HasPrefix(text, sqlitePrefix) {
		return text
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" {
		return hidden
	}
	if u.User != nil {
		if _, hasPassword := u.User.Password(); hasPassword {
			u.User = url.UserPassword(u.User.Username(), hiddenInURL)
		} else if !strings.HasPrefix(u.Scheme, "postgres") {
			// Without a password the name itself is often the token.
			u.User = url.User(hiddenInURL)
		}
	}
	if u.RawQuery != "" {
		u.RawQuery = hideQuery(u.RawQuery)
	}
	return u.String()
}

// hideQuery works on the raw text to keep order and spelling of what it leaves.
func hideQuery(raw string) string {
	params := strings.Split(raw, "&")
	for i, p := range params {
		name, _, ok := strings.Cut(p, "=")
		if ok && namesCredential(name) {
			params[i] = name + "=" + hiddenInURL
		}
	}
	return strings.Join(params, "&")
}

func namesCredential(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"pass", "secret", "token", "key", "auth", "sig", "code", "credential"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

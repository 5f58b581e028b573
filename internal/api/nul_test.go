package api

import "testing"

func TestHoldsNUL(t *testing.T) {
	for body, want := range map[string]bool{
		`{"a":"b"}`: false, `{"a":"\u0000"}`: true, `{"a":"x\u0000y"}`: true, `{"a":"\\u0000"}`: false, `{"a":"\\\u0000"}`: true,
		`{"a":"\\u0000\u0000"}`: true, `\u0000`: true, "": false,
	} {
		if got := holdsNUL([]byte(body)); got != want {
			t.Errorf("holdsNUL(%s) = %v", body, got)
		}
	}
}

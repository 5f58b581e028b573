package e2e

import (
	"fmt"
	"testing"
	"time"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
)

// BenchmarkOfflinePush compares sends of messages that may be pushed offline with
// sends of messages whose option says no, in alternating rounds against one server
// with a vendor: x-slower is the ratio of their times. The receivers of the case
// "shown" have a phone that is connected, those of "silent" have no device, and
// those of "told" have one, whose vendor is in this process and on the same cores.
func BenchmarkOfflinePush(b *testing.B) {
	for _, name := range []string{"shown", "silent", "told"} {
		b.Run(name, func(b *testing.B) {
			const n = 64
			fcm := startFCM(b)
			s := imtest.Start(b, func(c *config.Config) {
				c.Push.Enable, c.Push.FCMAccountFile, c.Push.FCMURL = config.PushFCM, fcm.account, fcm.URL
			})
			pairs := senders(b, s, "", n)
			for i, p := range pairs {
				token, err := s.UserToken(p.to, im.PlatformAndroid)
				if err != nil {
					b.Fatal(err)
				}
				switch name {
				case "shown":
					phone, err := imtest.Dial(b.Context(), s.WS, p.to, imtest.DialOptions{Token: token})
					if err != nil {
						b.Fatal(err)
					}
					b.Cleanup(phone.Close)
				case "told":
					err := s.Post(token, "/third/fcm_update_token", imtest.H{"platformID": im.PlatformAndroid, "fcmToken": fmt.Sprint("t", i), "account": p.to}, nil)
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			silent := make([]pair, n)
			for i, p := range pairs {
				silent[i] = p
				silent[i].options = map[string]bool{"offlinePush": false}
			}
			sendAll(b, pairs, 10*n)
			var took [2]time.Duration
			b.ResetTimer()
			for range b.N {
				for i, who := range [][]pair{silent, pairs} {
					start := time.Now()
					sendAll(b, who, 2000)
					took[i] += time.Since(start)
				}
			}
			b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "x-slower")
			b.ReportMetric(float64(2000*b.N)/took[0].Seconds(), "without/s")
			b.ReportMetric(float64(2000*b.N)/took[1].Seconds(), "with/s")
		})
	}
}

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"parley/imtest"
	"parley/internal/config"
)

// writePEM writes one block and returns the name of the file.
func writePEM(t *testing.T, name, kind string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// clientPair makes a certificate that signs itself, and the files of it and its key.
func clientPair(t *testing.T) (cert *x509.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	ask := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "parley"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, ask, ask, &key.PublicKey, key)
	must(t, err)
	cert, err = x509.ParseCertificate(raw)
	must(t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	return cert, writePEM(t, "client.pem", "CERTIFICATE", raw), writePEM(t, "client.key", "EC PRIVATE KEY", secret)
}

// TestCallbacksOverTLS has a receiver with a certificate of its own authority, which
// takes calls only from a client with a certificate: before and after callbacks
// reach it with webhooks.ca, clientCert and clientKey, and not without.
func TestCallbacksOverTLS(t *testing.T) {
	t.Parallel()
	cert, certFile, keyFile := clientPair(t)
	plain := imtest.ReceiveHooks(t)
	srv := httptest.NewUnstartedServer(plain)
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	srv.TLS.ClientCAs.AddCert(cert)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	ca := writePEM(t, "ca.pem", "CERTIFICATE", srv.Certificate().Raw)

	start := func(change func(*config.Webhooks)) *imtest.Server {
		s := imtest.Start(t, func(c *config.Config) {
			c.Webhooks.URL = srv.URL
			must(t, c.Webhooks.TurnOn("beforeSendSingleMsg", "afterSendSingleMsg"))
			before := c.Webhooks.Callbacks["beforeSendSingleMsg"]
			before.FailedContinue = false
			c.Webhooks.Callbacks["beforeSendSingleMsg"] = before
			change(&c.Webhooks)
		})
		must(t, s.Register("ann", "ben"))
		return s
	}
	known := start(func(w *config.Webhooks) { w.CA, w.ClientCert, w.ClientKey = ca, certFile, keyFile })
	id, err := known.SendText("ann", "ben", "", "over TLS")
	must(t, err)
	mine := func(k imtest.Hook) bool { return k.Body["clientMsgID"] == id }
	plain.Wait(t, "callbackBeforeSendSingleMsgCommand", mine)
	plain.Wait(t, "callbackAfterSendSingleMsgCommand", mine)

	for name, change := range map[string]func(*config.Webhooks){
		"no certificate of the client": func(w *config.Webhooks) { w.CA = ca },
		"the system's authorities":     func(w *config.Webhooks) { w.ClientCert, w.ClientKey = certFile, keyFile },
	} {
		var refused *imtest.Error
		if _, err := start(change).SendText("ann", "ben", "", "refused"); !errors.As(err, &refused) || refused.Code != 90004 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

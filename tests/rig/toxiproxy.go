package main

import (
	"net/http"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// newToxiproxy is Toxiproxy's own HTTP interface: proxies and toxics are made and removed by it.
// Its proxies listen where a test says, which is 127.0.0.1:0 for a free port.
func newToxiproxy() http.Handler {
	metrics := toxiproxy.NewMetricsContainer(nil)
	return toxiproxy.NewServer(metrics, zerolog.Nop()).Routes()
}

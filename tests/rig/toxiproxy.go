package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
)

// newToxiproxy is Toxiproxy's own HTTP interface: proxies and toxics are made and removed by it.
// Its proxies listen where a test says, which is 127.0.0.1:0 for a free port.
func newToxiproxy() http.Handler {
	// Some toxics log by the logger of the whole process.
	zerolog.SetGlobalLevel(zerolog.Disabled)
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	routes := http.NewServeMux()
	routes.Handle("/", server.Routes())
	routes.HandleFunc("DELETE /proxies/{proxy}/toxics/{toxic}", func(answer http.ResponseWriter, request *http.Request) {
		// An unread body would make the server reset the connection instead of closing it.
		io.Copy(io.Discard, request.Body)
		removeToxic(server, answer, request.PathValue("proxy"), request.PathValue("toxic"))
	})
	return routes
}

// removeToxic puts the same proxy without the toxic in place of the old one. Toxiproxy would take it
// out of every connection there is, and wait five seconds for each whose client is gone, as clients of
// these tests are. So the connections of before the change are cut instead.
func removeToxic(server *toxiproxy.ApiServer, answer http.ResponseWriter, proxy, name string) {
	old, err := server.Collection.Get(proxy)
	if err != nil {
		http.Error(answer, err.Error(), http.StatusNotFound)
		return
	}
	fresh := toxiproxy.NewProxy(server, old.Name, old.Listen, old.Upstream)
	found := false
	for _, toxic := range old.Toxics.GetToxicArray() {
		if wrapper, ok := toxic.(*toxics.ToxicWrapper); ok && wrapper.Name == name {
			found = true
			continue
		}
		text, err := json.Marshal(toxic)
		if err == nil {
			_, err = fresh.Toxics.AddToxicJson(bytes.NewReader(text))
		}
		if err != nil {
			http.Error(answer, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	if !found {
		http.Error(answer, toxiproxy.ErrToxicNotFound.Error(), http.StatusNotFound)
		return
	}
	enabled := old.Enabled
	err = server.Collection.Remove(proxy)
	if err == nil {
		err = server.Collection.Add(fresh, enabled)
	}
	if err != nil {
		http.Error(answer, err.Error(), http.StatusInternalServerError)
		return
	}
	answer.WriteHeader(http.StatusNoContent)
}

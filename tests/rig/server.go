package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
)

// server is an HTTP server on a free port of the loopback interface.
type server struct {
	address string
	ended   <-chan error
	http    *http.Server
}

// serve starts a server. No timeouts: how slow a test may be is the test's own business.
func serve(handler http.Handler) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot listen on the loopback interface: %w", err)
	}
	// Connections that break are what is being tested, and no news.
	quiet := log.New(io.Discard, "", 0)
	running := &http.Server{Handler: handler, ErrorLog: quiet}
	ended := make(chan error, 1)
	go func() { ended <- running.Serve(listener) }()
	return &server{address: listener.Addr().String(), ended: ended, http: running}, nil
}

// Close ends the server and cuts its connections.
func (s *server) Close() error {
	return s.http.Close()
}

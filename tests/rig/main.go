// Command rig is the far end of the end-to-end tests: a real HTTP server, and Toxiproxy in front of
// it for real faults. It says where both listen in one line of JSON, and lives until its standard
// input closes, so that no test can leave it behind, however it ends.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rig:", err)
		os.Exit(1)
	}
}

// addresses is the line that a test reads.
type addresses struct {
	Toxiproxy string `json:"toxiproxy"`
	Upstream  string `json:"upstream"`
}

// run serves until input ends or the context is done.
func run(ctx context.Context, input io.Reader, output io.Writer) error {
	proxies, err := serve(newToxiproxy())
	if err != nil {
		return err
	}
	defer proxies.Close()
	upstream, err := serve(newUpstream())
	if err != nil {
		return err
	}
	defer upstream.Close()

	line := addresses{Toxiproxy: "http://" + proxies.address, Upstream: upstream.address}
	if err := json.NewEncoder(output).Encode(line); err != nil {
		return fmt.Errorf("cannot say where it listens: %w", err)
	}

	closed := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, input)
		closed <- err
	}()
	select {
	case err := <-closed:
		return err
	case err := <-proxies.ended:
		return fmt.Errorf("toxiproxy stopped: %w", err)
	case err := <-upstream.ended:
		return fmt.Errorf("the upstream server stopped: %w", err)
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil
		}
		return ctx.Err()
	}
}

package seawallhttp

import (
	"net/http"

	"seawall.dev/go"
)

// Deadlines is a handler that serves each request under the deadline that it came with, so that calls inside it do
// not outlive whoever asked. A header that nothing can be made of is answered with 400.
func Deadlines(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel, err := seawall.ExtractDeadline(r.Context(), r.Header)
		defer cancel()
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

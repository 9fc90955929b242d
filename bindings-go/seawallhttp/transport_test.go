package seawallhttp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"seawall.dev/go"
	"seawall.dev/go/seawallhttp"
)

// A server answers attempt n (from 1) of a test, and keeps what it was asked.
type server struct {
	*httptest.Server
	lock  sync.Mutex
	asked []*http.Request
	bodys []string
}

func serving(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.lock.Lock()
		s.asked = append(s.asked, r)
		s.bodys = append(s.bodys, string(body))
		n := len(s.asked)
		s.lock.Unlock()
		answer(n, w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) times() int {
	s.lock.Lock()
	defer s.lock.Unlock()
	return len(s.asked)
}

var quick = &seawall.RetryPolicy{Attempts: 3, Base: time.Nanosecond, Cap: time.Nanosecond}

func client(t *testing.T, policy seawall.Policy, options ...seawall.CallOption) (*http.Client, *seawall.Dependency) {
	t.Helper()
	wall, err := seawall.New()
	if err != nil {
		t.Fatal(err)
	}
	if policy.Timeout == 0 {
		policy.Timeout = 5 * time.Second
	}
	dependency, err := wall.Define("shop", policy)
	if err != nil {
		t.Fatal(err)
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	made := &http.Client{Transport: seawallhttp.NewTransport(dependency, base, options...)}
	t.Cleanup(made.CloseIdleConnections)
	return made, dependency
}

func status(codes ...int) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, _ *http.Request) {
		code := codes[min(n, len(codes))-1]
		w.WriteHeader(code)
		fmt.Fprintf(w, "%d at %d", code, n)
	}
}

func read(t *testing.T, response *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return response.StatusCode, string(body)
}

func TestWhatEachStatusMeans(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		codes  []int
		asked  int
		want   string
	}{
		"fine":                             {"GET", []int{200}, 1, "200 at 1"},
		"broken, then fine":                {"GET", []int{503, 500, 200}, 3, "200 at 3"},
		"broken for good":                  {"GET", []int{500}, 3, "500 at 3"},
		"not implemented":                  {"GET", []int{501}, 1, "501 at 1"},
		"too many requests":                {"GET", []int{429, 200}, 2, "200 at 2"},
		"not found is an answer":           {"GET", []int{404}, 1, "404 at 1"},
		"a post is not sent twice":         {"POST", []int{503}, 1, "503 at 1"},
		"a put is":                         {"PUT", []int{503, 204}, 2, ""},
		"too early":                        {"DELETE", []int{425, 200}, 2, "200 at 2"},
		"a redirect is followed and is ok": {"GET", []int{304}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := serving(t, status(c.codes...))
			client, dependency := client(t, seawall.Policy{Retry: quick})
			request, _ := http.NewRequest(c.method, s.URL, strings.NewReader("order"))
			response, err := client.Do(request)
			if _, body := read(t, response, err); body != c.want || s.times() != c.asked {
				t.Errorf("%q after %d requests", body, s.times())
			}
			for _, body := range s.bodys {
				if body != "order" {
					t.Errorf("sent %q", body)
				}
			}
			if seen := dependency.Snapshot(); seen.Failures+seen.Successes != 1 || seen.Breaker.Failure != seen.Failures {
				t.Errorf("%+v", seen)
			}
		})
	}
}

func TestAKeyMakesAPostSafe(t *testing.T) {
	s := serving(t, status(503, 200))
	client, _ := client(t, seawall.Policy{Retry: quick, IdempotencyKey: true, Idempotent: seawall.Value(false)})
	response, err := client.Post(s.URL, "text/plain", strings.NewReader("order"))
	if code, _ := read(t, response, err); code != 200 || s.times() != 2 {
		t.Errorf("%d after %d requests", code, s.times())
	}
	first, second := s.asked[0].Header.Get("Idempotency-Key"), s.asked[1].Header.Get("Idempotency-Key")
	if len(first) != 36 || first != second || s.bodys[1] != "order" {
		t.Errorf("keys %q and %q, body %q", first, second, s.bodys[1])
	}
	for _, request := range s.asked {
		if request.Header.Get("X-Request-Timeout-Ms") == "" || request.Header.Get("Grpc-Timeout") != "" {
			t.Errorf("%v", request.Header)
		}
	}
}

func TestAConsumedStreamIsNotSentAgain(t *testing.T) {
	s := serving(t, status(503))
	client, _ := client(t, seawall.Policy{Retry: quick})
	request, _ := http.NewRequest("PUT", s.URL, io.MultiReader(strings.NewReader("a stream")))
	response, err := client.Do(request)
	if code, _ := read(t, response, err); code != 503 || s.times() != 1 {
		t.Errorf("%d after %d requests", code, s.times())
	}
}

func TestRetryAfterIsHeardInBothForms(t *testing.T) {
	for name, value := range map[string]func() string{
		"seconds": func() string { return "1" }, "date": func() string { return time.Now().UTC().Add(2 * time.Second).Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			s := serving(t, func(n int, w http.ResponseWriter, _ *http.Request) {
				if n == 1 {
					w.Header().Set("Retry-After", value())
					w.WriteHeader(503)
				}
			})
			client, _ := client(t, seawall.Policy{Retry: quick})
			start := time.Now()
			response, err := client.Get(s.URL)
			if code, _ := read(t, response, err); code != 200 || time.Since(start) < 900*time.Millisecond {
				t.Errorf("%d after %v", code, time.Since(start))
			}
		})
	}
}

func TestARefusalIsAnErrorOfTheClient(t *testing.T) {
	s := serving(t, status(200))
	client, dependency := client(t, seawall.Policy{Bulkhead: &seawall.BulkheadPolicy{MaxConcurrent: 1}})
	_ = dependency.ForceOpen()
	closed := &closing{Reader: strings.NewReader("order")}
	request, _ := http.NewRequest("POST", s.URL, closed)
	_, err := client.Do(request)
	var inside *url.Error
	var refused *seawall.RefusedError
	if !errors.As(err, &inside) || inside.Timeout() || !inside.Temporary() || !errors.Is(err, seawall.ErrBreakerOpen) || !errors.As(err, &refused) || refused.Name != "shop" {
		t.Errorf("got %v", err)
	}
	if !closed.isClosed || s.times() != 0 {
		t.Errorf("closed: %v, %d requests", closed.isClosed, s.times())
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	request, _ = http.NewRequestWithContext(ctx, "GET", s.URL, nil)
	if _, err = client.Do(request); !errors.As(err, &inside) || !inside.Timeout() {
		t.Errorf("got %v", err)
	}
}

type closing struct {
	io.Reader
	isClosed bool
}

func (c *closing) Close() error { c.isClosed = true; return nil }

func TestTimeouts(t *testing.T) {
	block := make(chan struct{})
	s := serving(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			io.WriteString(w, "the beginning")
			w.(http.Flusher).Flush()
		}
		select {
		case <-block:
		case <-r.Context().Done():
		}
	})
	defer close(block)
	client, dependency := client(t, seawall.Policy{Timeout: 30 * time.Millisecond, Retry: quick})
	_, err := client.Get(s.URL)
	var inside *url.Error
	var late *seawall.TimeoutError
	if !errors.As(err, &inside) || !inside.Timeout() || !errors.As(err, &late) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if seen := dependency.Snapshot(); seen.Timeouts != 3 || s.times() != 3 {
		t.Errorf("%+v", seen)
	}
	response, err := client.Get(s.URL + "/body")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	var timeout net.Error
	if string(body) != "the beginning" || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%q, %v", body, err)
	}
}

func TestABodyMayBeReadAfterItsAttempt(t *testing.T) {
	s := serving(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		for range 5 {
			io.WriteString(w, "part ")
			w.(http.Flusher).Flush()
			time.Sleep(30 * time.Millisecond)
		}
	})
	client, _ := client(t, seawall.Policy{Timeout: 100 * time.Millisecond})
	response, err := client.Get(s.URL)
	if _, body := read(t, response, err); body != "part part part part part " {
		t.Errorf("%q", body)
	}
}

func TestNobodyThereIsSentAgainWhateverTheMethod(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	client, dependency := client(t, seawall.Policy{Retry: quick, Idempotent: seawall.Value(false)})
	_, err = client.Post("http://"+address, "text/plain", strings.NewReader("order"))
	var failed *seawall.CallError
	if !errors.Is(err, syscall.ECONNREFUSED) || !errors.As(err, &failed) || failed.Attempts != 3 {
		t.Errorf("got %v", err)
	}
	if seen := dependency.Snapshot(); seen.Retries != 2 || seen.Breaker.Failure != 1 {
		t.Errorf("%+v", seen)
	}
}

func TestABrokenConnectionIsTriedAgainIfItMay(t *testing.T) {
	for method, want := range map[string]int{"GET": 3, "POST": 1} {
		s := serving(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				connection.(*net.TCPConn).SetLinger(0)
				connection.Close()
			}
		})
		client, _ := client(t, seawall.Policy{Retry: quick})
		request, _ := http.NewRequest(method, s.URL, strings.NewReader("order"))
		_, err := client.Do(request)
		var failed *seawall.CallError
		if !errors.As(err, &failed) || failed.Attempts != want {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestAPeerThatIsNotWhoItShouldBeIsNotAskedAgain(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	client, _ := client(t, seawall.Policy{Retry: quick})
	_, err := client.Get(s.URL)
	var failed *seawall.CallError
	if !errors.As(err, &failed) || failed.Attempts != 1 || failed.Stop != seawall.StopNotRetryable {
		t.Errorf("got %v", err)
	}
}

func TestConnectingHasATimeOfItsOwn(t *testing.T) {
	wall, _ := seawall.New()
	dependency, err := wall.Define("shop", seawall.Policy{Timeout: 10 * time.Second, ConnectTimeout: 20 * time.Millisecond, Retry: quick, Idempotent: seawall.Value(false)})
	if err != nil {
		t.Fatal(err)
	}
	var dialled atomic.Int64
	base := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		dialled.Add(1)
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	start := time.Now()
	_, err = (&http.Client{Transport: seawallhttp.NewTransport(dependency, base)}).Post("http://shop.example", "text/plain", strings.NewReader("order"))
	var inside *url.Error
	if !errors.As(err, &inside) || !inside.Timeout() || time.Since(start) > 5*time.Second || dependency.Snapshot().Retries != 2 {
		t.Errorf("%v after %v, %+v", err, time.Since(start), dependency.Snapshot())
	}
}

func TestTheCallersCancellationIsNobodysFault(t *testing.T) {
	s := serving(t, func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	client, dependency := client(t, seawall.Policy{Retry: quick})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	request, _ := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
	_, err := client.Do(request)
	if seen := dependency.Snapshot(); !errors.Is(err, context.Canceled) || seen.Ignored != 1 || seen.Failures != 0 {
		t.Errorf("%v, %+v", err, seen)
	}
}

// Answers of all kinds, read or not, leave no goroutine and no connection behind once they are closed.
func TestNothingIsLeftBehind(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 300<<10)
	s := serving(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n%2 == 1 {
			w.WriteHeader(503)
		}
		w.Write(big)
	})
	retry := *quick
	retry.Budget = seawall.BudgetOff
	client, dependency := client(t, seawall.Policy{Retry: &retry, Bulkhead: &seawall.BulkheadPolicy{}})
	before := runtime.NumGoroutine()
	for i := range 20 {
		response, err := client.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		if i%3 > 0 {
			io.CopyN(io.Discard, response.Body, int64(i%3)*200<<10)
		}
		response.Body.Close()
	}
	client.CloseIdleConnections()
	s.CloseClientConnections()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
	if seen := dependency.Snapshot(); seen.Bulkhead.InUse != 0 || seen.Successes != 20 || seen.Retries != 20 {
		t.Errorf("%+v", seen)
	}
}

func TestAFailingAnswerIsWholeForWhoeverGetsIt(t *testing.T) {
	for _, size := range []int{0, 1000, 64 << 10, 200 << 10} {
		want := strings.Repeat("x", size)
		s := serving(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			io.WriteString(w, want)
		})
		client, _ := client(t, seawall.Policy{})
		response, err := client.Get(s.URL)
		if code, body := read(t, response, err); code != 500 || body != want {
			t.Errorf("%d with %d bytes, want %d", code, len(body), size)
		}
	}
}

func TestAServerServesUnderTheDeadlineThatCame(t *testing.T) {
	s := httptest.NewServer(seawallhttp.Deadlines(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at, ok := r.Context().Deadline()
		fmt.Fprint(w, ok, " ", time.Until(at) <= 2*time.Second)
	})))
	defer s.Close()
	client, _ := client(t, seawall.Policy{Timeout: 2 * time.Second})
	response, err := client.Get(s.URL)
	if _, body := read(t, response, err); body != "true true" {
		t.Errorf("%q", body)
	}
	request, _ := http.NewRequest("GET", s.URL, nil)
	request.Header.Set("X-Request-Timeout-Ms", "soon")
	response, err = http.DefaultClient.Do(request)
	if code, body := read(t, response, err); code != 400 || !strings.Contains(body, "X-Request-Timeout-Ms") {
		t.Errorf("%d %q", code, body)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestOptionsOfTheCaller(t *testing.T) {
	s := serving(t, status(404, 200))
	client, _ := client(t, seawall.Policy{Retry: quick}, seawall.Classify(func(response *http.Response, err error) seawall.Verdict {
		if err == nil && response.StatusCode == 404 {
			return seawall.Verdict{Outcome: seawall.Failure, Retryable: true}
		}
		return seawall.Verdict{}
	}))
	response, err := client.Get(s.URL)
	if code, _ := read(t, response, err); code != 200 || s.times() != 2 {
		t.Errorf("%d after %d requests", code, s.times())
	}
}

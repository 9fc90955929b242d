package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func start(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(newUpstream())
	t.Cleanup(server.Close)
	return server.URL
}

func fetch(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Asked", "yes")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func TestEveryPathAnswersAsTheReadmeSays(t *testing.T) {
	url := start(t)
	for _, one := range []struct {
		method, path, body string
		status             int
		text               string
	}{
		{"GET", "/ok", "", 200, "ok"},
		{"DELETE", "/ok", "", 200, "ok"},
		{"GET", "/status/503", "", 503, "Service Unavailable"},
		{"GET", "/status/204", "", 204, ""},
		{"GET", "/status/999", "", 400, "\"999\" is no whole number from 200 to 599\n"},
		{"GET", "/bytes/5", "", 200, "seawa"},
		{"GET", "/bytes/-1", "", 400, "\"-1\" is no whole number from 0 to 67108864\n"},
		{"GET", "/slow/1", "", 200, "slow"},
		{"GET", "/slow/", "", 404, "404 page not found\n"},
		{"POST", "/echo", "a body", 200, "a body"},
		{"GET", "/nowhere", "", 404, "404 page not found\n"},
	} {
		response, text := fetch(t, one.method, url+one.path, one.body)
		if response.StatusCode != one.status || text != one.text {
			t.Errorf("%s %s: %d %q", one.method, one.path, response.StatusCode, text)
		}
	}
}

func TestRetryAfterComesInBothForms(t *testing.T) {
	url := start(t)
	response, _ := fetch(t, "GET", url+"/retry-after/7", "")
	if response.StatusCode != 429 || response.Header.Get("Retry-After") != "7" {
		t.Errorf("%d %q", response.StatusCode, response.Header.Get("Retry-After"))
	}
	response, _ = fetch(t, "GET", url+"/retry-after-date/7", "")
	moment, err := http.ParseTime(response.Header.Get("Retry-After"))
	if err != nil || response.StatusCode != 503 {
		t.Fatalf("%d %v", response.StatusCode, err)
	}
	if left := time.Until(moment); left < 6*time.Second || left > 8*time.Second {
		t.Errorf("the date is %v away", left)
	}
}

func TestFlakyFailsSoManyTimesForEachName(t *testing.T) {
	url := start(t)
	for round, want := range []int{503, 503, 200, 200} {
		if response, _ := fetch(t, "GET", url+"/flaky/2?id=a", ""); response.StatusCode != want {
			t.Errorf("round %d: %d", round, response.StatusCode)
		}
	}
	if response, _ := fetch(t, "GET", url+"/flaky/2?id=b", ""); response.StatusCode != 503 {
		t.Errorf("another name began with %d", response.StatusCode)
	}
}

func TestCountsAndHeadersSayWhatWasSent(t *testing.T) {
	url := start(t)
	fetch(t, "GET", url+"/ok", "")
	fetch(t, "POST", url+"/ok?x=1", "")
	_, text := fetch(t, "GET", url+"/headers", "")
	sent := map[string]string{}
	if err := json.Unmarshal([]byte(text), &sent); err != nil || sent["x-asked"] != "yes" {
		t.Errorf("%v in %q", err, text)
	}
	if _, text := fetch(t, "GET", url+"/count", ""); text != "{\"/headers\":1,\"/ok\":2}\n" {
		t.Errorf("counted %q", text)
	}
	fetch(t, "POST", url+"/reset", "")
	if _, text := fetch(t, "GET", url+"/count", ""); text != "{}\n" {
		t.Errorf("after the reset %q", text)
	}
}

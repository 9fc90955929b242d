//go:build cgo

package seawall

import "time"

// ClassifyStatus is what the status of an HTTP answer means, the same in all languages: 408, 425, 429 and 5xx are
// failures, worth another attempt but for 501 and 505; 429, and 503 with a Retry-After, are throttled; all others are
// successes, because the dependency answered. retryAfter is what [ParseRetryAfter] read, or 0.
func ClassifyStatus(status int, retryAfter time.Duration) Verdict {
	attempt := anAttempt()
	attempt.retry_after_ns = u64(nanos(retryAfter))
	httpClassify(uint32(max(status, 0)), &attempt)
	return verdict(&attempt)
}

// ParseRetryAfter reads the value of a Retry-After header, seconds or a date in any of the three forms of RFC 9110:
// how long to wait from now. A date in the past is 0, more than a day counts as a day. A [*HeaderError] for
// anything else: go on as if there were no such header.
func ParseRetryAfter(value string, now time.Time) (time.Duration, error) {
	wait, answer := nativeRetryAfter(value, uint64(max(now.UnixMilli(), 0)))
	if answer != statusOK {
		malformed := func(string) (uint64, status) { return 0, answer } // no wait is too large
		return 0, headerError(headerRetryAfter, value, malformed)
	}
	return span(wait), nil
}

// IsIdempotentMethod is true for methods that may be sent twice with the effect of once: GET, HEAD, PUT, DELETE,
// OPTIONS and TRACE.
func IsIdempotentMethod(method string) bool { return httpIsIdempotent(method) }

//go:build cgo

package seawall

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// LastGoodEntries is how many keys a [LastGood] usually holds.
const LastGoodEntries = 1000

// A LastGood is the last good result of each key, bounded in age and number. Any goroutine may use it, for any number
// of dependencies; age goes by the clock of their wall.
type LastGood[K comparable, T any] struct {
	maxAge     time.Duration
	maxEntries int

	lock    sync.Mutex
	entries map[K]*list.Element
	order   list.List // the one kept longest ago first
}

type goodEntry[K comparable, T any] struct {
	key   K
	value T
	at    time.Duration
}

// NewLastGood serves a result for maxAge, 1 ms to 366 days, after it was kept, and holds at most maxEntries keys, 1 to a
// million: see [LastGoodEntries]. Beyond that the one kept longest ago goes.
func NewLastGood[K comparable, T any](maxAge time.Duration, maxEntries int) (*LastGood[K, T], error) {
	const day = 24 * time.Hour
	if maxAge < time.Millisecond || maxAge > 366*day {
		return nil, &ConfigError{Field: "max_age", Value: maxAge, Min: time.Millisecond, Max: 366 * day, kind: ErrConfig}
	}
	if maxEntries < 1 || maxEntries > 1_000_000 {
		return nil, &ConfigError{Field: "max_entries", Value: int64(maxEntries), Min: int64(1), Max: int64(1_000_000), kind: ErrConfig}
	}
	return &LastGood[K, T]{maxAge: maxAge, maxEntries: maxEntries, entries: make(map[K]*list.Element)}, nil
}

// For is the step of a fallback that serves the last good result of a key. Results of calls with this step are kept
// under it.
func (l *LastGood[K, T]) For(key K) Fallback[T] {
	return Fallback[T]{
		source: "last_good",
		serve: func(_ context.Context, _ error, now time.Duration) (T, error) {
			if value, ok := l.recall(key, now); ok {
				return value, nil
			}
			var none T
			return none, errNothing
		},
		keep: func(value T, now time.Duration) { l.keep(key, value, now) },
	}
}

// Len is how many results are held, those that are too old included.
func (l *LastGood[K, T]) Len() int {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.order.Len()
}

func (l *LastGood[K, T]) keep(key K, value T, now time.Duration) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if known := l.entries[key]; known != nil {
		*known.Value.(*goodEntry[K, T]) = goodEntry[K, T]{key, value, now}
		l.order.MoveToBack(known)
		return
	}
	l.entries[key] = l.order.PushBack(&goodEntry[K, T]{key, value, now})
	if l.order.Len() > l.maxEntries {
		oldest := l.order.Front()
		delete(l.entries, oldest.Value.(*goodEntry[K, T]).key)
		l.order.Remove(oldest)
	}
}

func (l *LastGood[K, T]) recall(key K, now time.Duration) (value T, ok bool) {
	l.lock.Lock()
	defer l.lock.Unlock()
	known := l.entries[key]
	if known == nil {
		return value, false
	}
	entry := known.Value.(*goodEntry[K, T])
	return entry.value, now-entry.at <= l.maxAge
}

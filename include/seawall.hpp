// Seawall for C++17 and later: seawall.h with owned storage, permits that give themselves back, and std::chrono.
//
//     const auto wall = seawall::wall::open("seawall.toml");    // every dependency of a service; or policies from code
//     const auto payments = wall.dependency("payments");
//     auto receipt = payments.call([&](const seawall::attempt &made) { return charge(order, made.remaining()); });
//
// The policy of the file does the rest: timeouts, retries with a budget, bulkhead, breaker, rate limits, deadlines that
// calls inside inherit. Options of a call say what counts (on, failing, ignore, judge ...) and what to serve instead
// (fallback). try_call throws nothing and tells everything about the call. Each primitive is there by itself, too:
//
//     seawall::breaker ledger;                             // all defaults; settings: breaker ledger(config)
//     auto entry = ledger.call([&] { return book(order); });                // throws breaker_open, or what book throws
//
//     auto permit = ledger.try_acquire();                  // or by hand; never throws
//     if (!permit) return pending(permit.retry_after());
//     permit->record(book_quietly(order) ? seawall::outcome::success : seawall::outcome::failure);
//
// OBJECTS own their storage, can be moved (permits stay valid) and not copied. Any thread may use one; what a function
// changes it changes atomically, without a lock unless it says that it waits. An object must outlive its permits.
// PERMITS belong to one thread at a time. One that is destroyed unused gives itself back: a breaker's is cancelled
// (neither success nor failure), a bulkhead's is released, a retry budget's withdrawal is returned.
// ANSWERS. try_ functions never throw and answer a result<T>: a T, or why not and when asking again can help.
// value() and the functions without try_ throw a class below refused. Misuse throws a class below error.
// TIME. Durations are std::chrono; every constructor takes a clock, for tests a manual_clock, or a jumping_clock on which
// nobody waits. Ratios are 0 to 1.
// WITHOUT EXCEPTIONS (-fno-exceptions) what throws is not there: make() instead of constructors, try_call() instead of
// call(), wall::try_open() instead of wall::open(). RTTI is not used.
// LINKING. Walls need the full library; primitives and calls by a policy of one's own are in the sealed archive, too.
#ifndef SEAWALL_HPP
#define SEAWALL_HPP

#include "seawall/backoff.hpp"
#include "seawall/breaker.hpp"
#include "seawall/bulkhead.hpp"
#include "seawall/call.hpp"
#include "seawall/classification.hpp"
#include "seawall/clock.hpp"
#include "seawall/deadline.hpp"
#include "seawall/dependency.hpp"
#include "seawall/event.hpp"
#include "seawall/fallback.hpp"
#include "seawall/histogram.hpp"
#include "seawall/http.hpp"
#include "seawall/limiter.hpp"
#include "seawall/policy.hpp"
#include "seawall/retry_budget.hpp"
#include "seawall/settings.hpp"
#include "seawall/status.hpp"
#include "seawall/wall.hpp"

#endif

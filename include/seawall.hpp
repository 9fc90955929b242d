// Seawall for C++17 and later: seawall.h with owned storage, permits that give themselves back, and std::chrono.
//
//     seawall::breaker payments;                           // all defaults; settings: breaker payments(config)
//
//     auto receipt = payments.call([&] { return charge(order); });          // throws breaker_open, or what charge throws
//
//     auto permit = payments.try_acquire();                // or by hand; never throws
//     if (!permit) return pending(permit.retry_after());
//     permit->record(charge_quietly(order) ? seawall::outcome::success : seawall::outcome::failure);
//
// OBJECTS own their storage, can be moved (permits stay valid) and not copied. Any thread may use one; what a function
// changes it changes atomically, without a lock unless it says that it waits. An object must outlive its permits.
// PERMITS belong to one thread at a time. One that is destroyed unused gives itself back: a breaker's is cancelled
// (neither success nor failure), a bulkhead's is released, a retry budget's withdrawal is returned.
// ANSWERS. try_ functions never throw and answer a result<T>: a T, or why not and when asking again can help.
// value() and the functions without try_ throw a class below refused. Misuse throws a class below error.
// TIME. Durations are std::chrono; every constructor takes a clock, for tests a manual_clock. Ratios are 0 to 1.
// WITHOUT EXCEPTIONS (-fno-exceptions) what throws is not there: make() instead of constructors, try_call() instead of
// call(). RTTI is not used.
#ifndef SEAWALL_HPP
#define SEAWALL_HPP

#include "seawall/backoff.hpp"
#include "seawall/breaker.hpp"
#include "seawall/bulkhead.hpp"
#include "seawall/classification.hpp"
#include "seawall/clock.hpp"
#include "seawall/deadline.hpp"
#include "seawall/histogram.hpp"
#include "seawall/limiter.hpp"
#include "seawall/retry_budget.hpp"
#include "seawall/settings.hpp"
#include "seawall/status.hpp"

#endif

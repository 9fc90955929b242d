// Classification: what a call that ended says about the dependency.
#ifndef SEAWALL_CLASSIFICATION_HPP
#define SEAWALL_CLASSIFICATION_HPP

#include "status.hpp"

#include <utility>

namespace seawall {

namespace detail {
struct option {
    static constexpr bool names_failures = false;
    static constexpr bool names_retries = false;
    static constexpr bool is_judge = false;
    bool fails_now() const noexcept { return false; }
    bool ignores_now() const noexcept { return false; }
    bool retries_now() const noexcept { return false; }
    template <class R> bool retries(const R &) const noexcept { return false; }
    template <class R> bool fails(const R &) const noexcept { return false; }
    template <class R> bool ignores(const R &) const noexcept { return false; }
};

#if SEAWALL_EXCEPTIONS
/// Whether the exception under way is an E.
template <class E>
bool is_caught() noexcept {
    try {
        throw;
    } catch (const E &) {
        return true;
    } catch (...) {
        return false;
    }
}
#endif
} // namespace detail

#if SEAWALL_EXCEPTIONS
/// Only these exceptions are failures; any other means that the dependency answered. Without it all are failures. In
/// a call of a dependency: failures that another attempt may help against; any other is a failure that it does not,
/// unless `failing` says which are.
template <class... E>
struct on : detail::option {
    static constexpr bool names_failures = true;
    static constexpr bool names_retries = true;
    bool fails_now() const noexcept { return (detail::is_caught<E>() || ...); }
    bool retries_now() const noexcept { return fails_now(); }
};
/// Only these exceptions, and those of `on`, are failures; these are not worth another attempt.
template <class... E>
struct failing : detail::option {
    static constexpr bool names_failures = true;
    bool fails_now() const noexcept { return (detail::is_caught<E>() || ...); }
};
/// These exceptions say nothing about the dependency. Stronger than on.
template <class... E>
struct ignore : detail::option {
    bool ignores_now() const noexcept { return (detail::is_caught<E>() || ...); }
};
#endif

/// Results for which the predicate is true are failures: failure_if([](const response &r) { return r.code >= 500; }).
template <class Predicate>
struct failure_if : detail::option {
    explicit failure_if(Predicate predicate) : predicate_(std::move(predicate)) {}
    template <class R> bool fails(const R &value) const { return predicate_(value); }
    Predicate predicate_;
};
/// Results for which the predicate is true are failures that another attempt may help against.
template <class Predicate>
struct retry_if : detail::option {
    explicit retry_if(Predicate predicate) : predicate_(std::move(predicate)) {}
    template <class R> bool fails(const R &value) const { return predicate_(value); }
    template <class R> bool retries(const R &value) const { return predicate_(value); }
    Predicate predicate_;
};
/// Results for which the predicate is true are neither success nor failure. Stronger than failure_if.
template <class Predicate>
struct ignore_if : detail::option {
    explicit ignore_if(Predicate predicate) : predicate_(std::move(predicate)) {}
    template <class R> bool ignores(const R &value) const { return predicate_(value); }
    Predicate predicate_;
};

namespace detail {
template <class R, class... Option>
outcome outcome_of(const R &value, const Option &...options) {
    if ((options.ignores(value) || ...)) return outcome::ignored;
    return (options.fails(value) || ...) ? outcome::failure : outcome::success;
}

#if SEAWALL_EXCEPTIONS
template <class... Option>
outcome outcome_of_exception(const Option &...options) noexcept {
    // A refusal of a limiter or bulkhead inside says nothing about the dependency.
    if (is_caught<refused>() || (options.ignores_now() || ...)) return outcome::ignored;
    constexpr bool any_failure = !(Option::names_failures || ...);
    return any_failure || (options.fails_now() || ...) ? outcome::failure : outcome::success;
}
#endif
} // namespace detail

} // namespace seawall

#endif

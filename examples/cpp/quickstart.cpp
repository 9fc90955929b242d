// A dependency that fails, and a service that does not fall with it.
//
//     cmake -S examples/cpp -B build -DCMAKE_PREFIX_PATH=<where seawall is installed>
//     cmake --build build && build/quickstart
// or
//     c++ -std=c++17 examples/cpp/quickstart.cpp $(pkg-config --cflags --libs seawall) -pthread -o quickstart
#include <seawall.hpp>

#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

using namespace std::chrono_literals;

namespace {

struct connection_reset : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct card_declined : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The dependency: fails until it is well again. A declined card is an answer, not a failure.
std::string charge(int order, bool is_well) {
    if (!is_well) throw connection_reset("connection reset");
    if (order == 7) throw card_declined("card declined");
    return "receipt " + std::to_string(order);
}

const char *name(seawall::state state) {
    static const char *const names[] = {"closed", "open", "half-open", "forced open", "disabled"};
    return names[static_cast<unsigned>(state)];
}

// Everything that guards one dependency.
class payments {
public:
    explicit payments(const seawall::clock &clock) : breaker_(settings(), clock), budget_({}, clock), clock_(clock) {
        breaker_.on_transition([](seawall::transition change) {
            std::cout << "  payments: " << name(change.from) << " -> " << name(change.to) << '\n';
        });
    }

    // One call: a place in the bulkhead, and retries while breaker, budget and deadline allow it.
    std::string pay(int order, bool is_well) {
        const auto place = places_.try_acquire().value(); // throws bulkhead_full; given back at the end of the block
        const auto deadline = seawall::deadline::after(5s, clock_);
        budget_.deposit();
        std::optional<seawall::withdrawal> retry; // leave for the attempt under way, once it is a retry
        const auto record = [&](seawall::outcome how) { retry ? (void)retry->record(how) : budget_.record(how); };
        for (std::uint32_t attempt = 1;; attempt++) {
            try {
                // Whatever else charge() throws says that payments answered.
                auto receipt = breaker_.call([&] { return charge(order, is_well); }, seawall::on<connection_reset>());
                record(seawall::outcome::success);
                return receipt;
            } catch (const connection_reset &) {
                record(seawall::outcome::failure);
                const auto wait = backoff_.delay(attempt);
                if (attempt == 3 || wait >= deadline.remaining()) throw; // the last real error
                auto leave = budget_.try_withdraw();
                if (!leave) throw;
                retry = std::move(*leave);
                std::this_thread::sleep_for(wait);
            }
        }
    }

    [[nodiscard]] seawall::breaker_snapshot snapshot() const { return breaker_.snapshot(); }

private:
    static seawall::breaker_config settings() {
        seawall::breaker_config config; // in C++20: {.consecutive_failures = 3}
        config.consecutive_failures = 3;
        return config;
    }
    static seawall::backoff_config waits() {
        seawall::backoff_config config;
        config.base = 2ms;
        return config;
    }

    seawall::breaker breaker_;
    seawall::bulkhead places_;
    seawall::retry_budget budget_;
    seawall::backoff backoff_{waits()};
    const seawall::clock &clock_;
};

} // namespace

int main() {
    // A clock that stands until moved, so that this example needs no half minute; leave it out in a service.
    seawall::manual_clock clock;
    payments payments(clock);
    for (int order = 1; order <= 8; order++) {
        const bool is_well = order >= 5;
        if (order == 5) clock.advance(33s); // the next call is a probe, and its success closes the breaker
        try {
            std::cout << payments.pay(order, is_well) << '\n';
        } catch (const seawall::refused &refused) {
            std::cout << "order " << order << " is pending: " << refused.what() << '\n';
        } catch (const std::exception &error) {
            std::cout << "order " << order << ": " << error.what() << '\n';
        }
    }
    const auto seen = payments.snapshot();
    std::cout << seen.success << " succeeded, " << seen.failure << " failed, " << seen.refused << " were refused\n";
    return seen.state == seawall::state::closed && seen.failure == 3 ? 0 : 1;
}

// Wall: every dependency of a service, from one file or from code.
#ifndef SEAWALL_WALL_HPP
#define SEAWALL_WALL_HPP

#include "dependency.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace seawall {

/// The policies of a service and their live state. A copy is the same wall; it closes with its last copy and the last
/// dependency from it. Any thread may use it.
///
///     const auto wall = seawall::wall::open("seawall.toml");
///     const auto payments = wall.dependency("payments");
///     const auto receipt = payments.call([&](const seawall::attempt &a) { return charge(order, a.remaining()); });
class wall {
public:
#if SEAWALL_EXCEPTIONS
    /// The policies of a file. Throws policy_error, which says everything that is wrong. The clock must outlive it.
    [[nodiscard]] static wall open(const std::string &path, const clock &source = monotonic_clock::get()) {
        std::string message;
        return std::move(try_open(path, &message, source)).value_or_throw(message);
    }
    /// The policies of a text; messages call it `name`.
    [[nodiscard]] static wall parse(const std::string &text, const std::string &name = "seawall.toml",
        const clock &source = monotonic_clock::get()) {
        std::string message;
        return std::move(try_parse(text, name, &message, source)).value_or_throw(message);
    }
    /// An empty wall, for policies from code. Throws error.
    explicit wall(const clock &source = monotonic_clock::get()) : wall(try_make(source).value_or_throw("")) {}
    /// Likewise, with every random choice repeatable, for tests.
    explicit wall(std::uint64_t seed, const clock &source = monotonic_clock::get())
        : wall(try_make(source, seed).value_or_throw("")) {}
#endif

    /// What a function without exceptions answers: a T, or why there is none.
    template <class T>
    class [[nodiscard]] made : public result<T> {
    public:
        using result<T>::result;
        made(result<T> other) : result<T>(std::move(other)) {}
#if SEAWALL_EXCEPTIONS
        T value_or_throw(const std::string &message) && {
            if (!this->has_value()) raise(this->reason(), message);
            return std::move(**this);
        }
#endif
    };

    [[nodiscard]] static made<wall> try_open(const std::string &path, std::string *message = nullptr,
        const clock &source = monotonic_clock::get()) {
        return opened(source, message, [&](seawall_wall_t **raw, char *text, std::size_t bytes) {
            return seawall_wall_open(path.c_str(), raw, text, bytes);
        });
    }
    [[nodiscard]] static made<wall> try_parse(const std::string &text, const std::string &name = "seawall.toml",
        std::string *message = nullptr, const clock &source = monotonic_clock::get()) {
        return opened(source, message, [&](seawall_wall_t **raw, char *said, std::size_t bytes) {
            return seawall_wall_parse(text.c_str(), name.c_str(), raw, said, bytes);
        });
    }
    [[nodiscard]] static made<wall> try_make(const clock &source = monotonic_clock::get()) {
        return opened(source, nullptr, [](seawall_wall_t **raw, char *, std::size_t) { return seawall_wall_new(raw); });
    }
    [[nodiscard]] static made<wall> try_make(const clock &source, std::uint64_t seed) {
        return opened(source, nullptr,
            [seed](seawall_wall_t **raw, char *, std::size_t) { return seawall_wall_new_seeded(seed, raw); });
    }

#if SEAWALL_EXCEPTIONS
    /// The dependency of this name. Throws unknown_dependency. Look it up once and keep it.
    [[nodiscard]] seawall::dependency dependency(const std::string &name) const {
        std::string message;
        return try_dependency(name, &message).value_or_throw(message);
    }
    /// Adds a dependency with a policy from code. Throws policy_error when it does not hold, error when there is one of
    /// this name.
    seawall::dependency define(const std::string &name, const policy &rules) const { return define(name, rules.toml()); }
    /// Likewise with the lines of its table.
    seawall::dependency define(const std::string &name, const std::string &table) const {
        std::string message;
        return try_define(name, table, &message).value_or_throw(message);
    }
    /// Puts another policy in force for a dependency from code; its state stays.
    void redefine(const std::string &name, const policy &rules) const { redefine(name, rules.toml()); }
    void redefine(const std::string &name, const std::string &table) const {
        std::string message;
        const status code = try_redefine(name, table, &message);
        if (!code.is_ok()) raise(code, message);
    }
    /// Reads the file again: all of it or, with policy_error, nothing of it. State is kept.
    void reload() const {
        std::string message;
        const status code = try_reload(&message);
        if (!code.is_ok()) raise(code, message);
    }
#endif

    [[nodiscard]] made<seawall::dependency> try_dependency(const std::string &name, std::string *message = nullptr) const {
        return found(name, message, [&](const seawall_dependency_t **raw, char *text, std::size_t bytes) {
            return seawall_wall_dependency(body_->raw, name.c_str(), raw, text, bytes);
        });
    }
    [[nodiscard]] made<seawall::dependency> try_define(const std::string &name, const std::string &table,
        std::string *message = nullptr) const {
        return found(name, message, [&](const seawall_dependency_t **raw, char *text, std::size_t bytes) {
            return seawall_wall_define(body_->raw, name.c_str(), table.c_str(), body_->time.argument(), raw, text, bytes);
        });
    }
    [[nodiscard]] status try_redefine(const std::string &name, const std::string &table, std::string *message = nullptr) const {
        return said(message, [&](char *text, std::size_t bytes) {
            return seawall_wall_redefine(body_->raw, name.c_str(), table.c_str(), body_->time.argument(), text, bytes);
        });
    }
    [[nodiscard]] status try_reload(std::string *message = nullptr) const {
        return said(message, [&](char *text, std::size_t bytes) {
            return seawall_wall_reload(body_->raw, body_->time.argument(), text, bytes);
        });
    }

    /// All names, sorted.
    [[nodiscard]] std::vector<std::string> names() const { return lines(seawall_wall_names); }
    /// What the check of the policies warns of.
    [[nodiscard]] std::vector<std::string> findings() const { return lines(seawall_wall_findings); }
    /// What became of the calls of every dependency.
    [[nodiscard]] std::vector<std::pair<std::string, seawall_dependency_snapshot_t>> snapshot() const {
        std::vector<std::pair<std::string, seawall_dependency_snapshot_t>> all;
        for (const std::string &name : names()) {
            const auto one = try_dependency(name);
            if (one) all.emplace_back(name, one->snapshot());
        }
        return all;
    }
    /// True while it is open, whatever its dependencies do: a service is not ill because somebody else is.
    [[nodiscard]] bool health() const noexcept { return body_ != nullptr; }

    /// Calls `hook` with everything that happens at any dependency from now on, after the dependency's own hooks.
    void on_event(std::function<void(const event &)> hook) const { body_->all.add(std::move(hook)); }
    [[nodiscard]] std::uint64_t hook_failures() const noexcept { return body_->all.failures(); }

    /// For the functions of seawall.h.
    [[nodiscard]] seawall_wall_t *native() const noexcept { return body_->raw; }

private:
    explicit wall(std::shared_ptr<detail::wall_body> body) noexcept : body_(std::move(body)) {}

    /// Room for what is wrong with a file; more is cut.
    static constexpr std::size_t MOST = 16384;

    template <class Act>
    static status said(std::string *message, Act act) {
        if (message == nullptr) return act(nullptr, 0);
        std::string text(MOST, '\0');
        const status code = act(&text[0], text.size());
        *message = text.c_str();
        return code;
    }
    template <class Open>
    static made<wall> opened(const clock &source, std::string *message, Open open) {
        auto body = std::make_shared<detail::wall_body>(source);
        const status code = said(message, [&](char *text, std::size_t bytes) { return open(&body->raw, text, bytes); });
        if (!code.is_ok()) return {code, nanoseconds(0)};
        return result<wall>(wall(std::move(body)));
    }
    template <class Find>
    made<seawall::dependency> found(const std::string &name, std::string *message, Find find) const {
        const seawall_dependency_t *raw = nullptr;
        const status code = said(message, [&](char *text, std::size_t bytes) { return find(&raw, text, bytes); });
        if (!code.is_ok()) return {code, nanoseconds(0)};
        return result<seawall::dependency>(seawall::dependency(body_, body_->body_of(raw, name)));
    }
    std::vector<std::string> lines(std::size_t (*write)(const seawall_wall_t *, char *, std::size_t)) const {
        std::string text(write(body_->raw, nullptr, 0), '\0');
        if (!text.empty()) (void)write(body_->raw, &text[0], text.size());
        std::vector<std::string> all;
        std::string line;
        for (const char letter : text) {
            if (letter != '\n' && letter != '\0') {
                line += letter;
            } else if (!line.empty()) {
                all.push_back(std::move(line));
                line.clear();
            }
        }
        return all;
    }

#if SEAWALL_EXCEPTIONS
    [[noreturn]] static void raise(status code, const std::string &message) {
        const std::string text = message.empty() ? code.text() : message;
        if (code == SEAWALL_ERROR_CONFIG) throw policy_error(code, text);
        if (code == SEAWALL_ERROR_UNKNOWN) throw unknown_dependency(code, text);
        throw error(code, text);
    }
#endif

    std::shared_ptr<detail::wall_body> body_;
};

} // namespace seawall

#endif

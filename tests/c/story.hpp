// How a story is told in C++: what was expected, what was found, and where. Shared by the tellers of vectors.cpp.
#ifndef SEAWALL_TESTS_STORY_HPP
#define SEAWALL_TESTS_STORY_HPP

#include <seawall.hpp>

#include "check.h"
#include "json.h"

#include <map>
#include <string>
#include <vector>

using seawall::nanoseconds;

namespace {

// Where the story is, for what is said when it goes wrong.
const char *story_name;
int step_number;
bool is_wrong;

void wrong(const std::string &what, const std::string &wanted, const std::string &found) {
    is_wrong = true;
    std::printf("%s, step %d: %s is %s, wanted %s\n", story_name, step_number, what.c_str(), found.c_str(),
        wanted.c_str());
}
void same(const std::string &what, const std::string &wanted, const std::string &found) {
    if (wanted != found) wrong(what, wanted, found);
}

// A key of the story: settings to take over, or values to compare with.
class keys {
public:
    explicit keys(const json *object) : object_(object) {}
    [[nodiscard]] bool has(const char *key) const { return json_get(object_, key) != nullptr; }
    [[nodiscard]] std::string text(const char *key, const char *otherwise = "") const {
        return json_text(object_, key, otherwise);
    }
    [[nodiscard]] std::int64_t number(const char *key, std::int64_t otherwise = 0) const {
        return json_number(object_, key, otherwise);
    }
    [[nodiscard]] nanoseconds span(const char *key) const { return nanoseconds(number(key)); }
    [[nodiscard]] keys inner(const char *key) const { return keys(json_get(object_, key)); }

    [[nodiscard]] const json *object() const { return object_; }

    template <class Integer>
    void take(const char *key, Integer &place) const {
        if (has(key)) place = static_cast<Integer>(number(key));
    }
    void take(const char *key, nanoseconds &place) const {
        if (has(key)) place = span(key);
    }
    void take_permille(const char *key, double &place) const {
        if (has(key)) place = static_cast<double>(number(key)) / 1000.0;
    }
    template <class Word>
    void take_word(const char *key, Word &place, std::initializer_list<const char *> words) const {
        std::uint32_t at = 0;
        for (const char *word : words) {
            if (text(key) == word) place = static_cast<Word>(at);
            at++;
        }
    }
    void same(const char *key, std::uint64_t found) const {
        if (has(key)) ::same(key, std::to_string(number(key)), std::to_string(found));
    }
    void same(const char *key, nanoseconds found) const { same(key, static_cast<std::uint64_t>(found.count())); }
    void same(const char *key, const std::string &found) const {
        if (has(key)) ::same(key, text(key), found);
    }

private:
    const json *object_;
};

seawall::mode mode_of(const keys &config) {
    seawall::mode mode = seawall::mode::enforce;
    config.take_word("mode", mode, {"enforce", "shadow", "off"});
    return mode;
}
seawall::outcome outcome_of(const keys &step) {
    seawall::outcome outcome = seawall::outcome::success;
    step.take_word("outcome", outcome, {"success", "failure", "ignored"});
    return outcome;
}

// Things that later steps speak of by name. What loses its name, or never had one, is held to the end of the story.
template <class Thing>
class named {
public:
    void keep(const std::string &name, Thing &&thing) {
        const auto old = names_.find(name);
        if (old != names_.end()) held_.push_back(std::move(old->second)), names_.erase(old);
        names_.emplace(name, std::move(thing));
    }
    Thing &operator[](const std::string &name) { return names_.at(name); }

private:
    std::map<std::string, Thing> names_;
    std::vector<Thing> held_;
};

struct answer {
    seawall::status status;
    nanoseconds wait{0};
};

class story {
public:
    virtual ~story() = default;
    virtual bool begin(const keys &config, seawall::config_problem &problem) = 0;
    virtual answer step(const keys &step, const std::string &verb) = 0;
    seawall::manual_clock clock;
};

} // namespace

#endif

// A dependency called over real sockets: time limits, retries, Retry-After and a fallback, all by its policy.
//
//     c++ -std=c++17 examples/cpp/dependency.cpp $(pkg-config --cflags --libs seawall) -pthread -o dependency
//
// The server at the end of the file is one that a service has to live with: it throttles, breaks connections, and at
// last is gone.
#include <seawall.hpp>

#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

// What would stand in seawall.toml, for seawall::wall::open.
const char *const policies = R"(
[dependency.prices]
timeout = "500ms"
deadline = "3s"
retry = { attempts = 4, base = "5ms", budget = { min_per_second = 10 } }
bulkhead = { max_concurrent = 8 }
)";

[[noreturn]] void fail(std::errc how) { throw std::system_error(std::make_error_code(how)); }

// A connected socket whose every wait ends with the attempt.
class connection {
public:
    connection(const sockaddr_in &to, const seawall::attempt &made) : made_(made), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        (void)::fcntl(socket_, F_SETFL, O_NONBLOCK);
        if (::connect(socket_, reinterpret_cast<const sockaddr *>(&to), sizeof to) == 0) return;
        int error = errno;
        socklen_t length = sizeof error;
        if (error == EINPROGRESS) {
            wait(POLLOUT);
            (void)::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &length);
        }
        if (error == 0) return;
        (void)::close(socket_);
        throw std::system_error(error, std::generic_category()); // refused: was certainly not sent
    }
    connection(const connection &) = delete;
    connection &operator=(const connection &) = delete;
    ~connection() { (void)::close(socket_); }

    void send(const std::string &text) {
        if (::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) fail(std::errc::broken_pipe);
    }
    std::string read_to_end() {
        std::string all;
        char piece[512];
        for (;;) {
            wait(POLLIN);
            const ssize_t got = ::recv(socket_, piece, sizeof piece, 0);
            if (got < 0 || (got == 0 && all.empty())) fail(std::errc::connection_reset);
            if (got == 0) return all;
            all.append(piece, static_cast<std::size_t>(got));
        }
    }

private:
    void wait(short events) const {
        pollfd one = {socket_, events, 0};
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(made_.remaining() + 999us).count();
        if (::poll(&one, 1, static_cast<int>(left)) != 1) fail(std::errc::timed_out);
    }
    const seawall::attempt &made_;
    int socket_;
};

struct response {
    std::uint32_t status = 0;
    seawall::nanoseconds retry_after{0};
    std::string body;
};

response get(const sockaddr_in &to, const std::string &path, const seawall::attempt &made) {
    connection server(to, made);
    std::string request = "GET " + path + " HTTP/1.1\r\nHost: prices\r\nIdempotency-Key: " + made.idempotency_key() + "\r\n";
    seawall::header::inject(made.deadline(), [&](const char *name, const std::string &value) {
        request += std::string(name) + ": " + value + "\r\n";
    });
    server.send(request + "Connection: close\r\n\r\n");
    const std::string answer = server.read_to_end();
    response got;
    if (std::sscanf(answer.c_str(), "HTTP/1.1 %3u", &got.status) != 1) fail(std::errc::protocol_error);
    const std::string name = "\r\nRetry-After: ";
    if (const auto at = answer.find(name); at != std::string::npos) {
        const std::string_view value = std::string_view(answer).substr(at + name.size());
        const auto span = seawall::http::retry_after(value.substr(0, value.find('\r')));
        if (span) got.retry_after = *span; // else as if it were not there
    }
    if (const auto at = answer.find("\r\n\r\n"); at != std::string::npos) got.body = answer.substr(at + 4);
    return got;
}

// Too busy twice, then a broken connection, then well.
class server {
public:
    server() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        if (::bind(listener_, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 || ::listen(listener_, 8) != 0
            || ::getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &length) != 0)
            throw std::system_error(errno, std::generic_category(), "the server cannot start");
        thread_ = std::thread([this] { serve(); });
    }
    server(const server &) = delete;
    server &operator=(const server &) = delete;
    ~server() {
        (void)::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        (void)::close(listener_);
    }
    sockaddr_in address{};

private:
    void serve() const {
        for (int request = 1;; request++) {
            const int client = ::accept(listener_, nullptr, nullptr);
            if (client < 0) return; // shut down
            char text[1024];
            (void)!::recv(client, text, sizeof text, 0);
            const std::string answer = request < 3
                ? "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                : "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n42 shells";
            const linger at_once = {request == 3 ? 1 : 0, 0}; // closes with a reset
            (void)::setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            if (request != 3) (void)!::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
            (void)::close(client);
        }
    }
    int listener_;
    std::thread thread_;
};

} // namespace

int main() {
    const auto wall = seawall::wall::parse(policies);
    const auto prices = wall.dependency("prices");
    const auto by_status = seawall::judge([](const response &got) { return seawall::http::classify(got.status, got.retry_after); });
    const seawall::last_good<response> known(24h);

    std::string seen[2];
    auto running = std::make_optional<server>();
    const sockaddr_in address = running->address;
    for (std::string &price : seen) {
        const auto got = prices.try_call([&](const seawall::attempt &made) { return get(address, "/price", made); }, by_status,
            seawall::fallback(known.of("price")));
        price = got ? got->body : "no price";
        std::cout << price << (got.is_degraded() ? " (of the last time)" : "") << ", after " << got.attempts() << " attempts\n";
        running.reset(); // and for the second call it is gone
    }
    const auto counted = prices.snapshot();
    std::cout << counted.calls << " calls, " << counted.retries << " retries, " << counted.fallbacks
              << " served by the fallback\n";
    return seen[0] == "42 shells" && seen[1] == "42 shells" && counted.fallbacks == 1 ? 0 : 1;
}

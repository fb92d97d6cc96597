// Clients of one marquee's HTTP server, all in one thread: http_load PORT KEY=NUMBER…
//
//   idle=N      connections that say nothing; opened again when the server closes them
//   slow=N      streams whose client takes 256 bytes a second, through the smallest buffer the system gives
//   viewers=N   streams that are read as they come
//   scrapes=R   GET /metrics, R a second
//   top=R       GET /api/v1/top?group=movie, R a second
//   seconds=S   how long; 0: until stdin ends
//
// Requests leave at their own times whatever became of those before (an open loop), each on a free kept-alive
// connection, and their latencies count from the time at which they were due: a stall is seen by every request that
// was due in it. Prints one JSON object: milliseconds, and what the clients saw.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Ns = std::int64_t;
constexpr Ns kSecond = 1'000'000'000;
constexpr std::size_t kSlowBytes = 256;
constexpr std::size_t kPoolMax = 256;  // connections of one kind of request
constexpr int kStdin = 0;

Ns now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "http_load: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

enum class Kind { kIdle, kSlow, kViewer, kRequest };

struct Requests;

struct Connection {
  Kind kind;
  int fd = -1;
  Requests* requests = nullptr;
  Ns due = 0;        // of the request in flight; 0: none is
  std::string in{};  // of the reply so far; of a viewer: the last bytes, in which an event may begin
};

struct Requests {
  std::string name, text;
  double per_second = 0;
  Ns next = 0;
  std::deque<Ns> waiting{};  // due, and no connection was free
  std::vector<Connection*> free{};
  std::size_t connections = 0;
  std::vector<double> ms{};
  std::uint64_t wrong = 0;  // not answered with 200
};

class Load {
 public:
  Load(int port, const std::map<std::string, double>& asked) : port_(port), poll_(::epoll_create1(0)) {
    const auto number = [&asked](const char* key) {
      const auto found = asked.find(key);
      return found == asked.end() ? 0.0 : found->second;
    };
    timer_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    watch(timer_, nullptr);
    begin_ = now();
    end_ = number("seconds") > 0 ? begin_ + static_cast<Ns>(number("seconds") * kSecond) : 0;
    if (end_ == 0) watch(kStdin, &stdin_mark_);
    for (double i = 0; i < number("idle"); ++i) open(Kind::kIdle, nullptr);
    for (double i = 0; i < number("slow"); ++i) open(Kind::kSlow, nullptr);
    for (double i = 0; i < number("viewers"); ++i) open(Kind::kViewer, nullptr);
    requests_.push_back({.name = "scrape", .text = get("/metrics"), .per_second = number("scrapes")});
    requests_.push_back({.name = "top", .text = get("/api/v1/top?group=movie"), .per_second = number("top")});
    for (Requests& r : requests_) r.next = r.per_second > 0 ? begin_ : 0;
  }

  void run() {
    epoll_event events[256];
    bool told = false;
    while (!told) {
      const Ns at = now();
      if (end_ != 0 && at >= end_) break;
      for (Requests& r : requests_) send_due(r, at);
      if (at >= next_slow_) {
        read_slowly();
        next_slow_ = at + kSecond;
      }
      arm();
      const int n = ::epoll_wait(poll_, events, 256, -1);
      if (n < 0 && errno != EINTR) die("epoll_wait");
      for (int i = 0; i < n; ++i) {
        if (events[i].data.ptr == nullptr) {
          std::uint64_t ticks;
          (void)!::read(timer_, &ticks, sizeof(ticks));
        } else if (events[i].data.ptr == &stdin_mark_) {
          told = true;
        } else {
          readable(*static_cast<Connection*>(events[i].data.ptr));
        }
      }
    }
  }

  void print() {
    const double seconds = static_cast<double>(now() - begin_) / kSecond;
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto in_s = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    std::printf(R"({"seconds":%.1f,"cpu_s":%.2f,"closed":{"idle":%llu,"slow":%llu,"viewer":%llu},)", seconds,
                in_s(usage.ru_utime) + in_s(usage.ru_stime), ull(closed_[0]), ull(closed_[1]), ull(closed_[2]));
    std::printf(R"("frames_each_viewer":{"least":%llu,"most":%llu},"viewer_bytes":%llu)", ull(frames(false)),
                ull(frames(true)), ull(viewer_bytes_));
    for (Requests& r : requests_) {
      if (r.per_second <= 0) continue;
      std::sort(r.ms.begin(), r.ms.end());
      const auto at = [&r](double p) {
        if (r.ms.empty()) return 0.0;
        return r.ms[std::min(r.ms.size() - 1, static_cast<std::size_t>(p * static_cast<double>(r.ms.size())))];
      };
      std::size_t open = r.waiting.size();
      for (const Connection& c : connections_) open += c.requests == &r && c.due != 0;
      std::printf(R"(,"%s":{"answered":%zu,"wrong":%llu,"unanswered":%zu,"p50":%.3f,"p90":%.3f,"p99":%.3f,"max":%.3f})",
                  r.name.c_str(), r.ms.size(), ull(r.wrong), open, at(0.5), at(0.9), at(0.99), at(1));
    }
    std::printf("}\n");
  }

 private:
  static unsigned long long ull(std::uint64_t n) { return n; }
  static std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n"; }

  void watch(int fd, void* what) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = what;
    if (::epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  }

  // Connects, which on the loopback is done at once, and asks where its kind does.
  Connection& open(Kind kind, Requests* requests) {
    Connection& c = connections_.emplace_back(Connection{.kind = kind, .requests = requests});
    connect(c);
    return c;
  }

  void connect(Connection& c) {
    c.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c.fd < 0) die("socket");
    const int on = 1, least = 1;
    ::setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (c.kind == Kind::kSlow) ::setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port_));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(c.fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) die("connect");
    ::fcntl(c.fd, F_SETFL, ::fcntl(c.fd, F_GETFL) | O_NONBLOCK);
    if (c.kind == Kind::kSlow || c.kind == Kind::kViewer) send(c, get("/api/v1/stream"));
    if (c.kind == Kind::kSlow) {
      slow_.push_back(&c);  // read by the clock, not as it comes
    } else {
      watch(c.fd, &c);
    }
  }

  void send(Connection& c, const std::string& text) {
    const ssize_t n = ::send(c.fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(text.size())) die("send");  // so little always fits
  }

  // The server has closed it.
  void again(Connection& c) {
    ::close(c.fd);
    c.in.clear();
    if (c.kind == Kind::kRequest) {
      if (c.due != 0) ++c.requests->wrong;
      c.due = 0;
      std::erase(c.requests->free, &c);
      connect(c);
      c.requests->free.push_back(&c);
      return;
    }
    ++closed_[static_cast<int>(c.kind)];
    std::erase(slow_, &c);
    connect(c);
  }

  void send_due(Requests& r, Ns at) {
    if (r.per_second <= 0) return;
    while (r.next <= at) {
      r.waiting.push_back(r.next);
      r.next += static_cast<Ns>(kSecond / r.per_second);
    }
    while (!r.waiting.empty()) {
      if (r.free.empty()) {
        if (r.connections == kPoolMax) return;
        ++r.connections;
        r.free.push_back(&open(Kind::kRequest, &r));
      }
      Connection& c = *r.free.back();
      r.free.pop_back();
      c.due = r.waiting.front();
      r.waiting.pop_front();
      send(c, r.text);
    }
  }

  void read_slowly() {
    const std::vector<Connection*> slow = slow_;  // again() changes it
    char bytes[kSlowBytes];
    for (Connection* c : slow) {
      const ssize_t n = ::recv(c->fd, bytes, sizeof(bytes), 0);
      if (n == 0 || (n < 0 && errno != EAGAIN)) again(*c);
    }
  }

  void readable(Connection& c) {
    static char bytes[64 << 10];
    const ssize_t n = ::recv(c.fd, bytes, sizeof(bytes), 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return again(c);
    const std::string_view got(bytes, static_cast<std::size_t>(n));
    if (c.kind == Kind::kViewer) {
      viewer_bytes_ += got.size();
      c.in += got;
      constexpr std::string_view kEvent = "event: top\n";
      std::size_t from = 0;
      for (std::size_t at; (at = c.in.find(kEvent, from)) != std::string::npos; from = at + kEvent.size())
        ++frames_[&c];
      c.in.erase(0, std::max(from, c.in.size() - std::min(c.in.size(), kEvent.size() - 1)));
    } else if (c.kind == Kind::kRequest) {
      c.in += got;
      const std::size_t head = c.in.find("\r\n\r\n");
      if (head == std::string::npos) return;
      const std::size_t length = c.in.find("Content-Length: ");
      if (length > head) die("a reply without its length");
      if (c.in.size() < head + 4 + std::strtoull(c.in.c_str() + length + 16, nullptr, 10)) return;
      Requests& r = *c.requests;
      r.ms.push_back(static_cast<double>(now() - c.due) / 1e6);
      r.wrong += !c.in.starts_with("HTTP/1.1 200 ");
      c.due = 0;
      c.in.clear();
      r.free.push_back(&c);
    }
  }

  void arm() {
    Ns next = next_slow_;
    if (end_ != 0) next = std::min(next, end_);
    for (const Requests& r : requests_) {
      if (r.per_second > 0) next = std::min(next, r.next);
    }
    itimerspec at{};
    next = std::max<Ns>(next, 1);
    at.it_value = {next / kSecond, next % kSecond};
    ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &at, nullptr);
  }

  std::uint64_t frames(bool most) const {
    if (frames_.empty()) return 0;
    const auto less = [](const auto& a, const auto& b) { return a.second < b.second; };
    return (most ? std::max_element(frames_.begin(), frames_.end(), less)
                 : std::min_element(frames_.begin(), frames_.end(), less))
        ->second;
  }

  const int port_, poll_;
  int timer_ = -1, stdin_mark_ = 0;
  Ns begin_ = 0, end_ = 0, next_slow_ = 0;
  std::list<Connection> connections_;
  std::list<Requests> requests_;
  std::vector<Connection*> slow_;
  std::map<Connection*, std::uint64_t> frames_;
  std::uint64_t closed_[4] = {}, viewer_bytes_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, double> asked;
  for (int i = 2; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::size_t equals = word.find('=');
    static constexpr std::string_view kKeys[] = {"idle", "slow", "viewers", "scrapes", "top", "seconds"};
    const std::string_view key = word.substr(0, equals);
    if (equals == std::string_view::npos || std::find(std::begin(kKeys), std::end(kKeys), key) == std::end(kKeys)) {
      std::fprintf(stderr, "http_load: '%s' is no KEY=NUMBER\n", argv[i]);
      return 2;
    }
    asked[std::string(key)] = std::strtod(word.data() + equals + 1, nullptr);
  }
  if (argc < 3) {
    std::fprintf(stderr, "usage: http_load PORT KEY=NUMBER…\n");
    return 2;
  }
  Load load(std::atoi(argv[1]), asked);
  load.run();
  load.print();
}

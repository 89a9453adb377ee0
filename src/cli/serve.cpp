// The local server of the page: one thread, sockets that never block, files from memory. Nobody can hold it up: each
// client has bounds on bytes and time, and a newcomer takes the place of the one that has waited longest.
#include "cli/serve.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <list>
#include <vector>

#include "cli/console.hpp"
#include "cli/http.hpp"
#include "starglow/base/error.hpp"

namespace starglow::cli {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0  // SIGPIPE is ignored anyway
#endif

constexpr std::size_t k_most_clients = 512, k_least_clients = 4, k_spare_descriptors = 24;
constexpr unsigned k_most_requests = 1000;                      // of one connection
constexpr double k_patience = 10, k_slowest = 64 * 1024;        // s for a request; bytes/s for an answer
constexpr std::size_t k_piece = std::size_t{1} << 18;           // sent at a time, so that each client has its turn
constexpr std::size_t k_most_unread = http::k_max_head + 4096;  // bytes of requests that wait

// 128 random bits as hexadecimal digits.
std::string random_token() {
  unsigned char bytes[16];
  if (getentropy(bytes, sizeof bytes) != 0)
    throw Error(ErrorKind::output, "the operating system provides no random numbers for the server's token");
  std::string token;
  for (const unsigned b : bytes) token += {"0123456789abcdef"[b >> 4U], "0123456789abcdef"[b & 15U]};
  return token;
}

bool same_text(std::string_view a, std::string_view b) {  // in a time that does not tell where they differ
  unsigned different = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
    different |= static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
  return different == 0;
}

const char* type_of(std::string_view name) {
  const auto is = [&](std::string_view end) { return name.ends_with(end); };
  return is(".html")   ? "text/html; charset=utf-8"
         : is(".js")   ? "text/javascript; charset=utf-8"
         : is(".css")  ? "text/css; charset=utf-8"
         : is(".wasm") ? "application/wasm"
                       : "application/octet-stream";
}

struct Site {
  const std::map<std::string, std::string>& files;
  std::string policy, token, suffix;  // suffix: ":PORT"
};

struct Answer {
  std::string head;       // and the body of a refusal
  std::string_view body;  // of a file
  bool last = false;      // the connection ends with it
};

Answer answer_of(const Site& site, int status, const std::string& more, std::string_view body, const char* type,
                 bool head_only, bool last) {
  Answer a;
  a.head = "HTTP/1.1 " + std::to_string(status) + " " + std::string(http::reason(status)) +
           "\r\nContent-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nContent-Security-Policy: " + site.policy +
           "; frame-ancestors 'none'\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
           "Cross-Origin-Resource-Policy: same-origin\r\nConnection: " +
           (last ? "close" : "keep-alive") + "\r\n" + more + "\r\n";
  if (!head_only) a.body = body;
  a.last = last;
  return a;
}

Answer refusal(const Site& site, int status, const char* text, const std::string& more, bool head_only, bool last) {
  Answer a = answer_of(site, status, more, text, "text/plain; charset=utf-8", head_only, last);
  a.head += a.body;
  a.body = {};
  return a;
}

Answer respond(const Site& site, const http::Request& request, bool last) {
  const bool head_only = request.method == "HEAD";
  const auto refuse = [&](int status, const char* text, const std::string& more = "") {
    return refusal(site, status, text, more, head_only, last);
  };
  const auto hosts = request.all("host");
  if (hosts.size() != 1 || (hosts[0] != "127.0.0.1" + site.suffix && hosts[0] != "localhost" + site.suffix))
    return refuse(421, "This server answers to 127.0.0.1 and localhost alone.\n");
  if (request.method != "GET" && !head_only) return refuse(405, "GET and HEAD only.\n", "Allow: GET, HEAD\r\n");
  if (last && request.has_body()) return refuse(413, "No request has a body here.\n");
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  const auto slash = path.find('/', 1);
  if (slash == path.npos || !same_text(path.substr(1, slash - 1), site.token))
    return refuse(403, "The address lacks the token that starglow printed.\n");
  const std::string name(path.substr(slash + 1));
  const auto found = site.files.find(name.empty() ? "index.html" : name);
  if (found == site.files.end()) return refuse(404, "No such file.\n");
  const std::string_view bytes = found->second;
  std::string more = "Accept-Ranges: bytes\r\nCache-Control: ";
  more += found->first.starts_with("data/") ? "private, max-age=31536000, immutable\r\n" : "no-cache\r\n";
  const auto asked = request.all("range");
  std::optional<http::Range> range;
  if (!head_only && asked.size() == 1 && request.all("if-range").empty())
    range = http::range_of(asked[0], bytes.size());
  const std::string size = std::to_string(bytes.size());
  if (!range) return answer_of(site, 200, more, bytes, type_of(found->first), head_only, last);
  if (range->first == range->last)
    return refuse(416, "The range lies beyond the end.\n", "Content-Range: bytes */" + size + "\r\n");
  more += "Content-Range: bytes " + std::to_string(range->first) + "-" + std::to_string(range->last - 1) + "/" + size +
          "\r\n";
  return answer_of(site, 206, more, bytes.substr(range->first, range->last - range->first), type_of(found->first),
                   false, last);
}

class Client {
 public:
  explicit Client(int fd) : fd_(fd) { wait(); }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  int fd() const noexcept { return fd_; }
  bool answering() const noexcept { return !answer_.head.empty(); }
  bool over(Clock::time_point now) const noexcept { return gone_ || now > deadline_; }
  Clock::time_point since() const noexcept { return since_; }
  short wanted() const noexcept { return answering() ? POLLOUT : POLLIN; }

  /// Reads, answers, sends what can be done at once.
  void turn(const Site& site, short ready) {
    if ((ready & (POLLERR | POLLNVAL)) != 0) gone_ = true;
    if (!gone_ && !answering()) read(site);
    if (!gone_ && answering()) send(site);
  }

 private:
  void wait() {
    since_ = Clock::now();
    deadline_ = since_ + std::chrono::duration_cast<Clock::duration>(Seconds(k_patience));
  }

  void read(const Site& site) {
    char piece[4096];
    const auto n = ::recv(fd_, piece, std::min(sizeof piece, k_most_unread - unread_.size()), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
    if (n <= 0) {
      gone_ = true;
      return;
    }
    if (parting_) return;
    unread_.append(piece, static_cast<std::size_t>(n));
    next(site);
  }

  // The next request of those that were read, if it is whole.
  void next(const Site& site) {
    const http::Parsed parsed = http::parse(unread_);
    if (parsed.refused != 0) {
      begin(refusal(site, parsed.refused, "This request is not understood.\n", "", false, true));
      unread_.clear();
    } else if (parsed.used > 0) {
      ++served_;
      const bool last = !parsed.request.keeps_connection() || parsed.request.has_body() || served_ >= k_most_requests;
      begin(respond(site, parsed.request, last));
      unread_.erase(0, parsed.used);
    }
  }

  void begin(Answer answer) {
    answer_ = std::move(answer);
    sent_ = 0;
    const double size = static_cast<double>(answer_.head.size() + answer_.body.size());
    deadline_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(Seconds(k_patience + size / k_slowest));
  }

  void send(const Site& site) {
    const std::size_t head = answer_.head.size(), all = head + answer_.body.size();
    while (sent_ < all) {
      const std::string_view rest = sent_ < head ? std::string_view(answer_.head).substr(sent_)
                                                 : answer_.body.substr(sent_ - head).substr(0, k_piece);
      const auto n = ::send(fd_, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (n <= 0) {
        gone_ = true;
        return;
      }
      sent_ += static_cast<std::size_t>(n);
      if (sent_ > head && sent_ < all) return;  // others have their turn
    }
    if (answer_.last) {  // what still comes is read and forgotten: closed on it, the answer could be lost
      ::shutdown(fd_, SHUT_WR);
      answer_ = {};
      unread_.clear();
      parting_ = true;
      deadline_ = Clock::now() + std::chrono::seconds(1);
      return;
    }
    answer_ = {};
    wait();
    next(site);
  }

  int fd_;
  bool gone_ = false, parting_ = false;
  unsigned served_ = 0;
  std::string unread_;
  Answer answer_;
  std::size_t sent_ = 0;
  Clock::time_point since_, deadline_;
};

std::size_t most_clients() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return k_most_clients;
  const std::size_t files = limit.rlim_cur;
  return std::clamp(files - std::min(files, k_spare_descriptors), k_least_clients, k_most_clients);
}

void never_blocks(int fd) {
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// The one to go when there is no room: of those that were given nothing to do the one that has waited longest.
void make_room(std::list<Client>& clients) {
  const auto worst = std::min_element(clients.begin(), clients.end(), [](const Client& a, const Client& b) {
    return a.answering() != b.answering() ? b.answering() : a.since() < b.since();
  });
  if (worst != clients.end()) clients.erase(worst);
}

void accept_all(int listener, std::list<Client>& clients, std::size_t most) {
  for (std::size_t k = 0; k < most; ++k) {
    const int fd = ::accept(listener, nullptr, nullptr);
    if (fd < 0) {
      if ((errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) && !clients.empty())
        make_room(clients);
      else if (errno != ECONNABORTED && errno != EINTR)
        return;
      continue;
    }
    if (clients.size() >= most) make_room(clients);
    never_blocks(fd);
    clients.emplace_back(fd);
  }
}

// A listening socket on the loopback address, and its port.
std::pair<int, int> listening(std::uint16_t wanted) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(wanted);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  // Not SO_REUSEPORT: two servers would share a port and its visitors.
  if (fd < 0 || ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 || ::bind(fd, plain, length) != 0 ||
      ::listen(fd, SOMAXCONN) != 0 || ::getsockname(fd, plain, &length) != 0) {
    if (fd >= 0) ::close(fd);
    throw Error(ErrorKind::usage, "the server cannot use this port",
                {std::to_string(wanted), "a free port", "--serve 0 takes any free one."});
  }
  never_blocks(fd);
  return {fd, ntohs(address.sin_port)};
}

}  // namespace

void serve(const std::map<std::string, std::string>& files, const std::string& policy, std::uint16_t wanted,
           const std::function<void(const std::string&)>& ready) {
  const auto [listener, port] = listening(wanted);
  struct Closed {
    int fd;
    ~Closed() { ::close(fd); }
  } const closed{listener};
  const Site site{files, policy, random_token(), ":" + std::to_string(port)};
  ready("http://127.0.0.1" + site.suffix + "/" + site.token + "/");
  const std::size_t most = most_clients();
  std::list<Client> clients;
  std::vector<pollfd> sockets;
  while (!interrupted()) {
    sockets.assign(1, {listener, POLLIN, 0});
    for (const auto& client : clients) sockets.push_back({client.fd(), client.wanted(), 0});
    if (::poll(sockets.data(), sockets.size(), 100) < 0 && errno != EINTR)
      throw Error(ErrorKind::output, "the server cannot wait for its clients");
    std::size_t k = 1;
    const auto now = Clock::now();
    for (auto client = clients.begin(); client != clients.end(); ++k) {
      if (sockets[k].revents != 0) client->turn(site, sockets[k].revents);
      client = client->over(now) ? clients.erase(client) : std::next(client);
    }
    if (sockets[0].revents != 0) accept_all(listener, clients, most);
  }
}

}  // namespace starglow::cli

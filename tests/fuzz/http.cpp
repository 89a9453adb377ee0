// Requests to the local server of the page, over its socket: bytes as a browser, or anybody on this machine, may send
// them. In them TOKEN and PORT stand for the server's own. What is served leaves only with the token.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <future>
#include <string>
#include <thread>

#include "cli/serve.hpp"
#include "fuzz/target.hpp"

namespace starglow::cli {
bool interrupted() noexcept { return false; }  // the server ends with the process
}  // namespace starglow::cli

namespace {

constexpr const char* k_secret = "what-is-served";

struct Server {
  std::string token;
  std::uint16_t port = 0;
  Server() {
    std::promise<std::string> address;
    std::thread([&address] {
      static const std::map<std::string, std::string> files{{"index.html", k_secret}, {"data/a.bin", k_secret}};
      starglow::cli::serve(files, "default-src 'none'", 0, [&](const std::string& a) { address.set_value(a); });
    }).detach();
    const std::string a = address.get_future().get();  // http://127.0.0.1:PORT/TOKEN/
    const auto colon = a.rfind(':'), slash = a.find('/', colon);
    port = static_cast<std::uint16_t>(std::stoi(a.substr(colon + 1)));
    token = a.substr(slash + 1, a.size() - slash - 2);
  }
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// All that the server says. It takes a half-closed socket for a dead one, so that comes only after a silence.
std::string answer(std::uint16_t port, const std::string& request, bool server_closes) {
  const int s = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (s < 0 || connect(s, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) std::abort();
  const linger at_once{1, 0};  // no port stays behind
  setsockopt(s, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  for (std::size_t sent = 0; sent < request.size();) {
    const auto n = send(s, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) break;
    sent += static_cast<std::size_t>(n);
  }
  std::string out;
  for (const timeval patience : {server_closes ? timeval{10, 0} : timeval{0, 5000}, timeval{10, 0}}) {
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char piece[4096];
    ssize_t n = 0;
    while ((n = recv(s, piece, sizeof piece, 0)) > 0) out.append(piece, static_cast<std::size_t>(n));
    if (n == 0) break;
    shutdown(s, SHUT_WR);
  }
  close(s);
  return out;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Server server;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string own = replaced(text, "PORT", std::to_string(server.port));
  (void)answer(server.port, replaced(own, "TOKEN", server.token), false);
  // Without the token nothing is served, and it is not told.
  const std::string blind = answer(server.port, own, false);
  if (blind.find(k_secret) != std::string::npos || blind.find(server.token) != std::string::npos) std::abort();
  // The server still lives, and serves the page whole.
  const std::string page =
      answer(server.port,
             "GET /" + server.token + "/ HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port) +
                 "\r\nConnection: close\r\n\r\n",
             true);
  if (!page.starts_with("HTTP/1.1 200") || !page.ends_with(k_secret)) std::abort();
  return 0;
}

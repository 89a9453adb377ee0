// The local server of the page (cpp-httplib).
#include "cli/serve.hpp"

#include <httplib.h>
#include <sys/random.h>

#include <thread>

#include "cli/console.hpp"
#include "starglow/base/error.hpp"

namespace starglow::cli {
namespace {

constexpr std::size_t k_max_body = 1024, k_max_path = 512;

// 128 random bits as hexadecimal digits.
std::string random_token() {
  unsigned char bytes[16];
  if (getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes))
    throw Error(ErrorKind::output, "the system gives no random numbers for the token of the server");
  std::string token;
  for (const unsigned b : bytes) token += {"0123456789abcdef"[b >> 4U], "0123456789abcdef"[b & 15U]};
  return token;
}

bool same_text(const std::string& a, const std::string& b) {  // in a time that does not tell where they differ
  unsigned different = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
    different |= static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
  return different == 0;
}

const char* type_of(const std::string& name) {
  const auto is = [&](std::string_view end) { return name.ends_with(end); };
  return is(".html")   ? "text/html; charset=utf-8"
         : is(".js")   ? "text/javascript; charset=utf-8"
         : is(".css")  ? "text/css; charset=utf-8"
         : is(".wasm") ? "application/wasm"
                       : "application/octet-stream";
}

}  // namespace

void serve(const std::map<std::string, std::string>& files, const std::string& policy, std::uint16_t wanted,
           const std::function<void(const std::string&)>& ready) {
  httplib::Server server;
  const std::string token = random_token();
  int port = wanted;
  // Without SO_REUSEPORT, which is the library's choice: two servers would share a port and its visitors.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.set_payload_max_length(k_max_body);
  server.set_read_timeout(5);
  server.set_keep_alive_max_count(1000);
  server.set_default_headers({{"Content-Security-Policy", policy + "; frame-ancestors 'none'"},
                              {"X-Content-Type-Options", "nosniff"},
                              {"Referrer-Policy", "no-referrer"},
                              {"Cross-Origin-Resource-Policy", "same-origin"}});
  const auto refuse = [](httplib::Response& response, int status, const char* text) {
    response.status = status;
    response.set_content(text, "text/plain; charset=utf-8");
    return httplib::Server::HandlerResponse::Handled;
  };
  server.set_pre_routing_handler([&](const httplib::Request& request, httplib::Response& response) {
    const std::string host = request.get_header_value("Host"), suffix = ":" + std::to_string(port);
    if (request.get_header_value_count("Host") != 1 || (host != "127.0.0.1" + suffix && host != "localhost" + suffix))
      return refuse(response, 421, "This server answers to 127.0.0.1 and localhost alone.\n");
    if (request.method != "GET" && request.method != "HEAD") return refuse(response, 405, "GET and HEAD only.\n");
    if (request.path.size() > k_max_path) return refuse(response, 414, "The path is too long.\n");
    const auto slash = request.path.find('/', 1);
    if (slash == std::string::npos || !same_text(request.path.substr(1, slash - 1), token))
      return refuse(response, 403, "The address lacks the token that starglow printed.\n");
    const std::string name = request.path.substr(slash + 1);
    const auto found = files.find(name.empty() ? "index.html" : name);
    if (found == files.end()) return refuse(response, 404, "No such file.\n");
    if (found->first.starts_with("data/"))  // named by its content
      response.set_header("Cache-Control", "private, max-age=31536000, immutable");
    else
      response.set_header("Cache-Control", "no-cache");
    const std::string& bytes = found->second;
    response.set_content_provider(bytes.size(), type_of(found->first),
                                  [&bytes](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                                    return sink.write(bytes.data() + offset, length);
                                  });
    response.status = request.ranges.empty() ? 200 : 206;
    return httplib::Server::HandlerResponse::Handled;
  });
  if (wanted == 0)
    port = server.bind_to_any_port("127.0.0.1");
  else if (!server.bind_to_port("127.0.0.1", wanted))
    port = -1;
  if (port <= 0)
    throw Error(ErrorKind::usage, "the server cannot have its port",
                {std::to_string(wanted), "a free port of this machine", "--serve 0 takes any free one."});
  std::thread worker([&] { server.listen_after_bind(); });
  ready("http://127.0.0.1:" + std::to_string(port) + "/" + token + "/");
  while (!interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  server.stop();
  worker.join();
}

}  // namespace starglow::cli

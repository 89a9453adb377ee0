#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace starglow::cli {

/// Serves files from memory to this machine alone: loopback, under a random token, with the Host header checked, GET
/// and HEAD only, small requests only. Paths are keys of `files`, never names on a disk. `policy` is sent with each
/// answer. Returns after SIGINT or SIGTERM. port 0: any free one. `ready` gets the address to open. Error(usage): the
/// port cannot be had.
void serve(const std::map<std::string, std::string>& files, const std::string& policy, std::uint16_t port,
           const std::function<void(const std::string& address)>& ready);

}  // namespace starglow::cli

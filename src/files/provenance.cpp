#include "starglow/files/provenance.hpp"

#include <chrono>
#include <ctime>
#include <fstream>

#include "starglow/base/error.hpp"
#include "starglow/base/sha256.hpp"
#include "starglow/base/version.hpp"

namespace starglow {

void Provenance::add_input(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(ErrorKind::input, "'" + path.string() + "' cannot be read");
  Sha256 sum;
  std::vector<char> buffer(1 << 20);
  std::uint64_t bytes = 0;
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    const auto got = static_cast<std::size_t>(in.gcount());
    sum.add(std::string_view(buffer.data(), got));
    bytes += got;
  }
  inputs.push_back({path.filename().string(), bytes, sum.hex()});
}

std::vector<std::pair<std::string, std::string>> Provenance::entries() const {
  std::vector<std::pair<std::string, std::string>> all;
  all.emplace_back("PROGRAM", "starglow");
  all.emplace_back("VERSION", std::string(version()));
  all.emplace_back("REVISION", std::string(revision()));
  all.emplace_back("COMPILER", std::string(compiler()));
  std::string command;
  for (const auto& word : argv) command += (command.empty() ? "" : " ") + word;
  if (!command.empty()) all.emplace_back("ARGV", command);
  if (!seed.empty()) all.emplace_back("SEED", seed);
  if (!model_hash.empty()) all.emplace_back("MODEL", model_hash);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string n = std::to_string(i);
    all.emplace_back("INPUT" + n, inputs[i].path);
    all.emplace_back("INPUT" + n + "_BYTES", std::to_string(inputs[i].bytes));
    all.emplace_back("INPUT" + n + "_SHA256", inputs[i].sha256);
  }
  for (const auto& [key, value] : configuration) all.emplace_back("CONFIG " + key, value);
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  all.emplace_back("TIME", text);
  if (threads > 0) all.emplace_back("THREADS", std::to_string(threads));
  return all;
}

}  // namespace starglow

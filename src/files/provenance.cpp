#include "starglow/files/provenance.hpp"

#include <sys/stat.h>

#include <chrono>
#include <ctime>
#include <fstream>

#include "base/input_file.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/sha256.hpp"
#include "starglow/base/version.hpp"

namespace starglow {

namespace {

std::array<std::uint64_t, 5> state_of(const std::filesystem::path& path) {
  struct stat s{};
  if (::stat(path.c_str(), &s) != 0) return {};
#if defined(__APPLE__)
  const auto& changed = s.st_mtimespec;
#else
  const auto& changed = s.st_mtim;
#endif
  return {static_cast<std::uint64_t>(s.st_dev), static_cast<std::uint64_t>(s.st_ino),
          static_cast<std::uint64_t>(s.st_size), static_cast<std::uint64_t>(changed.tv_sec),
          static_cast<std::uint64_t>(changed.tv_nsec)};
}

void check_unchanged(const std::filesystem::path& path, const std::array<std::uint64_t, 5>& before) {
  if (state_of(path) != before)
    throw Error(ErrorKind::input, "'" + path.string() + "' changed while it was read",
                {"another size, time or file", "the same file to the end",
                 "Run again when nobody writes it; nothing was written."});
}

}  // namespace

void Provenance::watch(const std::filesystem::path& path) {
  std::error_code failed;
  if (std::filesystem::is_regular_file(path, failed)) watched_[path] = state_of(path);
}

void Provenance::add_input(const std::filesystem::path& path) {
  check_input_file(path, "'" + path.string() + "'");
  const auto known = watched_.find(path);
  const auto before = known == watched_.end() ? state_of(path) : known->second;
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
  if (in.bad() || bytes != before[2])
    throw Error(ErrorKind::input, "'" + path.string() + "' cannot be read to its end",
                {std::to_string(bytes) + " bytes", std::to_string(before[2]) + " bytes", ""});
  check_unchanged(path, before);
  inputs.push_back({path.filename().string(), bytes, sum.hex(), before, std::filesystem::absolute(path)});
}

std::vector<std::pair<std::string, std::string>> Provenance::entries() const {
  for (const auto& input : inputs)
    if (!input.whole_path.empty()) check_unchanged(input.whole_path, input.state);
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
  if (!timeless) all.emplace_back("TIME", text);
  if (threads > 0) all.emplace_back("THREADS", std::to_string(threads));
  return all;
}

}  // namespace starglow

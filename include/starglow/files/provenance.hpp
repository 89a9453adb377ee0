#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace starglow {

/// Where an output comes from. Written into every output; `time` and `threads` may differ between equal runs and are
/// kept apart (FITS: the HDU PROVENANCE), so that the numbers of two runs compare byte by byte.
struct Provenance {
  struct Input {
    std::string path;
    std::uint64_t bytes = 0;
    std::string sha256;
    /// The file as the system knew it when its reading began: device, number, size, time of its last change.
    std::array<std::uint64_t, 5> state{};
    std::filesystem::path whole_path;
  };
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> configuration;  ///< key, value
  std::vector<Input> inputs;
  std::string model_hash;  ///< SHA-256 of the model's tensors and metadata; "" = no model
  std::string seed;
  unsigned threads = 0;
  bool timeless = false;  ///< leave TIME out, so that equal runs are equal bytes

  /// Notes how the file is now: called before the reading begins, add_input() sees what changed in between.
  void watch(const std::filesystem::path& path);
  void add_input(const std::filesystem::path& path);  ///< reads and sums the file; Error(input)
  /// Everything as (key, value): program, version, revision, argv, inputs ...; with time and threads last. Written
  /// into outputs before they get their names: Error(input) where an input is no longer the file that was read.
  std::vector<std::pair<std::string, std::string>> entries() const;

 private:
  std::map<std::filesystem::path, std::array<std::uint64_t, 5>> watched_;
};

}  // namespace starglow

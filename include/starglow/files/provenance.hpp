#pragma once
#include <cstdint>
#include <filesystem>
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
  };
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> configuration;  ///< key, value
  std::vector<Input> inputs;
  std::string model_hash;  ///< SHA-256 of the model's tensors and metadata; "" = no model
  std::string seed;
  unsigned threads = 0;

  void add_input(const std::filesystem::path& path);  ///< reads and sums the file; Error(input)
  /// Everything as (key, value): program, version, revision, argv, inputs ...; with time and threads last.
  std::vector<std::pair<std::string, std::string>> entries() const;
};

}  // namespace starglow

#pragma once
// A fuzz target reads bytes as a parser would: an Error is a good answer, anything else that ends it is a finding.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "starglow/base/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace starglow::fuzz {

/// For parsers that read files: the bytes under a name of their own.
class File {
 public:
  File() {
    std::string name = (std::filesystem::temp_directory_path() / "starglow-fuzz-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~File() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  std::filesystem::path write(const std::uint8_t* data, std::size_t size) const {
    std::ofstream(folder_ / "input", std::ios::binary)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    return folder_ / "input";
  }

 private:
  std::filesystem::path folder_;
};

template <class F>
int answer(F read) {
  try {
    read();
  } catch (const Error&) {
  }
  return 0;
}

}  // namespace starglow::fuzz

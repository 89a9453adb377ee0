// Filter curves as ECSV and as plain text, with and without a unit by hand. HDF5 has a target of its own.
#include "starglow/spectra/filter.hpp"
#include "starglow/files/starlight.hpp"

#include <string_view>

#include "fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starglow;
  if (size >= 4 && std::string_view(reinterpret_cast<const char*>(data), 4) == "\x89HDF") return 0;
  static const fuzz::File file;
  const auto path = file.write(data, size);
  fuzz::answer([&] { (void)load_filter(path); });
  return fuzz::answer([&] { (void)load_filter(path, "nm"); });
}

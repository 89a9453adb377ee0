// Units as headers write them.
#include "files/unit_text.hpp"

#include <cmath>
#include <cstdlib>

#include "fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starglow;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto unit = files::parse_unit(text);
  if (files::is_flux_unit(text) && (!unit.understood || std::fabs(unit.log10_factor + 17) > 1e-6)) std::abort();
  return 0;
}

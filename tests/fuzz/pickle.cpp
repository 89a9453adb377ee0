// The published weight files: NumPy's container, the pickle in it, the networks in that.
#include "files/models/pickle.hpp"

#include "fuzz/target.hpp"
#include "starglow/files/import_k24.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starglow;
  fuzz::answer([&] { (void)files::read_pickle({data, size}, 0, "fuzz"); });
  return fuzz::answer([&] { (void)parse_k24({data, size}, "fuzz"); });
}

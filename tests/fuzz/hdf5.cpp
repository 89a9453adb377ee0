// HDF5: the check of the superblock, grids of stellar populations, filter curves.
#include "files/hdf5_file.hpp"

#include "fuzz/target.hpp"
#include "starglow/filter.hpp"
#include "starglow/ssp.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starglow;
  static const fuzz::File file;
  const auto path = file.write(data, size);
  fuzz::answer([&] { (void)read_ssp(path); });
  return fuzz::answer([&] { (void)Filter::load(path); });
}

// HDF5: what stands before the library, the check of the superblock. The corpus goes through the library too, as grids
// and as filters; bytes made up by the fuzzer do not, since it crashes on hostile files (docs/limits.md).
#include "files/hdf5_file.hpp"

#include "fuzz/target.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/spectra/filter.hpp"
#include "starglow/stars/ssp.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starglow;
  static const fuzz::File file;
  const auto path = file.write(data, size);
  fuzz::answer([&] { files::check_hdf5(path); });
#ifndef STARGLOW_FUZZER
  fuzz::answer([&] { (void)read_ssp(path); });
  fuzz::answer([&] { (void)load_filter(path); });
#endif
  return 0;
}

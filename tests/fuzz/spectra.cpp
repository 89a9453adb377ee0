// Spectra of the surveys and of this project: what the readers make of HDUs, columns, images, units and grids. The file
// stands for both of DESI's, since its two kinds of HDUs can lie in one.
#include "files/surveys/spectra_source.hpp"
#include "fuzz/target.hpp"
#include "starglow/files/spectra_reader.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starglow;
  static const fuzz::File file;
  const auto path = file.write(data, size);
  constexpr std::size_t k_rows = 3;
  fuzz::answer([&] {
    SpectraReader reader({path}, {.resolution = true});
    if (reader.rows() == 0) return;
    (void)reader.read(0, k_rows);
    (void)reader.read(reader.rows() - 1, k_rows);
  });
  return fuzz::answer([&] {
    const auto both = files::open_desi(path, path, {.resolution = true}, true);
    if (both->rows == 0) return;
    (void)both->read(0, std::min(k_rows, both->rows));
    (void)both->read(both->rows - 1, 1);
  });
}

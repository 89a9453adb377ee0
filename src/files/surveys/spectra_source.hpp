#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "files/fits/fits_input.hpp"
#include "starglow/base/galaxies.hpp"
#include "starglow/files/spectra_reader.hpp"
#include "starglow/spectra/spectrum.hpp"

namespace starglow::files {

/// The spectra of one file (with its redshift file). One implementation a layout.
class SpectraSource {
 public:
  virtual ~SpectraSource() = default;
  std::size_t rows = 0;
  Conventions conventions;
  bool has_catalogue_ew = false, has_flux = true, has_models = false;
  bool one_grid = true;  ///< all rows, on the survey's common grid or the only one of the file
  std::vector<std::string> notes;
  virtual Spectra read(std::size_t first, std::size_t count) = 0;
};

enum class Layout { own, desi, redrock, sdss, fastspec, unknown };
Layout layout_of(const FitsInput& file);

/// Checks (units, grids, checksums, ids) happen when `check` is true: at the first opening.
std::unique_ptr<SpectraSource> open_desi(const std::filesystem::path& coadd, const std::filesystem::path& redrock,
                                         const SpectraReaderOptions& options, bool check);
std::unique_ptr<SpectraSource> open_sdss(const std::filesystem::path& path, bool check);
std::unique_ptr<SpectraSource> open_fastspec(const std::filesystem::path& path, bool check);

std::unique_ptr<SpectraSource> open_own(const std::filesystem::path& path, const SpectraReaderOptions& options);

/// Rows of a batch on a common grid, fluxes and ivars 0.
Spectra empty_batch(std::size_t count, std::size_t pixels);
/// Refuses a header that says that wavelengths are in air.
void refuse_air(FitsInput& file, std::string_view extname);

}  // namespace starglow::files

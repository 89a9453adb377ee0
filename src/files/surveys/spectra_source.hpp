#pragma once
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
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
  bool one_grid = true;      ///< all rows are on one grid
  bool survey_grid = false;  ///< and that is DESI's own, of 7781 pixels
  bool took_z = false;       ///< the redshift is SpectraReaderOptions::z
  std::vector<std::string> notes;
  std::vector<std::string> kept;  ///< columns of the targets that a batch brings: SPECTYPE, OBJTYPE, RA, SURVEY ...
  /// Notes columns of a table of targets as kept: pairs of our name and theirs.
  void keep(FitsInput& file, const std::string& hdu,
            std::initializer_list<std::pair<const char*, const char*>> ours_and_theirs);
  virtual Spectra read(std::size_t first, std::size_t count) = 0;
};

enum class Layout { own, desi, redrock, sdss, fastspec, general, unknown };
Layout layout_of(const FitsInput& file);
/// Prefixes of the cameras whose FLUX a DESI file has: B_, R_, Z_, or several in one, as BRZ_.
std::vector<std::string> desi_cameras(const FitsInput& file);

/// Checks (units, grids, checksums, ids) happen when `check` is true: at the first opening.
std::unique_ptr<SpectraSource> open_desi(const std::filesystem::path& coadd, const std::filesystem::path& redrock,
                                         const SpectraReaderOptions& options, bool check);
std::unique_ptr<SpectraSource> open_sdss(const std::filesystem::path& path, bool check);
std::unique_ptr<SpectraSource> open_fastspec(const std::filesystem::path& path, bool check);
std::unique_ptr<SpectraSource> open_own(const std::filesystem::path& path, const SpectraReaderOptions& options);
/// Tables and images of spectra by other people: FITS or ECSV.
std::unique_ptr<SpectraSource> open_general(const std::filesystem::path& path, const SpectraReaderOptions& options,
                                            bool check);
bool is_ecsv(const std::filesystem::path& path);

/// Rows of a batch on a common grid, fluxes and ivars 0.
Spectra empty_batch(std::size_t count, std::size_t pixels);
/// Whether a header says that wavelengths are in air: the first of the HDUs that says anything, else that of the file.
bool is_air(FitsInput& file, std::vector<std::string> hdus);

/// Columns of a table of targets, rows as asked for; of a column that is not there, nothing.
std::vector<double> numbers_if(FitsInput& file, const std::string& hdu, std::initializer_list<const char*> names,
                               std::span<const std::size_t> rows, double absent);
std::vector<std::int64_t> integers_if(FitsInput& file, const std::string& hdu, std::initializer_list<const char*> names,
                                      std::span<const std::size_t> rows, std::int64_t absent);
std::vector<std::string> texts_if(FitsInput& file, const std::string& hdu, std::initializer_list<const char*> names,
                                  std::span<const std::size_t> rows);

/// Sets NOT_GALAXY and ZWARN by what a batch says of its targets: SPECTYPE other than GALAXY and QSO, OBJTYPE other
/// than TGT, fibre status other than 0 and RESTRICTED (bit 3), ZWARN other than 0.
void flag_targets(Spectra& spectra);

}  // namespace starglow::files

#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/spectra/spectrum.hpp"

namespace starglow {

struct SpectraReaderOptions {
  /// Of the spectra of general tables whose file has no redshift.
  std::optional<double> z{};
  /// Units of general tables that do not say theirs; "relative" for fluxes of an arbitrary scale.
  std::string wave_unit{}, flux_unit{};
  /// A file that cannot be read among others is left out, and listed by failures().
  bool skip_bad = false;
  bool resolution = false;  ///< keep the 11 diagonals (DESI); the width of the instrument's profile is read in any case
};

/// Reads spectra of galaxies, a chunk at a time, from the files of surveys. What a file is, its HDUs say:
///
/// - DESI coadd or spectra files (healpix or tiles), of cameras or of one grid (BRZ), each with its redrock file, which
/// is
///   found by TARGETID, or with REDSHIFTS inside. Cameras are merged to the common grid of 7781 pixels (merge.hpp), or
///   to one of their own where they are on another.
/// - SDSS, BOSS and SDSS-V `spec-*.fits`: logarithmic grid, redshift inside, SPZLINE as catalogue EWs.
/// - FastSpecFit `fastspec-*.fits` with MODELS: models without noise, Galactic dust removed, with the catalogue's EWs;
///   merged catalogues without MODELS: EWs alone, fluxes NaN.
/// - the project's own spectra files (spectra_file.hpp).
/// - any FITS or ECSV table, or FITS images, with wavelength, flux and error or ivar by their usual names, units read;
///   redshift by column, header or SpectraReaderOptions::z. A folder stands for the files in it.
///
/// gzip everywhere. HDUs go by EXTNAME, columns by name, rows of two tables by TARGETID, SURVEY and PROGRAM; checksums
/// are verified where present; units of one dimension are converted, and wavelengths in air. Files are open one at a
/// time. A row is never dropped: what is missing of it is NaN, with flags.
class SpectraReader {
 public:
  /// Error(input): no such file, none of these layouts, broken structure, wrong checksum, unit or grid; a coadd without
  /// its redrock file or the reverse; files of different conventions together.
  explicit SpectraReader(const std::vector<std::filesystem::path>& inputs, const SpectraReaderOptions& options = {});
  ~SpectraReader();
  SpectraReader(SpectraReader&&) noexcept;
  SpectraReader& operator=(SpectraReader&&) noexcept;

  std::size_t rows() const noexcept;
  /// Rows from `first` on, `count` at most, fewer at the end of a file; memory for these rows only.
  Spectra read(std::size_t first, std::size_t count);
  const Conventions& conventions() const noexcept;  ///< aperture, mwcorr, contsrc, labelver, fluxscal, vacuum
  bool has_catalogue_ew() const noexcept;           ///< some file brings EWs with it
  bool has_flux() const noexcept;                   ///< some file has spectra, not EWs alone
  bool one_grid() const noexcept;                   ///< every spectrum is on the same wavelengths
  bool models_only() const noexcept;                ///< FastSpecFit models: nothing to measure, the EWs are the labels
  /// Whether some file says this of its targets: SURVEY, PROGRAM, SPECTYPE, OBJTYPE, COADD_FIBERSTATUS, ZWARN, Z_ERR,
  /// RA, DEC, ORIGINAL_ID.
  bool keeps(std::string_view column) const noexcept;
  struct Failure {
    std::filesystem::path path;
    std::string what;
  };
  const std::vector<Failure>& failures() const noexcept;   ///< files left out (SpectraReaderOptions::skip_bad)
  std::vector<std::filesystem::path> inputs() const;       ///< files that are read, redshifts too
  const std::vector<std::string>& notes() const noexcept;  ///< what a reader should know, e.g. a missing camera

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace starglow

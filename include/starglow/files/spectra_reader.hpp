#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/spectra/spectrum.hpp"

namespace starglow {

struct SpectraReaderOptions {
  bool resolution = false;  ///< keep the 11 diagonals (DESI); the width of the instrument's profile is read in any case
};

/// Reads spectra of galaxies, a chunk at a time, from the files of surveys. What a file is, its HDUs say:
///
/// - DESI coadd or spectra files (healpix or tiles), each with the redrock file of the same spectra: the n-th redrock
/// file
///   belongs to the n-th coadd. Cameras are merged to the common grid of 7781 pixels (merge.hpp).
/// - SDSS and BOSS `spec-*.fits`: logarithmic grid, vacuum, redshift inside, SPZLINE as catalogue EWs.
/// - FastSpecFit `fastspec-*.fits` with MODELS: models without noise, Galactic dust removed, with the catalogue's EWs;
///   merged catalogues without MODELS: EWs alone, fluxes NaN.
/// - the project's own spectra files (spectra_file.hpp).
///
/// gzip everywhere. HDUs go by EXTNAME, columns by name; checksums are verified where present. Files are open one at
/// a time. A row is never dropped: what is missing of it is NaN, with flags.
class SpectraReader {
 public:
  /// Error(input): no such file, none of these layouts, broken structure, wrong checksum, unit or grid, air
  /// wavelengths; a coadd without its redrock file or the reverse; files of different conventions together.
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
  const std::vector<std::string>& notes() const noexcept;  ///< what a reader should know, e.g. a missing camera

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace starglow

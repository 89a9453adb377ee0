#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/files/provenance.hpp"
#include "starglow/files/table.hpp"
#include "starglow/spectra/spectrum.hpp"

namespace starglow {

/// The project's own layout of spectra, for prep, paint and the page: a FITS file with the table GALAXIES and the
/// images WAVE (pixels, or galaxies x pixels; A, vacuum, observed frame), FLUX, IVAR, MASK, CONTINUUM, LINES (galaxies
/// x pixels, float32; 1e-17 erg/s/cm2/A) and, where asked for, RESOLUTION (galaxies x 11 x pixels). FLUX = CONTINUUM +
/// LINES + noise where it was painted. docs/spectra.md.
struct SpectraPlanes {
  bool flux = true, ivar = false, mask = false, continuum = false, lines = false, resolution = false;
};

/// Shape of a file to write.
struct SpectraLayout {
  std::size_t rows = 0, pixels = 0;
  bool one_grid = true;  ///< WAVE holds one grid for all
  SpectraPlanes planes{};
  /// Columns of GALAXIES; TARGETID, SURVEY, PROGRAM, Z, EBV, SPECTYPE and FLAGS are filled by write(first, batch) where
  /// they are listed, the others by write(column, ...).
  std::vector<ColumnInfo> columns{{"TARGETID", 'K', 1, ""}, {"Z", 'D', 1, ""}, {"FLAGS", 'J', 1, ""}};
};

/// Writes such a file in rows: memory for the batch at hand only. The file appears whole at commit() or not at all.
class SpectraFileWriter {
 public:
  /// Error(usage): the output exists and `overwrite` is false, or is being written. Error(output): cannot be written.
  SpectraFileWriter(const std::filesystem::path& path, SpectraLayout layout, const Conventions& conventions,
                    bool overwrite = false);
  ~SpectraFileWriter();
  SpectraFileWriter(const SpectraFileWriter&) = delete;
  SpectraFileWriter& operator=(const SpectraFileWriter&) = delete;

  /// Rows [first, first + batch.size()): the planes and columns of the layout that the batch has. The one grid is
  /// written with the first batch.
  void write(std::size_t first, const Spectra& batch);
  /// Rows from `first` on of one column of GALAXIES: values.size() = rows x repeat.
  void write(std::string_view column, std::size_t first, std::span<const double> values);
  void write(std::string_view column, std::size_t first, std::span<const float> values);
  void write(std::string_view column, std::size_t first, std::span<const std::int64_t> values);
  void write(std::string_view column, std::size_t first, std::span<const std::int32_t> values);
  void write(std::string_view column, std::size_t first, std::span<const std::string> values);

  /// CHECKSUM and DATASUM of every HDU, the provenance, then the name.
  void commit(const Provenance& provenance);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Reads such a file, rows at a time. gzip too. Headers and checksums are verified at opening.
class SpectraFileReader {
 public:
  /// Error(input): no such file, no GALAXIES, WAVE, or neither FLUX nor CONTINUUM; shapes that do not fit; a unit of
  /// another dimension (others are converted, and air to vacuum); a grid that does not ascend (of one for all: here,
  /// else in read()); a wrong checksum.
  explicit SpectraFileReader(const std::filesystem::path& path);
  ~SpectraFileReader();
  SpectraFileReader(SpectraFileReader&&) noexcept;
  SpectraFileReader& operator=(SpectraFileReader&&) noexcept;

  std::size_t rows() const noexcept;
  std::size_t pixels() const noexcept;
  bool one_grid() const noexcept;
  const SpectraPlanes& planes() const noexcept;
  const TableReader& table() const noexcept;        ///< GALAXIES: its columns
  const Conventions& conventions() const noexcept;  ///< of the spectra as read: wavelengths in air are converted
  const std::vector<std::string>& notes() const noexcept;

  /// Rows [first, first + count), all planes the file has; RESOLUTION only when asked for. ivar that is negative or not
  /// finite is read as 0.
  Spectra read(std::size_t first, std::size_t count, bool resolution = false) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace starglow

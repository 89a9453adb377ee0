#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "starglow/files/spectra_reader.hpp"
#include "starglow/files/table.hpp"
#include "starglow/spectra/measure.hpp"

namespace starglow {

/// What a table of measured spectra holds.
struct MeasuredColumns {
  bool noise = true;  ///< the spectra have ivars: without them an ivar of 0 would say that each band is missing
  bool lines = true;  ///< lines were measured
  bool catalogue_ew = false, models_only = false;  ///< as in SpectraReader
  /// What is kept of the targets: SURVEY, PROGRAM, ORIGINAL_ID, Z_ERR, ZWARN, SPECTYPE, OBJTYPE, COADD_FIBERSTATUS, RA,
  /// DEC.
  std::function<bool(std::string_view)> keeps;
};

/// The columns that measured spectra have in a table: ids, redshift, bands, and of each line EW, flux, width and
/// continuum with their inverse variances; EWs that came with the file as `{LINE}_EW_CAT`. docs/tables.md has the
/// units.
class MeasuredTable {
 public:
  explicit MeasuredTable(MeasuredColumns what);
  MeasuredTable(const SpectraReader& reader, bool noise, bool lines);

  /// All but FLAGS, in order.
  const std::vector<ColumnInfo>& columns() const noexcept { return columns_; }

  /// The given rows of a batch, with a measurement each, into rows of the table from `first` on.
  void write(TableWriter& out, std::size_t first, const Spectra& s, std::span<const std::size_t> rows,
             std::span<const Measurement> m) const;

 private:
  MeasuredColumns what_;
  std::vector<ColumnInfo> columns_;
};

}  // namespace starglow

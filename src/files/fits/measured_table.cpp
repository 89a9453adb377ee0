#include "starglow/files/measured_table.hpp"

#include <cmath>
#include <limits>
#include <string>

#include "starglow/base/lines.hpp"
#include "starglow/files/columns.hpp"

namespace starglow {
namespace {

template <class T>
std::vector<T> taken(const std::vector<T>& from, std::span<const std::size_t> rows) {
  std::vector<T> out;
  out.reserve(rows.size());
  for (const auto row : rows) out.push_back(from[row]);
  return out;
}

// One column of each line from an array of one value a line and measurement.
template <class Get>
void write_lines(TableWriter& out, std::size_t first, std::size_t n, const char* suffix, const Get& get) {
  std::vector<float> values(n);
  for (std::size_t line = 0; line < k_n_all_lines; ++line) {
    for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<float>(get(i, line));
    out.write(std::string(k_all_lines[line].name) + suffix, first, std::span<const float>(values));
  }
}

}  // namespace

MeasuredTable::MeasuredTable(const SpectraReader& reader, bool noise, bool lines)
    : MeasuredTable(MeasuredColumns{noise, lines, reader.has_catalogue_ew(), reader.models_only(),
                                    [&reader](std::string_view name) { return reader.keeps(name); }}) {}

MeasuredTable::MeasuredTable(MeasuredColumns what) : what_(std::move(what)) {
  columns_.push_back(with_null(column("TARGETID")));
  const auto kept = [&](ColumnInfo its) {
    if (what_.keeps(its.name)) columns_.push_back(std::move(its));
  };
  for (const char* name : {"SURVEY", "PROGRAM", "ORIGINAL_ID"}) kept(column(name));
  columns_.push_back(column("Z"));
  kept(column("Z_ERR"));
  kept(with_null(column("ZWARN")));
  for (const char* name : {"SPECTYPE", "OBJTYPE"}) kept(column(name));
  kept(with_null(column("COADD_FIBERSTATUS")));
  for (const char* name : {"RA", "DEC"}) kept(column(name));
  for (const char* name : {"EBV", "BAND_FLUX"}) columns_.push_back(column(name));
  if (what_.noise) columns_.push_back(column("BAND_FLUX_IVAR"));
  columns_.push_back(column("BAND_NPIX"));
  const auto add = [&](std::string_view suffix) {
    for (auto& its : line_columns(suffix, k_all_lines)) columns_.push_back(std::move(its));
  };
  if (what_.lines || what_.models_only)
    for (const char* suffix : {"_EW", "_EW_IVAR"}) add(suffix);
  if (what_.lines) {
    for (const char* suffix : {"_EW_LIMIT", "_FLUX", "_FLUX_IVAR", "_SIGMA", "_CONT", "_CONT_IVAR"}) add(suffix);
    columns_.push_back(column("VDISP"));
  }
  if (what_.catalogue_ew && !what_.models_only)
    for (const char* suffix : {"_EW_CAT", "_EW_CAT_IVAR"}) add(suffix);
}

void MeasuredTable::write(TableWriter& out, std::size_t first, const Spectra& s, std::span<const std::size_t> rows,
                          std::span<const Measurement> m) const {
  const std::size_t n = rows.size();
  const auto put = [&](const char* name, const auto& values) {
    using T = typename std::decay_t<decltype(values)>::value_type;
    out.write(name, first, std::span<const T>(values));
  };
  // Of a file that is silent about its targets, nothing: "", NaN or null.
  const auto target = [&](const char* name, const auto& values, const auto& none) {
    using T = std::remove_cvref_t<decltype(none)>;
    if (!what_.keeps(name)) return;
    put(name, values.empty() ? std::vector<T>(n, none) : taken(values, rows));
  };
  const std::string empty;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  put("TARGETID", taken(s.targetid, rows));
  target("SURVEY", s.survey, empty);
  target("PROGRAM", s.program, empty);
  target("ORIGINAL_ID", s.original_id, empty);
  target("Z_ERR", s.z_err, nan);
  target("ZWARN", s.zwarn, k_null_id);
  target("SPECTYPE", s.spectype, empty);
  target("OBJTYPE", s.objtype, empty);
  target("COADD_FIBERSTATUS", s.fiberstatus, k_null_id);
  target("RA", s.ra, nan);
  target("DEC", s.dec, nan);
  put("Z", taken(s.z, rows));
  put("EBV", taken(s.ebv, rows));
  std::vector<double> flux, ivar;
  std::vector<std::int32_t> pixels;
  std::vector<float> vdisp;
  for (const auto& one : m) {
    flux.insert(flux.end(), one.bands.flux.begin(), one.bands.flux.end());
    ivar.insert(ivar.end(), one.bands.ivar.begin(), one.bands.ivar.end());
    pixels.insert(pixels.end(), one.bands.good_pixels.begin(), one.bands.good_pixels.end());
    vdisp.push_back(static_cast<float>(one.vdisp));
  }
  put("BAND_FLUX", flux);
  if (what_.noise) put("BAND_FLUX_IVAR", ivar);
  put("BAND_NPIX", pixels);
  if (what_.catalogue_ew || what_.models_only) {
    const auto catalogue = [&](const Matrix<float>& from, float none) {
      return [&from, none, rows](std::size_t i, std::size_t line) { return from.empty() ? none : from(rows[i], line); };
    };
    write_lines(out, first, n, what_.models_only ? "_EW" : "_EW_CAT",
                catalogue(s.catalogue_ew, std::numeric_limits<float>::quiet_NaN()));
    write_lines(out, first, n, what_.models_only ? "_EW_IVAR" : "_EW_CAT_IVAR", catalogue(s.catalogue_ew_ivar, 0.0F));
  }
  if (!what_.lines) return;
  write_lines(out, first, n, "_EW", [&](std::size_t i, std::size_t l) { return m[i].ew[l]; });
  write_lines(out, first, n, "_EW_IVAR", [&](std::size_t i, std::size_t l) { return m[i].ew_ivar[l]; });
  write_lines(out, first, n, "_EW_LIMIT", [&](std::size_t i, std::size_t l) { return m[i].ew_limit[l]; });
  write_lines(out, first, n, "_FLUX", [&](std::size_t i, std::size_t l) { return m[i].flux[l]; });
  write_lines(out, first, n, "_FLUX_IVAR", [&](std::size_t i, std::size_t l) { return m[i].flux_ivar[l]; });
  write_lines(out, first, n, "_SIGMA", [&](std::size_t i, std::size_t l) { return m[i].sigma_v[l]; });
  write_lines(out, first, n, "_CONT", [&](std::size_t i, std::size_t l) { return m[i].continuum[l]; });
  write_lines(out, first, n, "_CONT_IVAR", [&](std::size_t i, std::size_t l) { return m[i].continuum_ivar[l]; });
  put("VDISP", vdisp);
}

}  // namespace starglow

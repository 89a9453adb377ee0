#include "starglow/files/measured_table.hpp"

#include <array>
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

// The columns of each line, of each line that may be broad, and of the galaxy, in order.
using OfLines = std::array<double, k_n_all_lines>;
struct LineNumber {
  std::string_view suffix;
  const OfLines& (*of)(const Measurement&);
};
constexpr std::array k_line_numbers{
    LineNumber{"_EW", [](const Measurement& m) -> const OfLines& { return m.ew; }},
    LineNumber{"_EW_IVAR", [](const Measurement& m) -> const OfLines& { return m.ew_ivar; }},
    LineNumber{"_EW_LIMIT", [](const Measurement& m) -> const OfLines& { return m.ew_limit; }},
    LineNumber{"_FLUX", [](const Measurement& m) -> const OfLines& { return m.flux; }},
    LineNumber{"_FLUX_IVAR", [](const Measurement& m) -> const OfLines& { return m.flux_ivar; }},
    LineNumber{"_FLUX_LIMIT", [](const Measurement& m) -> const OfLines& { return m.flux_limit; }},
    LineNumber{"_SIGMA", [](const Measurement& m) -> const OfLines& { return m.sigma_v; }},
    LineNumber{"_SIGMA_IVAR", [](const Measurement& m) -> const OfLines& { return m.sigma_ivar; }},
    LineNumber{"_VSHIFT", [](const Measurement& m) -> const OfLines& { return m.v_shift; }},
    LineNumber{"_VSHIFT_IVAR", [](const Measurement& m) -> const OfLines& { return m.v_shift_ivar; }},
    LineNumber{"_CONT", [](const Measurement& m) -> const OfLines& { return m.continuum; }},
    LineNumber{"_CONT_IVAR", [](const Measurement& m) -> const OfLines& { return m.continuum_ivar; }},
};
constexpr std::array k_broad_numbers{
    LineNumber{"_BROAD_FLUX", [](const Measurement& m) -> const OfLines& { return m.broad.flux; }},
    LineNumber{"_BROAD_FLUX_IVAR", [](const Measurement& m) -> const OfLines& { return m.broad.flux_ivar; }},
    LineNumber{"_BROAD_EW", [](const Measurement& m) -> const OfLines& { return m.broad.ew; }},
    LineNumber{"_BROAD_EW_IVAR", [](const Measurement& m) -> const OfLines& { return m.broad.ew_ivar; }},
};
double inverse(double variance) { return variance > 0 ? 1 / variance : 0; }
struct Number {
  const char* name;
  double (*of)(const Measurement&);
};
constexpr std::array k_numbers{
    Number{"SNR", [](const Measurement& m) { return m.snr; }},
    Number{"D4000", [](const Measurement& m) { return m.break_4000.value; }},
    Number{"D4000_IVAR", [](const Measurement& m) { return inverse(m.break_4000.variance); }},
    Number{"D4000_MODEL", [](const Measurement& m) { return m.break_4000_model; }},
    Number{"LICK_HDELTA_A", [](const Measurement& m) { return m.lick_hdelta.value; }},
    Number{"LICK_HDELTA_A_IVAR", [](const Measurement& m) { return inverse(m.lick_hdelta.variance); }},
    Number{"VDISP", [](const Measurement& m) { return m.vdisp; }},
    Number{"BROAD_SIGMA", [](const Measurement& m) { return m.broad.sigma_v; }},
    Number{"BROAD_SIGMA_IVAR", [](const Measurement& m) { return m.broad.sigma_ivar; }},
    Number{"BROAD_VSHIFT", [](const Measurement& m) { return m.broad.v_shift; }},
    Number{"BROAD_VSHIFT_IVAR", [](const Measurement& m) { return m.broad.v_shift_ivar; }},
    Number{"BROAD_DELTACHI2", [](const Measurement& m) { return m.broad.delta_chi2; }},
    Number{"BROAD_LOG_ODDS", [](const Measurement& m) { return m.broad.log_odds; }},
};

// Balmer lines that take part in the fit of shape: those may be broad.
std::vector<LineInfo> broad_lines() {
  std::vector<LineInfo> out;
  for (const auto& line : k_all_lines)
    if (line.balmer && line.own_shape) out.push_back(line);
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
    for (const auto& its : k_line_numbers)
      if (its.suffix != "_EW" && its.suffix != "_EW_IVAR") add(its.suffix);
    for (const auto& its : k_broad_numbers)
      for (auto& one : line_columns(its.suffix, broad_lines())) columns_.push_back(std::move(one));
    for (const auto& its : k_numbers) columns_.push_back(column(its.name));
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
  for (const auto& one : m) {
    flux.insert(flux.end(), one.bands.flux.begin(), one.bands.flux.end());
    ivar.insert(ivar.end(), one.bands.ivar.begin(), one.bands.ivar.end());
    pixels.insert(pixels.end(), one.bands.good_pixels.begin(), one.bands.good_pixels.end());
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
  std::vector<float> values(n);
  const auto number = [&](const std::string& name, const auto& get) {
    for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<float>(get(m[i]));
    out.write(name, first, std::span<const float>(values));
  };
  for (std::size_t line = 0; line < k_n_all_lines; ++line) {
    const LineInfo& info = k_all_lines[line];
    const auto write = [&](const LineNumber& its) {
      number(std::string(info.name) + std::string(its.suffix),
             [&](const Measurement& one) { return its.of(one)[line]; });
    };
    for (const auto& its : k_line_numbers) write(its);
    if (info.balmer && info.own_shape)
      for (const auto& its : k_broad_numbers) write(its);
  }
  for (const auto& its : k_numbers) number(its.name, its.of);
}

}  // namespace starglow

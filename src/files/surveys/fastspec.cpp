// FastSpecFit catalogues: fastspec-*.fits of versions 2.x and 3.x.
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <limits>
#include <numeric>

#include "files/fits/join.hpp"
#include "files/surveys/spectra_source.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"

namespace starglow::files {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

using Version = std::array<int, 3>;

class Fastspec final : public SpectraSource {
 public:
  Fastspec(const std::filesystem::path& path, bool check) : file_(path) {
    rows = file_.table_rows("FASTSPEC");
    has_flux = file_.has("MODELS");
    has_models = true;
    has_catalogue_ew = true;
    meta_ = file_.has("METADATA") ? "METADATA" : "FASTSPEC";
    z_in_ = file_.has_column(meta_, "Z") ? meta_ : "FASTSPEC";
    survey_grid = true;
    if (check) {
      for (const char* name : {"METADATA", "FASTSPEC", "MODELS"})
        if (file_.has(name)) file_.verify(name);
      check_units();
    }
    if (has_flux) check_models();
    join_tables();
    keep(file_, meta_,
         {{"SURVEY", "SURVEY"},
          {"PROGRAM", "PROGRAM"},
          {"SPECTYPE", "SPECTYPE"},
          {"OBJTYPE", "OBJTYPE"},
          {"COADD_FIBERSTATUS", "COADD_FIBERSTATUS"},
          {"ZWARN", "ZWARN"},
          {"RA", "RA"},
          {"RA", "TARGET_RA"},
          {"DEC", "DEC"},
          {"DEC", "TARGET_DEC"}});
    read_version();
    conventions = {"fibre",    "T", "unknown", "model", "FastSpecFit " + (text_.empty() ? "unknown" : text_),
                   "absolute", "T"};
    if (!has_flux) notes.push_back("'" + file_.name() + "' has no MODELS: only EWs, no band fluxes");
  }

  Spectra read(std::size_t first, std::size_t count) override {
    Spectra s = empty_batch(count, k_n_desi_pixels);
    for (std::size_t i = 0; i < k_n_desi_pixels; ++i) s.wave_obs(0, i) = desi_wave(i);
    s.ivar = {};  // models have no noise
    std::vector<std::size_t> own(count), meta(count);
    std::iota(own.begin(), own.end(), first);
    std::transform(own.begin(), own.end(), meta.begin(),
                   [&](std::size_t r) { return meta_row_.empty() ? r : meta_row_[r]; });
    // The ids of the measured lines; METADATA's are the same, as joined.
    const auto [low, high] =
        count > 0 ? std::minmax_element(meta.begin(), meta.end()) : std::pair(meta.end(), meta.end());
    if (count > 0) {
      const RowKeys keys = keys_of(file_, meta_, *low, *high + 1 - *low);
      for (const std::size_t r : meta) {
        s.targetid.push_back(keys.id[r - *low]);
        if (!keys.survey.empty()) s.survey.push_back(keys.survey[r - *low]);
        if (!keys.program.empty()) s.program.push_back(keys.program[r - *low]);
      }
    }
    s.z = numbers_if(file_, z_in_, {"Z"}, z_in_ == meta_ ? meta : own, k_nan);
    if (s.z.empty() && count > 0) file_.fail("no redshifts", "no column Z", "Z in METADATA or FASTSPEC");
    s.spectype = texts_if(file_, meta_, {"SPECTYPE"}, meta);
    if (s.spectype.empty()) s.spectype.assign(count, "");
    s.ebv = numbers_if(file_, meta_, {"EBV"}, meta, k_nan);
    if (s.ebv.empty()) s.ebv.assign(count, k_nan);
    s.fiberstatus = integers_if(file_, meta_, {"COADD_FIBERSTATUS"}, meta, 0);
    s.objtype = texts_if(file_, meta_, {"OBJTYPE"}, meta);
    s.zwarn = integers_if(file_, meta_, {"ZWARN"}, meta, 0);
    s.ra = numbers_if(file_, meta_, {"RA", "TARGET_RA"}, meta, k_nan);
    s.dec = numbers_if(file_, meta_, {"DEC", "TARGET_DEC"}, meta, k_nan);
    flag_targets(s);
    s.continuum = Matrix<double>(count, k_n_desi_pixels, k_nan);
    s.lines = Matrix<double>(count, k_n_desi_pixels, k_nan);
    for (auto& f : s.flux.flat()) f = k_nan;
    if (has_flux) read_models(first, count, s);
    read_lines(first, count, s);
    return s;
  }

 private:
  // The row of METADATA of each row of FASTSPEC; empty where both have the same rows, as the survey writes them.
  void join_tables() {
    if (meta_ == "FASTSPEC") return;
    const std::size_t n = file_.table_rows(meta_);
    const bool ids = file_.has_column("FASTSPEC", "TARGETID");
    if (!ids) {
      if (n != rows)
        file_.fail("METADATA and FASTSPEC have different rows, and FASTSPEC has no TARGETID to join them by",
                   std::to_string(n), std::to_string(rows));
      return;
    }
    constexpr std::size_t k_rows = 65536;
    bool same = n == rows;
    for (std::size_t first = 0; same && first < n; first += k_rows) {
      const std::size_t count = std::min(k_rows, n - first);
      same = same_rows(keys_of(file_, "FASTSPEC", first, count), keys_of(file_, meta_, first, count));
    }
    if (same) return;
    if (has_flux)
      file_.fail("METADATA and FASTSPEC are in different orders, and MODELS, which has no ids, belongs to one of them",
                 "TARGETIDs that differ row by row", "the tables as the survey wrote them",
                 "Sort both tables by TARGETID as MODELS is sorted, or leave MODELS out.");
    meta_row_ = match_rows(keys_of(file_, "FASTSPEC", 0, rows), keys_of(file_, meta_, 0, n),
                           "'" + file_.name() + "', METADATA");
    if (const auto missing = std::count(meta_row_.begin(), meta_row_.end(), k_no_row); missing > 0)
      file_.fail("METADATA lacks galaxies of FASTSPEC",
                 std::to_string(missing) + " of " + std::to_string(rows) + " rows",
                 "every TARGETID (with SURVEY and PROGRAM) of FASTSPEC");
    notes.push_back("'" + file_.name() + "': METADATA and FASTSPEC have different rows; they are joined by TARGETID");
  }

  // Units that are there: EWs and redshifts cannot be anything else.
  void check_units() {
    const auto one = [&](const std::string& hdu, const std::string& column, Quantity quantity) {
      if (!file_.has_column(hdu, column)) return;
      const std::string unit = file_.column_unit(hdu, column);
      if (!unit.empty() && factor_of(unit, quantity) != 1.0)
        file_.fail("column " + column + " of " + hdu + " has another unit", unit, std::string(unit_of(quantity)),
                   "The survey's own files have it.");
    };
    one(z_in_, "Z", Quantity::pure);
    for (const auto& member : members()) {
      one("FASTSPEC", member + "_EW", Quantity::length);
      one("FASTSPEC", member + "_EW_IVAR", Quantity::length_ivar);
      if (!file_.has_column("FASTSPEC", member + "_EW") || !file_.has_column("FASTSPEC", member + "_EW_IVAR"))
        notes.push_back("'" + file_.name() + "' has no column " + member + "_EW and ivar: that line has no EW");
    }
  }

  // The catalogue's names of the ten lines, [OII] as two.
  static std::vector<std::string> members() {
    std::vector<std::string> out;
    for (const auto& line : k_lines)
      for (std::size_t k = 0; k < lines::n_components(line); ++k) out.emplace_back(lines::component(line, k).name);
    return out;
  }

  void check_models() {
    const auto shape = file_.shape("MODELS");
    if (shape != std::vector<std::uint64_t>{rows, 3, k_n_desi_pixels})
      file_.fail("MODELS has a shape that does not fit",
                 std::to_string(shape.size()) + " axes, last " + std::to_string(shape.empty() ? 0 : shape.back()),
                 std::to_string(rows) + " x 3 x 7781");
    factor_ = file_.unit_factor("MODELS", Quantity::flux_density);
    if (is_air(file_, {"MODELS"}))
      file_.fail("MODELS is said to be in air wavelengths", "AIRORVAC or VACUUM", "vacuum, as FastSpecFit writes it");
    // lambda_i = CRVAL1 + CDELT1 i with i from 0: CRPIX1 = 0 is meant so, whatever the standard says.
    const double first = std::strtod(file_.card("MODELS", "CRVAL1").c_str(), nullptr),
                 step = std::strtod(file_.card("MODELS", "CDELT1").c_str(), nullptr);
    if (!(std::fabs(first - 3600) < 1e-6) || !(std::fabs(first + step * 7780 - 9824) < 1e-3))
      file_.fail("MODELS is on another grid",
                 file_.card("MODELS", "CRVAL1") + " + " + file_.card("MODELS", "CDELT1") + " i A", "3600 + 0.8 i A");
  }

  void read_version() {
    for (int i = 0; i < 100; ++i) {
      const std::string number = (i < 10 ? "0" : "") + std::to_string(i);
      for (const char* hdu : {"PRIMARY", "FASTSPEC"})
        if (file_.card(hdu, "DEPNAM" + number) == "fastspecfit") text_ = file_.card(hdu, "DEPVER" + number);
      if (!text_.empty()) break;
    }
    known_ = !text_.empty() && std::isdigit(static_cast<unsigned char>(text_[0])) != 0;
    std::size_t at = 0;
    for (auto& part : version_) {
      part = std::atoi(text_.c_str() + at);
      at = text_.find('.', at);
      if (at == std::string::npos) break;
      ++at;
    }
    const auto note = [&](const std::string& what) {
      notes.push_back("'" + file_.name() + "' (FastSpecFit " + (text_.empty() ? "of unknown version" : text_) +
                      "): " + what);
    };
    if (!known_) return note("known defects of some versions cannot be excluded");
    const auto before = [&](Version v) { return version_ < v; };
    if (before({2, 0, 0})) note("EWs of 1.x are wrong by (1+z)^2 and are left out");
    if (!before({3, 1, 0}) && before({3, 1, 5})) note("EW_IVAR of 3.1.0-3.1.4 is wrong and these EWs are left out");
    if (!before({2, 0, 0}) && before({2, 4, 3}))
      note("EWs in camera overlaps (5760-5800, 7520-7620 A) are doubled and are left out");
    if (!before({2, 0, 0}) && before({2, 3, 0})) note("EW errors are too small");
    if (!before({3, 1, 5}) && before({3, 2, 0}))
      note("very strong lines may be wrong: those that disagree with BOXFLUX are left out");
    if (before({3, 4, 0})) note("lines narrower than a pixel have fluxes biased by 5-30 %");
  }

  void read_models(std::size_t first, std::size_t count, Spectra& s) {
    constexpr std::size_t n = k_n_desi_pixels;
    std::vector<float> planes(3 * n);
    for (std::size_t i = 0; i < count; ++i) {
      file_.read_image("MODELS", (first + i) * 3 * n, std::span<float>(planes));
      for (std::size_t p = 0; p < n; ++p) {
        const double stars = factor_ * (static_cast<double>(planes[p]) + static_cast<double>(planes[n + p])),
                     lines = factor_ * static_cast<double>(planes[2 * n + p]);
        s.continuum(i, p) = stars;
        s.lines(i, p) = lines;
        s.flux(i, p) = stars + lines;
        if (!std::isfinite(stars + lines)) s.flags[i] |= k_bad_pixels;
      }
    }
  }

  void read_lines(std::size_t first, std::size_t count, Spectra& s) {
    s.catalogue_ew = Matrix<float>(count, k_n_all_lines, std::nanf(""));
    s.catalogue_ew_ivar = Matrix<float>(count, k_n_all_lines, 0.0F);
    const bool known = known_;  // a word such as "main" says nothing
    if (known && (version_ < Version{2, 0, 0} || (version_ >= Version{3, 1, 0} && version_ < Version{3, 1, 5}))) return;
    const bool overlaps = known && version_ < Version{2, 4, 3};
    const bool strong = known && version_ >= Version{3, 1, 5} && version_ < Version{3, 2, 0};
    for (std::size_t line = 0; line < k_n_all_lines; ++line) {
      std::vector<std::string> members;
      for (std::size_t k = 0; k < lines::n_components(k_all_lines[line]); ++k)
        members.emplace_back(lines::component(k_all_lines[line], k).name);
      if (!k_all_lines[line].every_table && !file_.has_column("FASTSPEC", members[0] + "_EW")) continue;
      std::vector<double> ew(count, 0.0), variance(count, 0.0);
      std::vector<bool> any(count, false), dropped(count, false);
      for (const auto& member : members) {
        if (!file_.has_column("FASTSPEC", member + "_EW") || !file_.has_column("FASTSPEC", member + "_EW_IVAR")) {
          std::fill(dropped.begin(), dropped.end(), true);
          continue;
        }
        const auto value = file_.doubles("FASTSPEC", member + "_EW", first, count),
                   ivar = file_.doubles("FASTSPEC", member + "_EW_IVAR", first, count);
        std::vector<double> sum, box, box_ivar, sum_ivar;
        const bool boxes = strong && file_.has_column("FASTSPEC", member + "_BOXFLUX") &&
                           file_.has_column("FASTSPEC", member + "_BOXFLUX_IVAR");
        if (boxes) {
          sum = file_.doubles("FASTSPEC", member + "_FLUX", first, count);
          sum_ivar = file_.doubles("FASTSPEC", member + "_FLUX_IVAR", first, count);
          box = file_.doubles("FASTSPEC", member + "_BOXFLUX", first, count);
          box_ivar = file_.doubles("FASTSPEC", member + "_BOXFLUX_IVAR", first, count);
        }
        for (std::size_t i = 0; i < count; ++i) {
          if (boxes && sum_ivar[i] > 0 && box_ivar[i] > 0) {
            const double d = std::fabs(sum[i] - box[i]);
            if (d > 0.2 * std::fabs(box[i]) && d * d > 25 * (1 / sum_ivar[i] + 1 / box_ivar[i])) dropped[i] = true;
          }
          if (!(ivar[i] > 0) || !std::isfinite(ivar[i]) || !std::isfinite(value[i])) continue;  // 0: not measured
          ew[i] += value[i];
          variance[i] += 1 / ivar[i];
          any[i] = true;
        }
      }
      for (std::size_t i = 0; i < count; ++i) {
        const double at = k_all_lines[line].wave_vac * (1 + s.z[i]);
        if (overlaps && ((at > 5755 && at < 5805) || (at > 7515 && at < 7625))) dropped[i] = true;
        if (!any[i] || dropped[i] || ew[i] < 0) continue;  // a negative EW has a negative continuum
        s.catalogue_ew(i, line) = static_cast<float>(ew[i]);
        s.catalogue_ew_ivar(i, line) = static_cast<float>(1 / variance[i]);
      }
    }
  }

  FitsInput file_;
  std::string meta_, z_in_, text_;
  std::vector<std::size_t> meta_row_;
  double factor_ = 1;  // of MODELS
  Version version_{};
  bool known_ = false;  // whether the file says a version by number
};

}  // namespace

std::unique_ptr<SpectraSource> open_fastspec(const std::filesystem::path& path, bool check) {
  return std::make_unique<Fastspec>(path, check);
}

}  // namespace starglow::files

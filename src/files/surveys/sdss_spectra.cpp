// SDSS, BOSS and SDSS-V spec-*.fits: one spectrum a file.
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "files/surveys/spectra_source.hpp"
#include "files/unit_text.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/spectra/air.hpp"

namespace starglow::files {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

class Sdss final : public SpectraSource {
 public:
  Sdss(const std::filesystem::path& path, bool check) : file_(path) {
    object_ = file_.has("SPECOBJ") ? "SPECOBJ" : "SPALL";
    rows = 1;
    lines_in_ = file_.has("SPZLINE") ? "SPZLINE" : "ZLINE";
    has_catalogue_ew = file_.has(lines_in_) && file_.has_column(lines_in_, "LINEEW");
    if (file_.table_rows(object_) != 1)
      file_.fail("HDU " + object_ + " is not of one spectrum", std::to_string(file_.table_rows(object_)) + " rows",
                 "1");
    air_ = is_air(file_, {"COADD"});
    if (check) {
      file_.verify("COADD");
      const bool said = !file_.card("PRIMARY", "VACUUM").empty() || !file_.card("PRIMARY", "AIRORVAC").empty() ||
                        !file_.card("COADD", "AIRORVAC").empty() || !file_.card("COADD", "VACUUM").empty();
      if (!said)
        file_.fail("nothing says whether wavelengths are in vacuum or in air", "no VACUUM or AIRORVAC card",
                   "VACUUM = T, as the survey writes it");
      if (air_) notes.push_back("'" + file_.name() + "': air wavelengths are converted to vacuum");
    }
    std::string unit = file_.column_unit("COADD", "flux");
    if (unit.empty()) unit = file_.card("PRIMARY", "BUNIT");
    const auto factor = factor_of(unit, Quantity::flux_density);
    if (!factor)
      file_.fail("flux has another unit or none", unit.empty() ? "no BUNIT" : "BUNIT = " + unit, "1E-17 erg/cm^2/s/Ang",
                 "Units of the same dimension are converted.");
    factor_ = *factor;
    for (const char* z : {"Z", "Z_NOQSO"})
      if (file_.has_column(object_, z))
        if (const auto seen = file_.column_unit(object_, z); !factor_of(seen, Quantity::pure))
          file_.fail(std::string(z) + " has another unit", seen, "a redshift, a pure number");
    kept = {"ORIGINAL_ID"};
    keep(file_, object_,
         {{"SPECTYPE", "CLASS"},
          {"ZWARN", "ZWARNING"},
          {"Z_ERR", "Z_ERR"},
          {"OBJTYPE", "OBJTYPE"},
          {"RA", "PLUG_RA"},
          {"RA", "FIBER_RA"},
          {"RA", "RACAT"},
          {"RA", "RA"},
          {"DEC", "PLUG_DEC"},
          {"DEC", "FIBER_DEC"},
          {"DEC", "DECCAT"},
          {"DEC", "DEC"}});
    conventions = {"fibre",    "F", "unknown", "masked data", has_catalogue_ew ? "SDSS " + lines_in_ : "unknown",
                   "absolute", "T"};
  }

  Spectra read(std::size_t, std::size_t) override {
    const std::size_t n = file_.table_rows("COADD");
    Spectra s = empty_batch(1, n);
    const auto log_wave = file_.doubles("COADD", "loglam", 0, n), flux = file_.doubles("COADD", "flux", 0, n),
               ivar = file_.doubles("COADD", "ivar", 0, n);
    s.sigma_instrument = Matrix<double>(1, n, k_nan);
    const auto wdisp =
        file_.has_column("COADD", "wdisp") ? file_.doubles("COADD", "wdisp", 0, n) : std::vector<double>(n, k_nan);
    for (std::size_t i = 0; i < n; ++i) {
      s.wave_obs(0, i) = std::pow(10.0, log_wave[i]);
      const bool odd = !std::isfinite(flux[i]) || !std::isfinite(ivar[i]) || ivar[i] < 0;
      if (odd) s.flags[0] |= k_bad_pixels;
      s.flux(0, i) = std::isfinite(flux[i]) ? flux[i] * factor_ : 0;
      s.ivar(0, i) = odd ? 0 : ivar[i] / (factor_ * factor_);
      // wdisp: pixels of 1e-4 in log10(wavelength)
      if (wdisp[i] > 0) s.sigma_instrument(0, i) = wdisp[i] * 1e-4 * 2.302585092994046 * s.wave_obs(0, i);
    }
    if (air_) to_vacuum(s.wave_obs.row(0));
    check_wavelengths(s.wave_obs.row(0), "'" + file_.name() + "': loglam");
    const std::array<std::size_t, 1> row{0};
    s.z = numbers_if(file_, object_, {"Z", "Z_NOQSO"}, row, k_nan);
    if (s.z.empty()) file_.fail("HDU " + object_ + " has no redshift", "no column Z", "a column Z");
    s.z_err = numbers_if(file_, object_, {"Z_ERR", "ZERR"}, row, k_nan);
    identify(s);
    s.spectype = texts_if(file_, object_, {"CLASS"}, row);
    if (s.spectype.empty()) s.spectype = {""};
    s.zwarn = integers_if(file_, object_, {"ZWARNING"}, row, 0);
    s.objtype = texts_if(file_, object_, {"OBJTYPE"}, row);
    if (!s.objtype.empty() && s.objtype[0] != "SKY") s.objtype[0] = "TGT";  // the survey's own words for targets
    s.ebv = numbers_if(file_, object_, {"EBV", "SFD_EBV"}, row, k_nan);
    if (s.ebv.empty()) s.ebv = {k_nan};
    s.ra = numbers_if(file_, object_, {"PLUG_RA", "FIBER_RA", "RACAT", "RA"}, row, k_nan);
    s.dec = numbers_if(file_, object_, {"PLUG_DEC", "FIBER_DEC", "DECCAT", "DEC"}, row, k_nan);
    flag_targets(s);
    if (has_catalogue_ew) lines(s);
    return s;
  }

 private:
  // TARGETID: SPECOBJID (text or integer); of SDSS-V the CATALOGID, else the SDSS_ID; else plate, MJD and fibre put
  // together. The parts that it was made from are kept.
  void identify(Spectra& s) {
    std::string parts;
    const auto part = [&](const char* name) -> std::int64_t {
      const std::array<std::size_t, 1> row{0};
      const auto value = integers_if(file_, object_, {name}, row, 0);
      if (value.empty() || value[0] == k_null_integer) return 0;
      parts += (parts.empty() ? "" : " ") + std::string(name) + "=" + std::to_string(value[0]);
      return value[0];
    };
    std::int64_t id = 0;
    if (file_.has_column(object_, "SPECOBJID")) {
      const std::string text = file_.texts(object_, "SPECOBJID", 0, 1)[0];
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
      if (error != std::errc{} || end != text.data() + text.size()) id = 0;
      parts = text.empty() ? "" : "SPECOBJID=" + text;
    }
    const std::int64_t plate = part("PLATE"), field = part("FIELD"), mjd = part("MJD"), fibre = part("FIBERID"),
                       catalogue = part("CATALOGID"), sdss = part("SDSS_ID");
    if (id == 0) id = catalogue > 0 ? catalogue : sdss > 0 ? sdss : 0;
    if (id == 0 && (plate > 0 || field > 0) && fibre > 0)
      id = ((plate > 0 ? plate : field) * 100000 + mjd) * 10000 + fibre;
    if (id == 0)
      file_.fail("HDU " + object_ + " has no id", parts.empty() ? "none of the columns" : parts,
                 "SPECOBJID; CATALOGID or SDSS_ID (SDSS-V); or PLATE, MJD and FIBERID");
    s.targetid = {id};
    s.original_id = {parts};
  }

  // EWs of SPZLINE are in the observed frame.
  void lines(Spectra& s) {
    const std::size_t n = file_.table_rows(lines_in_);
    const auto names = file_.texts(lines_in_, "LINENAME", 0, n);
    const auto ew = file_.doubles(lines_in_, "LINEEW", 0, n), error = file_.doubles(lines_in_, "LINEEW_ERR", 0, n);
    s.catalogue_ew = Matrix<float>(1, k_n_all_lines, std::nanf(""));
    s.catalogue_ew_ivar = Matrix<float>(1, k_n_all_lines, 0.0F);
    const double stretch = 1 + s.z[0];
    const auto find = [&](std::string_view name) {
      for (std::size_t r = 0; r < n; ++r)
        if (!name.empty() && names[r] == name && error[r] > 0) return r;
      return n;
    };
    for (std::size_t line = 0; line < k_n_all_lines; ++line) {
      double sum = 0, variance = 0;
      bool whole = true;
      for (std::size_t k = lines::n_components(k_all_lines[line]); k-- > 0;) {
        const std::size_t r = find(lines::component(k_all_lines[line], k).sdss);
        whole = whole && r < n;
        if (r == n) continue;
        sum += ew[r];
        variance += error[r] * error[r];
      }
      if (!whole) continue;
      s.catalogue_ew(0, line) = static_cast<float>(sum / stretch);
      s.catalogue_ew_ivar(0, line) = static_cast<float>(stretch * stretch / variance);
    }
  }

  FitsInput file_;
  std::string object_, lines_in_;
  bool air_ = false;
  double factor_ = 1;
};

}  // namespace

std::unique_ptr<SpectraSource> open_sdss(const std::filesystem::path& path, bool check) {
  auto source = std::make_unique<Sdss>(path, check);
  if (check) (void)source->read(0, 1);  // what is wrong in it is said before the work begins
  return source;
}

}  // namespace starglow::files

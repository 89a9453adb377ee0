// SDSS and BOSS spec-PLATE-MJD-FIBER.fits: one spectrum a file.
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "files/surveys/spectra_source.hpp"
#include "files/unit_text.hpp"
#include "starglow/base/flags.hpp"

namespace starglow::files {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

// Names of the lines in SPZLINE; [OII] is there as two.
constexpr std::array<std::string_view, k_n_lines> k_names{"[O_II] 3727",  "H_gamma",     "H_beta",  "[O_III] 4959",
                                                          "[O_III] 5007", "[N_II] 6548", "H_alpha", "[N_II] 6583",
                                                          "[S_II] 6716",  "[S_II] 6730"};

class Sdss final : public SpectraSource {
 public:
  Sdss(const std::filesystem::path& path, bool check) : file_(path) {
    object_ = file_.has("SPECOBJ") ? "SPECOBJ" : "SPALL";
    rows = 1;
    has_catalogue_ew = file_.has("SPZLINE");
    if (file_.table_rows(object_) != 1)
      file_.fail("HDU " + std::string(object_) + " is not of one spectrum",
                 std::to_string(file_.table_rows(object_)) + " rows", "1");
    if (check) {
      file_.verify("COADD");
      const std::string vacuum = file_.card("PRIMARY", "VACUUM"), air = file_.card("PRIMARY", "AIRORVAC");
      if (vacuum != "T" && air != "vac")
        file_.fail("nothing says that wavelengths are in vacuum",
                   vacuum.empty() ? "no VACUUM card" : "VACUUM = " + vacuum, "VACUUM = T");
      std::string unit = file_.column_unit("COADD", "flux");
      if (unit.empty()) unit = file_.card("PRIMARY", "BUNIT");
      if (!is_flux_unit(unit))
        file_.fail("flux has another unit or none", unit.empty() ? "no BUNIT" : "BUNIT = " + unit,
                   "1E-17 erg/cm^2/s/Ang");
    }
    conventions = {"fibre",    "F", "unknown", "masked data", has_catalogue_ew ? "SDSS SPZLINE" : "unknown",
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
      s.flux(0, i) = std::isfinite(flux[i]) ? flux[i] : 0;
      s.ivar(0, i) = odd ? 0 : ivar[i];
      // wdisp: pixels of 1e-4 in log10(wavelength)
      if (wdisp[i] > 0) s.sigma_instrument(0, i) = wdisp[i] * 1e-4 * 2.302585092994046 * s.wave_obs(0, i);
    }
    check_wavelengths(s.wave_obs.row(0), "'" + file_.name() + "': loglam");
    const std::string object(object_);
    s.z = file_.doubles(object, "Z", 0, 1);
    s.targetid = {id(object)};
    s.spectype = {file_.has_column(object, "CLASS") ? file_.texts(object, "CLASS", 0, 1)[0] : ""};
    if (file_.has_column(object, "ZWARNING") && file_.integers(object, "ZWARNING", 0, 1)[0] != 0) s.flags[0] |= k_zwarn;
    s.ebv = {k_nan};
    if (has_catalogue_ew) lines(s);
    return s;
  }

 private:
  // SPECOBJID (text or integer), else plate, MJD and fibre put together.
  std::int64_t id(const std::string& object) {
    if (file_.has_column(object, "SPECOBJID")) {
      const std::string text = file_.texts(object, "SPECOBJID", 0, 1)[0];
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error == std::errc{} && end == text.data() + text.size() && value != 0) return value;
    }
    const auto part = [&](const char* name) { return file_.integers(object, name, 0, 1)[0]; };
    return (part("PLATE") * 100000 + part("MJD")) * 10000 + part("FIBERID");
  }

  // EWs of SPZLINE are in the observed frame.
  void lines(Spectra& s) {
    const std::size_t n = file_.table_rows("SPZLINE");
    const auto names = file_.texts("SPZLINE", "LINENAME", 0, n);
    const auto ew = file_.doubles("SPZLINE", "LINEEW", 0, n), error = file_.doubles("SPZLINE", "LINEEW_ERR", 0, n);
    s.catalogue_ew = Matrix<float>(1, k_n_lines, std::nanf(""));
    s.catalogue_ew_ivar = Matrix<float>(1, k_n_lines, 0.0F);
    const double stretch = 1 + s.z[0];
    const auto find = [&](std::string_view name) {
      for (std::size_t r = 0; r < n; ++r)
        if (names[r] == name && error[r] > 0) return r;
      return n;
    };
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      const std::size_t r = find(k_names[line]), other = line == 0 ? find("[O_II] 3725") : n;
      if (r == n || (line == 0 && other == n)) continue;
      const double sum = ew[r] + (line == 0 ? ew[other] : 0),
                   variance = error[r] * error[r] + (line == 0 ? error[other] * error[other] : 0);
      s.catalogue_ew(0, line) = static_cast<float>(sum / stretch);
      s.catalogue_ew_ivar(0, line) = static_cast<float>(stretch * stretch / variance);
    }
  }

  FitsInput file_;
  std::string_view object_;
};

}  // namespace

std::unique_ptr<SpectraSource> open_sdss(const std::filesystem::path& path, bool check) {
  return std::make_unique<Sdss>(path, check);
}

}  // namespace starglow::files

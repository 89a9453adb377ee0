#include "files/surveys/general_meaning.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <fstream>
#include <limits>
#include <numeric>

#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/spectra/air.hpp"

namespace starglow::files {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool descends(std::span<const double> wave) { return wave.size() > 1 && wave.front() > wave.back(); }

}  // namespace

std::vector<double> wavelengths(const Meaning& m, std::vector<double> wave) {
  if (descends(wave)) std::reverse(wave.begin(), wave.end());
  for (double& w : wave) w = m.log_wave ? std::pow(10.0, w) : w * m.wave_factor;
  if (m.air) to_vacuum(wave);
  return wave;
}

std::vector<double> wavelengths_of_axis(FitsInput& file, const std::string& hdu, Meaning& m) {
  const auto number = [&](const char* key, double absent) {
    const std::string value = file.card(hdu, key);
    return value.empty() ? absent : std::strtod(value.c_str(), nullptr);
  };
  const double start = number("CRVAL1", 0), step = number("CDELT1", number("CD1_1", 0)), at = number("CRPIX1", 1);
  if (!(start > 0) || step == 0) return {};
  const std::string type = file.card(hdu, "CTYPE1");
  const bool known = type.empty() || same_name(type.substr(0, 4), "WAVE") || same_name(type.substr(0, 4), "AWAV") ||
                     same_name(type, "LINEAR") || same_name(type, "LAMBDA") || same_name(type, "WAVELENGTH");
  if (!known) file.fail("its axis is no wavelength", "CTYPE1 = " + type, "WAVE or AWAV");
  m.log_wave = number("DC-FLAG", 0) == 1 || (start < 10 && step < 0.1 && file.card(hdu, "CUNIT1").empty());
  const bool wcs_log = type.size() > 4 && same_name(type.substr(4), "-LOG");
  std::vector<double> out;
  for (std::uint64_t i = 0; i < file.shape(hdu).back(); ++i) {
    const double along = (static_cast<double>(i) + 1 - at) * step;
    out.push_back(wcs_log ? start * std::exp(along / start) : start + along);
  }
  return out;
}

void fill(const Meaning& m, std::vector<double> wave, std::vector<double> flux, std::vector<double> noise,
          std::vector<double> mask, Spectra& s, std::size_t i, bool own_grid, const std::string& what) {
  const std::size_t n = wave.size();
  if (n > 1 && descends(wave))
    for (auto* v : {&flux, &noise, &mask}) std::reverse(v->begin(), v->end());
  wave = wavelengths(m, std::move(wave));
  try {
    check_wavelengths(wave, what);
  } catch (const Error&) {
    if (!own_grid || !m.many) throw;
    std::iota(wave.begin(), wave.end(), 1.0);  // a row among others: no data
    std::fill(flux.begin(), flux.end(), k_nan);
  }
  if (own_grid || i == 0) std::copy(wave.begin(), wave.end(), s.wave_obs.row(own_grid ? i : 0).begin());
  for (std::size_t p = 0; p < n; ++p) {
    double ivar = 0;
    if (!noise.empty()) {
      const double x = noise[p] * m.noise_factor;
      ivar = m.noise == Noise::error ? (x > 0 ? 1 / (x * x) : x) : m.noise == Noise::variance ? (x > 0 ? 1 / x : x) : x;
    }
    const bool odd = !std::isfinite(flux[p]) || (!noise.empty() && (!std::isfinite(ivar) || ivar < 0));
    const bool masked = !mask.empty() && mask[p] != 0;
    if (odd) s.flags[i] |= k_bad_pixels;
    s.flux(i, p) = odd && s.ivar.empty() ? k_nan : std::isfinite(flux[p]) ? flux[p] * m.flux_factor : 0;
    if (!s.ivar.empty()) s.ivar(i, p) = odd || masked ? 0 : ivar;
    s.mask(i, p) = masked ? 1 : 0;
  }
}

void interpret(Meaning& m, const SpectraReaderOptions& options, std::string wave_unit, std::string flux_unit,
               const std::string& noise_unit, bool& relative, const std::string& name) {
  const auto fail = [&](const std::string& what, const std::string& seen, const std::string& wanted,
                        const std::string& remedy) {
    throw Error(ErrorKind::input, "'" + name + "': " + what, {seen, wanted, remedy});
  };
  if (!m.log_wave) {
    if (wave_unit.empty()) wave_unit = options.wave_unit;
    const auto factor = factor_of(wave_unit, Quantity::length);
    if (!factor)
      fail("wavelengths have another unit or none", wave_unit.empty() ? "no unit" : wave_unit, "a unit of length",
           "--wave-unit Angstrom (nm, um) says it where the file does not.");
    m.wave_factor = *factor;
  }
  if (flux_unit.empty()) flux_unit = options.flux_unit;
  relative = flux_unit == "relative";
  const auto factor = relative ? std::optional(1.0) : factor_of(flux_unit, Quantity::flux_density);
  if (!factor)
    fail("fluxes have another unit or none", flux_unit.empty() ? "no unit" : flux_unit,
         std::string(unit_of(Quantity::flux_density)) + " or one of its dimension",
         "--flux-unit says it where the file does not; --flux-unit relative: an arbitrary scale.");
  m.flux_factor = *factor;
  const double f = *factor;
  m.noise_factor = m.noise == Noise::error ? f : m.noise == Noise::variance ? f * f : 1 / (f * f);
  if (noise_unit.empty() || relative) return;
  std::optional<double> own;
  if (m.noise == Noise::error) own = factor_of(noise_unit, Quantity::flux_density);
  if (m.noise == Noise::ivar) own = factor_of(noise_unit, Quantity::flux_density_ivar);
  if (m.noise == Noise::variance)
    if (const auto inverse = factor_of("1 / (" + noise_unit + ")", Quantity::flux_density_ivar)) own = 1 / *inverse;
  if (!own)
    fail("the noise has another unit than the flux", noise_unit, "that of the flux, or its square or inverse square",
         "");
  if (std::fabs(*own / m.noise_factor - 1) > 1e-6)
    fail("the noise is of another scale than the flux", noise_unit + " beside " + flux_unit,
         "that of the flux, or its square or inverse square", "Correct the unit that is wrong.");
}

double redshift_of_text(const std::string& text, const std::string& name) {
  char* end = nullptr;
  const double z = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || std::string_view(end).find_first_not_of(' ') != std::string_view::npos)
    throw Error(ErrorKind::input, "'" + name + "': the redshift in its header is no number",
                {"'" + text.substr(0, 40) + "'", "a number", "--z VALUE gives it where the header does not."});
  return z;
}

bool is_air_name(std::string_view name) {
  const std::string text = lower(name);
  return text.starts_with("air_") || text.ends_with("_air");
}

bool is_log_name(std::string_view name) { return lower(name).starts_with("log"); }

bool is_ecsv(const std::filesystem::path& path) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) return false;  // a pipe would be waited for
  std::array<char, 7> head{};
  std::ifstream(path, std::ios::binary).read(head.data(), head.size());
  return std::string_view(head.data(), head.size()) == "# %ECSV";
}

}  // namespace starglow::files

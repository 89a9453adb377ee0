#include "starglow/spectra/spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "starglow/base/error.hpp"

namespace starglow {

SpectrumView Spectra::view(std::size_t i) const {
  SpectrumView s;
  s.wave_obs = wave_obs.row(wave_obs.rows() == 1 ? 0 : i);
  s.flux = flux.row(i);
  if (!ivar.empty()) s.ivar = ivar.row(i);
  if (!mask.empty()) s.mask = mask.row(i);
  if (!sigma_instrument.empty()) s.sigma_instrument = sigma_instrument.row(i);
  s.z = z.empty() ? std::numeric_limits<double>::quiet_NaN() : z[i];
  s.ebv = ebv.empty() ? std::numeric_limits<double>::quiet_NaN() : ebv[i];
  s.targetid = targetid.empty() ? static_cast<std::int64_t>(i) : targetid[i];
  return s;
}

void check_wavelengths(std::span<const double> wave_obs, const std::string& what) {
  for (std::size_t i = 0; i < wave_obs.size(); ++i) {
    const double w = wave_obs[i];
    if (!std::isfinite(w) || w <= 0)
      throw Error(ErrorKind::input, what + ": impossible wavelength at pixel " + std::to_string(i),
                  {std::to_string(w), "a positive number of Angstrom", ""});
    if (i > 0 && !(w > wave_obs[i - 1]))
      throw Error(ErrorKind::input, what + ": wavelengths do not increase at pixel " + std::to_string(i),
                  {std::to_string(wave_obs[i - 1]) + " then " + std::to_string(w), "strictly increasing wavelengths",
                   "Reverse a descending spectrum, and remove repeated pixels, before it comes here."});
  }
}

std::vector<double> instrument_sigma(std::span<const float> resolution, std::size_t pixels, double step) {
  std::vector<double> sigma(pixels, std::numeric_limits<double>::quiet_NaN());
  const std::size_t diagonals = pixels > 0 ? resolution.size() / pixels : 0;
  const double middle = 0.5 * (static_cast<double>(diagonals) - 1);
  for (std::size_t j = 0; j < pixels; ++j) {
    double sum = 0, first = 0, second = 0;
    for (std::size_t k = 0; k < diagonals; ++k) {
      const double weight = static_cast<double>(resolution[k * pixels + j]);
      const double offset = static_cast<double>(k) - middle;  // light of pixel j goes to pixel j + k - 5
      sum += weight;
      first += weight * offset;
      second += weight * offset * offset;
    }
    const double mean = first / sum, variance = second / sum - mean * mean;
    if (sum > 0.1 && variance > 0) sigma[j] = step * std::sqrt(variance);
  }
  std::size_t last = pixels;
  for (std::size_t j = 0; j < pixels; ++j) {
    if (!std::isnan(sigma[j])) {
      last = j;
      continue;
    }
    std::size_t next = j;
    while (next < pixels && std::isnan(sigma[next])) ++next;
    if (last == pixels && next == pixels) return sigma;
    const std::size_t end = next;
    for (std::size_t i = j; i < end; ++i)
      sigma[i] = last == pixels || (next < pixels && next - i < i - last) ? sigma[next] : sigma[last];
    if (next == pixels) break;
    j = next - 1;
  }
  return sigma;
}

}  // namespace starglow

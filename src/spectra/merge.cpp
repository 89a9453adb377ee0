#include "starglow/spectra/merge.hpp"

#include <cmath>

#include "starglow/base/error.hpp"

namespace starglow {

std::size_t desi_offset(std::span<const double> wave_obs, const std::string& what) {
  check_wavelengths(wave_obs, what);
  const double first = wave_obs.empty() ? 0 : std::round((wave_obs[0] - 3600.0) / 0.8);
  if (wave_obs.empty() || first < 0 ||
      first + static_cast<double>(wave_obs.size()) > static_cast<double>(k_n_desi_pixels))
    throw Error(ErrorKind::input, what + " lies outside the survey's grid",
                {wave_obs.empty() ? "no pixels"
                                  : std::to_string(wave_obs.front()) + " to " + std::to_string(wave_obs.back()) + " A",
                 "within 3600 to 9824 A", ""});
  const auto offset = static_cast<std::size_t>(first);
  for (std::size_t i = 0; i < wave_obs.size(); ++i)
    if (!(std::fabs(wave_obs[i] - desi_wave(offset + i)) < 1e-3))
      throw Error(ErrorKind::input, what + " is not on the survey's grid at pixel " + std::to_string(i),
                  {std::to_string(wave_obs[i]) + " A", std::to_string(desi_wave(offset + i)) + " A (3600 + 0.8 i)",
                   "Resampled spectra go into a spectra file of their own (docs/spectra.md)."});
  return offset;
}

std::size_t merge_camera(const CameraSpectrum& camera, std::size_t offset, Spectra& into, std::size_t i) {
  std::size_t strange = 0;
  const auto flux = into.flux.row(i), ivar = into.ivar.row(i);
  const auto mask = into.mask.row(i);
  const std::size_t n = camera.wave_obs.size();
  for (std::size_t j = 0; j < n; ++j) {
    const std::size_t p = offset + j;
    const auto f = static_cast<double>(camera.flux[j]), w = static_cast<double>(camera.ivar[j]);
    const std::int32_t bits = camera.mask.empty() ? 0 : camera.mask[j];
    const bool odd = !std::isfinite(f) || !std::isfinite(w) || w < 0;
    strange += odd ? 1U : 0U;
    if (odd || bits != 0 || !(w > 0)) {
      if (!(ivar[p] > 0)) {
        mask[p] |= bits;
        if (flux[p] == 0 && std::isfinite(f)) flux[p] = f;  // for the eye only: ivar stays 0
      }
      continue;
    }
    const double before = ivar[p] > 0 ? ivar[p] : 0.0, sum = before + w;
    if (!into.resolution.empty() && !camera.resolution.empty())
      for (std::size_t k = 0; k < k_n_diagonals; ++k) {  // row p of the matrix: column p + off of diagonal k
        const std::ptrdiff_t column = static_cast<std::ptrdiff_t>(j) + 5 - static_cast<std::ptrdiff_t>(k);
        if (column < 0 || column >= static_cast<std::ptrdiff_t>(n)) continue;
        float& r = into.resolution(i, k * k_n_desi_pixels + offset + static_cast<std::size_t>(column));
        const double seen = static_cast<double>(camera.resolution[k * n + static_cast<std::size_t>(column)]);
        r = static_cast<float>((static_cast<double>(r) * before + seen * w) / sum);
      }
    flux[p] = (before > 0 ? flux[p] * before + f * w : f * w) / sum;
    ivar[p] = sum;
    mask[p] = 0;
  }
  return strange;
}

}  // namespace starglow

#include "starglow/stars/ssp.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "starglow/base/error.hpp"
#include "starglow/base/lines.hpp"

namespace starglow {
namespace {

void check_axis(const char* name, std::span<const double> axis, std::size_t least) {
  if (axis.size() < least)
    throw Error(ErrorKind::input, std::string("the SSP grid's ") + name + " is too short",
                {std::to_string(axis.size()) + " values", "at least " + std::to_string(least), ""});
  for (std::size_t i = 0; i < axis.size(); ++i) {
    if (!std::isfinite(axis[i]))
      throw Error(ErrorKind::input, std::string("the SSP grid's ") + name + " is not finite",
                  {"value " + std::to_string(axis[i]) + " at index " + std::to_string(i), "finite numbers", ""});
    if (i > 0 && !(axis[i] > axis[i - 1]))
      throw Error(ErrorKind::input, std::string("the SSP grid's ") + name + " does not ascend",
                  {std::to_string(axis[i]) + " after " + std::to_string(axis[i - 1]) + " at index " + std::to_string(i),
                   "strictly ascending values", "Sort the axis, and the fluxes with it."});
  }
}

void check_numbers(const char* name, const Matrix<double>& values, const SspGrid& grid) {
  for (std::size_t row = 0; row < values.rows(); ++row)
    for (std::size_t i = 0; i < values.cols(); ++i)
      if (!(values(row, i) >= 0) || std::isinf(values(row, i)))
        throw Error(ErrorKind::input, std::string("the SSP grid's ") + name + " holds a number that no light can have",
                    {std::to_string(values(row, i)) + " at metallicity " + std::to_string(row / grid.n_age()) +
                         ", age " + std::to_string(row % grid.n_age()) + ", column " + std::to_string(i),
                     "finite numbers >= 0", ""});
}

void check_shape(const char* name, const Matrix<double>& values, std::size_t rows, std::size_t cols) {
  if (values.rows() != rows || values.cols() != cols)
    throw Error(ErrorKind::input, std::string("the SSP grid's ") + name + " has another shape than its axes",
                {std::to_string(values.rows()) + " x " + std::to_string(values.cols()),
                 std::to_string(rows) + " (metallicities x ages) x " + std::to_string(cols), ""});
}

}  // namespace

void check_ssp(const SspGrid& grid) {
  check_axis("ssp_lgmet", grid.lgmet, 1);
  check_axis("ssp_lg_age_gyr", grid.lg_age_gyr, 2);
  check_axis("ssp_wave", grid.wave, 2);
  if (!(grid.wave.front() > 0))
    throw Error(ErrorKind::input, "the SSP grid's ssp_wave is not a wavelength",
                {std::to_string(grid.wave.front()) + " A", "> 0", ""});
  const std::size_t rows = grid.n_met() * grid.n_age();
  check_shape("ssp_flux", grid.flux, rows, grid.n_wave());
  check_numbers("ssp_flux", grid.flux, grid);
  if (grid.line_name.empty() && grid.line_wave.empty() && grid.line_luminosity.empty()) return;
  if (grid.line_wave.size() != grid.line_name.size())
    throw Error(ErrorKind::input, "the SSP grid's ssp_emline_wave has another length than ssp_emline_name",
                {std::to_string(grid.line_wave.size()), std::to_string(grid.line_name.size()), ""});
  for (const double wave : grid.line_wave)
    if (!(wave > 0) || std::isinf(wave))
      throw Error(ErrorKind::input, "the SSP grid's ssp_emline_wave is not a wavelength",
                  {std::to_string(wave), "finite, > 0 (A)", ""});
  check_shape("ssp_emline_luminosity", grid.line_luminosity, rows, grid.line_name.size());
  check_numbers("ssp_emline_luminosity", grid.line_luminosity, grid);
}

double nebular_halpha_ew(const SspGrid& grid) {
  constexpr double k_inner = 10, k_outer = 60, k_coarsest = 20, k_young = -2;  // A, A, A, log10 Gyr
  const double centre = k_lines[static_cast<std::size_t>(Line::HALPHA)].wave_vac;
  double largest = std::numeric_limits<double>::quiet_NaN();
  const auto at = std::lower_bound(grid.wave.begin(), grid.wave.end(), centre);
  if (at == grid.wave.begin() || at == grid.wave.end() || *at - *(at - 1) > k_coarsest) return largest;
  for (std::size_t m = 0; m < grid.n_met(); ++m)
    for (std::size_t a = 0; a < grid.n_age() && grid.lg_age_gyr[a] < k_young; ++a) {
      const auto light = grid.spectrum(m, a);
      double sum = 0, weight = 0;
      for (std::size_t i = 0; i < grid.n_wave(); ++i) {
        const double off = std::fabs(grid.wave[i] - centre);
        if (off > k_coarsest + k_inner && off < k_outer) {
          sum += light[i];
          weight += 1;
        }
      }
      if (weight == 0 || sum == 0) continue;
      const double continuum = sum / weight;
      double ew = 0;  // trapezoid over the excess; a coarse grid spreads the line over its neighbours
      for (std::size_t i = 0; i + 1 < grid.n_wave(); ++i)
        if (grid.wave[i + 1] > centre - k_coarsest - k_inner && grid.wave[i] < centre + k_coarsest + k_inner)
          ew += 0.5 * (light[i] + light[i + 1] - 2 * continuum) / continuum * (grid.wave[i + 1] - grid.wave[i]);
      if (!(ew <= largest)) largest = ew;
    }
  return largest;
}

std::size_t mask_nebular_lines(SspGrid& grid) {
  constexpr double k_half = 12;  // A
  // Beside the project's ten: Hdelta, Hepsilon with [NeIII], [NeIII] 3869 with H8, HeI 5876, [OI] 6300, HeI 6678.
  std::vector<double> centres{4102.89, 3970.5, 3870.0, 5877.2, 6302.0, 6680.0};
  for (const auto& line : k_lines) centres.push_back(line.wave_vac);
  std::vector<char> masked(grid.n_wave(), 0);
  for (const double centre : centres)
    for (std::size_t i = 0; i < grid.n_wave(); ++i) {
      const double pixel = grid.wave[std::min(i + 1, grid.n_wave() - 1)] - grid.wave[i == 0 ? 0 : i - 1];
      if (std::fabs(grid.wave[i] - centre) < std::max(k_half, 0.75 * pixel)) masked[i] = 1;
    }
  std::size_t count = 0;
  for (std::size_t i = 1; i + 1 < grid.n_wave();) {
    if (masked[i] == 0) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end + 1 < grid.n_wave() && masked[end] != 0) ++end;
    for (std::size_t row = 0; row < grid.flux.rows(); ++row)
      for (std::size_t k = i; k < end; ++k)
        grid.flux(row, k) = std::lerp(grid.flux(row, i - 1), grid.flux(row, end),
                                      (grid.wave[k] - grid.wave[i - 1]) / (grid.wave[end] - grid.wave[i - 1]));
    count += end - i;
    i = end;
  }
  return count;
}

bool has_nebular_lines(const SspGrid& grid) { return nebular_halpha_ew(grid) > 30; }

}  // namespace starglow

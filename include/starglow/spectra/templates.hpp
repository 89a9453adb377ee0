#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "starglow/base/view.hpp"

namespace starglow {

/// Spectra of simple stellar populations that a fit of starlight adds up, ready for fitting: on an even grid in
/// ln(wavelength), broadened to a ladder of velocity dispersions. Vacuum, rest frame; any unit of F_lambda.
class TemplateSet {
 public:
  static constexpr std::size_t k_max_templates = 32;
  /// Velocity dispersions of the ladder, km/s, that are added to what the templates have.
  static constexpr std::size_t k_n_sigma = 6;
  static constexpr double k_sigma[k_n_sigma] = {0, 100, 150, 200, 260, 340};

  /// rows: (templates, pixels) at ln(wave) = log_first + i log_step. Error(input): none or more than 32, not finite,
  /// negative everywhere, or not wide enough for one band.
  TemplateSet(MatrixView<const double> rows, double log_first, double log_step,
              std::map<std::string, std::string> about = {});

  std::size_t count() const noexcept { return count_; }
  std::size_t stride() const noexcept { return stride_; }  ///< count, padded
  std::size_t pixels() const noexcept { return pixels_; }
  double log_first() const noexcept { return log_first_; }
  double log_step() const noexcept { return log_step_; }
  /// Broadened templates, pixel-major: stride() numbers a pixel, those beyond count() are 0.
  const float* at_sigma(std::size_t k) const noexcept { return broadened_[k].data(); }
  /// The same numbers of template t one after the other: pixels(), and zeros to at least seven more.
  const float* row_at_sigma(std::size_t k, std::size_t t) const noexcept { return rows_[k].data() + t * row_stride(); }
  /// Means over blocks of k_block steps of the grid, pixels() / k_block of them, as at_sigma.
  static constexpr std::size_t k_block = 8;
  const float* blocks_at_sigma(std::size_t k) const noexcept { return blocks_[k].data(); }
  const std::map<std::string, std::string>& about() const noexcept { return about_; }

 private:
  std::size_t count_ = 0, stride_ = 0, pixels_ = 0;
  double log_first_ = 0, log_step_ = 0;
  std::size_t row_stride() const noexcept { return (pixels_ + 15) / 8 * 8; }
  std::vector<AlignedVector<float>> broadened_, rows_, blocks_;
  std::map<std::string, std::string> about_;
};

/// Indices of the populations (rows; equal norm, common pixels) that fit all others best: the bluest, then, again and
/// again, the one that the chosen ones fit worst, relative to its light, by sums that are not negative.
std::vector<std::size_t> choose_templates(MatrixView<const double> rows, std::size_t wanted);

}  // namespace starglow

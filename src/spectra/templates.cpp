#include "starglow/spectra/templates.hpp"

#include <algorithm>
#include <cmath>

#include "spectra/line_windows.hpp"
#include "starglow/base/error.hpp"

namespace starglow {
namespace {

// Convolution with a Gaussian of `sigma` pixels; the ends are continued by their values.
std::vector<double> smooth(std::span<const double> values, double sigma) {
  if (sigma < 0.05) return {values.begin(), values.end()};
  const auto reach = static_cast<std::ptrdiff_t>(std::ceil(4.5 * sigma));
  std::vector<double> kernel;
  double sum = 0;
  for (std::ptrdiff_t k = -reach; k <= reach; ++k) {
    const double x = static_cast<double>(k) / sigma;
    kernel.push_back(std::exp(-0.5 * x * x));
    sum += kernel.back();
  }
  // All pixels for each number of the kernel, not the reverse: so the processor takes several at a time.
  const std::size_t margin = kernel.size() / 2;
  std::vector<double> padded(margin, values.front());
  padded.insert(padded.end(), values.begin(), values.end());
  padded.insert(padded.end(), margin, values.back());
  std::vector<double> out(values.size());
  for (std::size_t k = 0; k < kernel.size(); ++k)
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += kernel[k] * padded[i + k];
  for (double& value : out) value /= sum;
  return out;
}

}  // namespace

TemplateSet::TemplateSet(MatrixView<const double> rows, double log_first, double log_step,
                         std::map<std::string, std::string> about)
    : count_(rows.rows()),
      stride_((rows.rows() + 3) / 4 * 4),
      pixels_(rows.cols()),
      log_first_(log_first),
      log_step_(log_step),
      about_(std::move(about)) {
  if (count_ == 0 || count_ > k_max_templates)
    throw Error(ErrorKind::input, "a set of templates of impossible size", {std::to_string(count_), "1 to 32", ""});
  if (!(log_step > 1e-6 && log_step < 1e-2) || !(log_first > 5 && log_first < 12) || pixels_ < 100)
    throw Error(ErrorKind::input, "templates on an impossible grid",
                {std::to_string(pixels_) + " pixels of " + std::to_string(log_step),
                 "at least 100 steps in ln(wavelength / A)", ""});
  for (std::size_t t = 0; t < count_; ++t) {
    double sum = 0;
    for (const double v : rows.row(t)) {
      if (!std::isfinite(v))
        throw Error(ErrorKind::input, "template " + std::to_string(t) + " holds a number that is not finite");
      sum += v;
    }
    if (!(sum > 0)) throw Error(ErrorKind::input, "template " + std::to_string(t) + " has no light");
  }
  for (const double sigma : k_sigma) {
    AlignedVector<float> wide(stride_ * pixels_, 0.0F), one_by_one(count_ * row_stride(), 0.0F),
        blocks(stride_ * (pixels_ / k_block), 0.0F);
    for (std::size_t t = 0; t < count_; ++t) {
      const auto row = smooth(rows.row(t), sigma / k_light_kms / log_step);
      for (std::size_t i = 0; i < pixels_; ++i)
        wide[i * stride_ + t] = one_by_one[t * row_stride() + i] = static_cast<float>(row[i]);
      for (std::size_t b = 0; b < pixels_ / k_block; ++b) {  // the trapezoid rule
        const std::size_t from = b * k_block, to = std::min(from + k_block, pixels_ - 1);
        double sum = 0.5 * (row[to] - row[from]);
        for (std::size_t i = from; i < from + k_block; ++i) sum += row[i];
        blocks[b * stride_ + t] = static_cast<float>(sum / k_block);
      }
    }
    broadened_.push_back(std::move(wide));
    rows_.push_back(std::move(one_by_one));
    blocks_.push_back(std::move(blocks));
  }
}

}  // namespace starglow

#include "starglow/spectra/filter.hpp"

#include <algorithm>
#include <cmath>

#include "starglow/base/error.hpp"

namespace starglow {

Filter::Filter(std::string name, std::vector<double> wave, std::vector<double> transmission)
    : name_(std::move(name)), wave_(std::move(wave)), transmission_(std::move(transmission)) {
  const std::string what = "filter '" + name_ + "'";
  const auto refuse = [&](const std::string& text, std::string seen, std::string wanted, std::string remedy = "") {
    throw Error(ErrorKind::input, what + text, {std::move(seen), std::move(wanted), std::move(remedy)});
  };
  if (wave_.size() != transmission_.size() || wave_.size() < 2)
    refuse(" has a wrong number of points",
           std::to_string(wave_.size()) + " wavelengths, " + std::to_string(transmission_.size()) + " transmissions",
           "two or more of each");
  for (std::size_t i = 0; i < wave_.size(); ++i) {
    const std::string point = ": point " + std::to_string(i);
    if (!(std::isfinite(wave_[i]) && wave_[i] > 0) || (i > 0 && !(wave_[i] > wave_[i - 1])))
      refuse(point + " has no ascending wavelength", std::to_string(wave_[i]), "positive, above the one before");
    if (!(transmission_[i] >= 0 && transmission_[i] <= 1))
      refuse(point + " has an impossible transmission", std::to_string(transmission_[i]), "0 to 1",
             "Percent are to be divided by 100, relative curves by their maximum.");
  }
  // Zeros at the ends say nothing; one is kept, as the line to it counts.
  const auto positive = [](double t) { return t > 0; };
  const auto first = std::find_if(transmission_.begin(), transmission_.end(), positive) - transmission_.begin();
  const auto last = transmission_.rend() - std::find_if(transmission_.rbegin(), transmission_.rend(), positive);
  if (last == 0) refuse(" lets no light through", "0 everywhere", "a transmission");
  const auto begin = std::max<std::ptrdiff_t>(first - 1, 0), end = std::min(last + 1, std::ssize(transmission_));
  wave_ = {wave_.begin() + begin, wave_.begin() + end};
  transmission_ = {transmission_.begin() + begin, transmission_.begin() + end};
  for (std::size_t i = 1; i < wave_.size(); ++i)
    trapezoid_ += 0.5 * (transmission_[i - 1] / wave_[i - 1] + transmission_[i] / wave_[i]) * (wave_[i] - wave_[i - 1]);
}

std::size_t Filter::interval(double wave) const noexcept {
  const auto above = std::upper_bound(wave_.begin(), wave_.end(), wave) - wave_.begin();
  return static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(above - 1, 0, std::ssize(wave_) - 2));
}

double Filter::at(double wave) const noexcept {
  if (!(wave >= lo() && wave <= hi())) return 0;
  const std::size_t i = interval(wave);
  return transmission_[i] + slope(wave) * (wave - wave_[i]);
}

double Filter::slope(double wave) const noexcept {
  if (!(wave >= lo() && wave < hi())) return 0;
  const std::size_t i = interval(wave);
  return (transmission_[i + 1] - transmission_[i]) / (wave_[i + 1] - wave_[i]);
}

double Filter::integral(double from, double to) const noexcept {
  double sum = 0;
  for (std::size_t i = 0; i + 1 < wave_.size(); ++i) {
    const double a = std::max(from, wave_[i]), b = std::min(to, wave_[i + 1]);
    if (!(b > a)) continue;
    const double m = (transmission_[i + 1] - transmission_[i]) / (wave_[i + 1] - wave_[i]);
    sum += (transmission_[i] - m * wave_[i]) * std::log(b / a) + m * (b - a);
  }
  return sum;
}

double Filter::pivot() const noexcept {
  double sum = 0;  // T and lambda are straight lines: Simpson's rule is exact
  for (std::size_t i = 0; i + 1 < wave_.size(); ++i) {
    const double a = wave_[i], b = wave_[i + 1], ta = transmission_[i], tb = transmission_[i + 1];
    sum += (b - a) / 6 * (ta * a + (ta + tb) * (a + b) + tb * b);
  }
  return std::sqrt(sum / integral(lo(), hi()));
}

}  // namespace starglow

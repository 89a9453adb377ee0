#include "starglow/model/noise_model.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "starglow/base/error.hpp"

namespace starglow {
namespace {

using Terms = std::array<double, NoiseModel::k_n_terms>;

Terms terms(double f, double z, double ew) {
  const double a = std::asinh(ew);
  return {1.0, f, f * f, z, z * z, z * z * z, a, a * a};
}

constexpr std::size_t k_min_rows = 100;
constexpr int k_iterations = 10;
constexpr double k_clip = 3.0;  // residuals beyond this many robust sd lose weight
// Coefficients beyond this cancel each other: the data do not determine them (redshifts of .015-.024 do not tell z, z^2
// and z^3 apart). Terms are then left out, in this order.
constexpr double k_most_coefficient = 1e4;
constexpr std::array<std::size_t, 5> k_dispensable{5, 4, 2, 3, 7};

// Weighted least squares; the weights fall as 1/|residual| beyond k_clip robust sd (Huber 1964), iterated.
struct Law {
  Eigen::VectorXd coefficients;
  double scatter = 0;
};
Law fit_law(const Eigen::MatrixXd& design, const Eigen::VectorXd& target) {
  Law out;
  Eigen::VectorXd weight = Eigen::VectorXd::Ones(target.size());
  for (int iteration = 0; iteration < k_iterations; ++iteration) {
    const Eigen::VectorXd root = weight.cwiseSqrt();
    out.coefficients = (root.asDiagonal() * design).colPivHouseholderQr().solve(root.cwiseProduct(target));
    const Eigen::VectorXd residual = target - design * out.coefficients;
    std::vector<double> size(static_cast<std::size_t>(residual.size()));
    for (std::size_t i = 0; i < size.size(); ++i) size[i] = std::fabs(residual[static_cast<Eigen::Index>(i)]);
    std::nth_element(size.begin(), size.begin() + static_cast<std::ptrdiff_t>(size.size() / 2), size.end());
    const double sd = std::max(1.4826 * size[size.size() / 2], 1e-6);
    for (Eigen::Index i = 0; i < weight.size(); ++i)
      weight[i] = std::min(1.0, k_clip * sd / std::max(std::fabs(residual[i]), 1e-300));
    out.scatter = std::sqrt(residual.squaredNorm() / static_cast<double>(residual.size()));
  }
  return out;
}

}  // namespace

std::size_t band_of_line(std::size_t line) noexcept {
  return static_cast<std::size_t>((k_all_lines[line].wave_vac - k_band_start) / k_band_width);
}

NoiseSource noise_source(std::size_t line) noexcept {
  double factor = 1.0;
  for (const auto& doublet : k_doublets)
    if (static_cast<std::size_t>(doublet.weak) == line) {
      line = static_cast<std::size_t>(doublet.strong);
      factor = 1.0 / doublet.ew_ratio;
    }
  return {line, factor};
}

double NoiseModel::sigma(std::size_t line, std::span<const double> band_flux, double z, double ew) const {
  const NoiseSource source = noise_source(line);
  const double flux = band_flux[band_of_line(source.line)];
  const auto row = static_cast<std::size_t>(std::ranges::find(lines, source.line) - lines.begin());
  if (row == lines.size() || !(flux > 0) || !std::isfinite(flux) || !std::isfinite(ew))
    return std::numeric_limits<double>::quiet_NaN();
  const double f = std::clamp(std::log10(flux), f_min, f_max);
  const double zc = std::isfinite(z) ? std::clamp(z, z_min, z_max) : 0.5 * (z_min + z_max);
  const Terms t = terms(f, zc, ew / source.factor);
  double sum = 0;
  for (std::size_t k = 0; k < k_n_terms; ++k) sum += coefficients(row, k) * t[k];
  return source.factor * std::pow(10.0, sum);
}

NoiseModel fit_noise_model(const Galaxies& g, std::span<const std::size_t> lines) {
  if (g.band_flux.empty() || g.z.empty() || g.ew.empty() || g.ew_ivar.empty())
    throw Error(ErrorKind::input, "a noise model needs BAND_FLUX, Z and the EW and EW_IVAR columns",
                {"a column is absent", "all of them", ""});
  NoiseModel model;
  model.lines.assign(lines.begin(), lines.end());
  model.coefficients = Matrix<double>(lines.size(), NoiseModel::k_n_terms);
  model.z_min = model.f_min = std::numeric_limits<double>::infinity();
  model.z_max = model.f_max = -std::numeric_limits<double>::infinity();
  for (std::size_t row = 0; row < lines.size(); ++row) {
    const std::size_t line = lines[row], band = band_of_line(line);
    std::vector<Terms> x;
    std::vector<double> y;
    for (std::size_t i = 0; i < g.n; ++i) {
      const double flux = g.band_flux(i, band), ew = static_cast<double>(g.ew(i, line)),
                   ivar = static_cast<double>(g.ew_ivar(i, line));
      if (!(flux > 0) || !std::isfinite(flux) || !(ivar > 0) || !std::isfinite(ew) || !(g.z[i] > 0)) continue;
      const double f = std::log10(flux);
      x.push_back(terms(f, g.z[i], ew));
      y.push_back(-0.5 * std::log10(ivar));
      model.z_min = std::min(model.z_min, g.z[i]);
      model.z_max = std::max(model.z_max, g.z[i]);
      model.f_min = std::min(model.f_min, f);
      model.f_max = std::max(model.f_max, f);
    }
    if (x.size() < k_min_rows)
      throw Error(ErrorKind::input, "too few measured " + std::string(k_all_lines[line].name) + " for a noise model",
                  {std::to_string(x.size()) + " rows", "at least " + std::to_string(k_min_rows), ""});
    Eigen::MatrixXd design(static_cast<Eigen::Index>(x.size()), static_cast<Eigen::Index>(NoiseModel::k_n_terms));
    Eigen::VectorXd target(static_cast<Eigen::Index>(y.size()));
    for (Eigen::Index i = 0; i < design.rows(); ++i) {
      target[i] = y[static_cast<std::size_t>(i)];
      for (Eigen::Index k = 0; k < design.cols(); ++k)
        design(i, k) = x[static_cast<std::size_t>(i)][static_cast<std::size_t>(k)];
    }
    Law law = fit_law(design, target);
    for (const std::size_t term : k_dispensable) {
      if (law.coefficients.cwiseAbs().maxCoeff() <= k_most_coefficient) break;
      design.col(static_cast<Eigen::Index>(term)).setZero();
      law = fit_law(design, target);
    }
    for (std::size_t k = 0; k < NoiseModel::k_n_terms; ++k)
      model.coefficients(row, k) = law.coefficients[static_cast<Eigen::Index>(k)];
    model.scatter.push_back(law.scatter);
  }
  return model;
}

}  // namespace starglow

#include <algorithm>
#include <cmath>

#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/stars/stars.hpp"

namespace starglow {
namespace {

struct Parts {
  AgeWeights age;
  std::vector<double> met, d_met, d_scatter;  // (n_met), or (n_met * n_age) of a history
  std::vector<double> lgmet_at_age;           // of a history
  double norm = 1;                            // sum of the products, before they are normalised
};

void check_table(const SspGrid& grid, const SfhTable& table) {
  if (table.n_ages() != grid.n_age())
    throw Error(ErrorKind::input, "the table of times was made for another grid",
                {std::to_string(table.n_ages()) + " ages", std::to_string(grid.n_age()), ""});
}

RestSed assemble(const SspGrid& grid, const Parts& parts, bool history) {
  RestSed out;
  const std::size_t n_met = grid.n_met(), n_age = grid.n_age();
  out.weights = Matrix<double>(n_met, n_age);
  out.age_weights = parts.age.weights;
  out.mass = parts.age.mass;
  if (history) {
    out.lgmet_weights_at_age = Matrix<double>(n_met, n_age);
    for (std::size_t i = 0; i < n_met * n_age; ++i)
      out.lgmet_weights_at_age.data()[i] = parts.met[i] / static_cast<double>(n_age);
  } else {
    out.lgmet_weights = parts.met;
  }
  out.sed.assign(grid.n_wave(), 0.0);
  for (std::size_t m = 0; m < n_met; ++m)
    for (std::size_t a = 0; a < n_age; ++a) {
      const double w = (history ? parts.met[m * n_age + a] : parts.met[m]) * parts.age.weights[a] / parts.norm;
      out.weights(m, a) = w;
      if (w == 0) continue;
      const auto light = grid.spectrum(m, a);
      for (std::size_t i = 0; i < light.size(); ++i) out.sed[i] += w * light[i];
    }
  for (double& value : out.sed) value *= out.mass;
  if (parts.age.nonfinite || std::isnan(parts.norm)) out.flags |= k_nonfinite;
  if (parts.age.clipped) out.flags |= k_clipped;
  return out;
}

// Gradient of sum(d_sed . sed) by the product of each pair of weights, (n_met, n_age); and by the mass.
Matrix<double> pull_back(const SspGrid& grid, std::span<const double> d_sed) {
  if (d_sed.size() != grid.n_wave())
    throw Error(ErrorKind::input, "a gradient of another length than the spectrum",
                {std::to_string(d_sed.size()), std::to_string(grid.n_wave()), ""});
  Matrix<double> out(grid.n_met(), grid.n_age());
  for (std::size_t row = 0; row < grid.flux.rows(); ++row) {
    double sum = 0;
    for (std::size_t i = 0; i < d_sed.size(); ++i) sum += d_sed[i] * grid.flux(row, i);
    out.data()[row] = sum;
  }
  return out;
}

Parts lognormal(const SspGrid& grid, const SfhTable& table, std::span<const double> sfr, double lgmet, double scatter,
                double t_obs, double sfr_min, bool slopes) {
  check_table(grid, table);
  Parts parts;
  age_weights(table, sfr, t_obs, parts.age, sfr_min);
  parts.met.resize(grid.n_met());
  if (slopes) {
    parts.d_met.resize(grid.n_met());
    parts.d_scatter.resize(grid.n_met());
  }
  metallicity_weights(metallicity_edges(grid.lgmet), lgmet, scatter, parts.met, parts.d_met, parts.d_scatter);
  parts.norm = 0;
  for (const double m : parts.met)
    for (const double a : parts.age.weights) parts.norm += m * a;
  return parts;
}

Parts of_history(const SspGrid& grid, const SfhTable& table, std::span<const double> sfr,
                 std::span<const double> lgmet_table, double scatter, double t_obs, double sfr_min) {
  check_table(grid, table);
  Parts parts;
  const std::size_t n_met = grid.n_met(), n_age = grid.n_age();
  age_weights(table, sfr, t_obs, parts.age, sfr_min);
  parts.lgmet_at_age.resize(n_age);
  metallicity_at_ages(table, lgmet_table, t_obs, parts.lgmet_at_age);
  const auto edges = metallicity_edges(grid.lgmet);
  parts.met.resize(n_met * n_age);
  parts.d_met.resize(n_met * n_age);
  parts.d_scatter.resize(n_met * n_age);
  std::vector<double> w(n_met), d(n_met), s(n_met);
  parts.norm = 0;
  for (std::size_t a = 0; a < n_age; ++a) {
    metallicity_weights(edges, parts.lgmet_at_age[a], scatter, w, d, s);
    for (std::size_t m = 0; m < n_met; ++m) {
      parts.met[m * n_age + a] = w[m];
      parts.d_met[m * n_age + a] = d[m];
      parts.d_scatter[m * n_age + a] = s[m];
      parts.norm += w[m] * parts.age.weights[a];
    }
  }
  return parts;
}

}  // namespace

RestSed rest_sed(const SspGrid& grid, const SfhTable& table, std::span<const double> sfr, double lgmet, double scatter,
                 double t_obs, double sfr_min) {
  RestSed out = assemble(grid, lognormal(grid, table, sfr, lgmet, scatter, t_obs, sfr_min, false), false);
  if (lgmet < grid.lgmet.front() || lgmet > grid.lgmet.back()) out.flags |= k_clipped;
  return out;
}

RestSed rest_sed(const SspGrid& grid, const SfhTable& table, std::span<const double> sfr,
                 std::span<const double> lgmet_table, double scatter, double t_obs, double sfr_min) {
  const Parts parts = of_history(grid, table, sfr, lgmet_table, scatter, t_obs, sfr_min);
  RestSed out = assemble(grid, parts, true);
  for (const double lgmet : parts.lgmet_at_age)
    if (lgmet < grid.lgmet.front() || lgmet > grid.lgmet.back()) out.flags |= k_clipped;
  return out;
}

std::vector<double> attenuated_by_age(const SspGrid& grid, const RestSed& of, const Dust& dust,
                                      std::span<const double> av_at_age) {
  if (av_at_age.size() != grid.n_age() || of.weights.cols() != grid.n_age())
    throw Error(ErrorKind::input, "attenuations and ages differ in number",
                {std::to_string(av_at_age.size()), std::to_string(grid.n_age()), ""});
  std::vector<double> micron;
  for (const double wave : grid.wave) micron.push_back(wave * 1e-4);
  const DustScreen screen(micron, dust.law);
  std::vector<double> out(grid.n_wave(), 0.0), t(grid.n_wave()), light(grid.n_wave());
  for (std::size_t a = 0; a < grid.n_age(); ++a) {
    Dust own = dust;
    own.av = av_at_age[a];
    screen.transmission(own, t);
    std::fill(light.begin(), light.end(), 0.0);
    for (std::size_t m = 0; m < grid.n_met(); ++m) {
      const double w = of.weights(m, a);
      for (std::size_t i = 0; i < light.size() && w != 0; ++i) light[i] += w * grid.spectrum(m, a)[i];
    }
    for (std::size_t i = 0; i < light.size(); ++i) out[i] += of.mass * t[i] * light[i];
  }
  return out;
}

RestSedGradient rest_sed_vjp(const SspGrid& grid, const SfhTable& table, std::span<const double> sfr, double lgmet,
                             double scatter, double t_obs, std::span<const double> d_sed, double sfr_min) {
  const Parts parts = lognormal(grid, table, sfr, lgmet, scatter, t_obs, sfr_min, true);
  const Matrix<double> by_pair = pull_back(grid, d_sed);
  const std::size_t n_met = grid.n_met(), n_age = grid.n_age();
  RestSedGradient out;
  std::vector<double> d_age(n_age, 0.0);
  double total = 0;  // sum(d_sed . sed) for a mass of 1
  for (std::size_t m = 0; m < n_met; ++m)
    for (std::size_t a = 0; a < n_age; ++a) {
      const double value = by_pair(m, a) * parts.age.mass;
      total += by_pair(m, a) * parts.met[m] * parts.age.weights[a];
      d_age[a] += value * parts.met[m];
      out.lgmet += value * parts.age.weights[a] * parts.d_met[m];
      out.lgmet_scatter += value * parts.age.weights[a] * parts.d_scatter[m];
    }
  out.sfr.assign(sfr.size(), 0.0);
  out.t_obs = age_weights_vjp(table, parts.age, d_age, total, out.sfr, sfr_min);
  return out;
}

RestSedGradient rest_sed_vjp(const SspGrid& grid, const SfhTable& table, std::span<const double> sfr,
                             std::span<const double> lgmet_table, double scatter, double t_obs,
                             std::span<const double> d_sed, double sfr_min) {
  const Parts parts = of_history(grid, table, sfr, lgmet_table, scatter, t_obs, sfr_min);
  const Matrix<double> by_pair = pull_back(grid, d_sed);
  const std::size_t n_met = grid.n_met(), n_age = grid.n_age();
  RestSedGradient out;
  out.lgmet_table.assign(lgmet_table.size(), 0.0);
  std::vector<double> d_age(n_age, 0.0), d_lgmet(n_age, 0.0);
  double total = 0;
  for (std::size_t m = 0; m < n_met; ++m)
    for (std::size_t a = 0; a < n_age; ++a) {
      const double value = by_pair(m, a) * parts.age.mass;
      total += by_pair(m, a) * parts.met[m * n_age + a] * parts.age.weights[a];
      d_age[a] += value * parts.met[m * n_age + a];
      d_lgmet[a] += value * parts.age.weights[a] * parts.d_met[m * n_age + a];
      out.lgmet_scatter += value * parts.age.weights[a] * parts.d_scatter[m * n_age + a];
    }
  out.sfr.assign(sfr.size(), 0.0);
  out.t_obs = age_weights_vjp(table, parts.age, d_age, total, out.sfr, sfr_min);
  // The metallicity at an age is between two entries of the table, at a place that moves with t_obs.
  const auto lgt = table.log_times(), age = table.bin_ages();
  for (std::size_t a = 0; a < n_age; ++a) {
    const double birth = std::max(t_obs - age[a], k_t_birth_min), x = std::log(birth) * 0.4342944819032518;
    std::size_t i = 0;
    while (i + 2 < lgt.size() && x >= lgt[i + 1]) ++i;
    const double width = lgt[i + 1] - lgt[i], u = std::min(1.0, std::max(0.0, (x - lgt[i]) / width));
    out.lgmet_table[i] += d_lgmet[a] * (1 - u);
    out.lgmet_table[i + 1] += d_lgmet[a] * u;
    if (birth > k_t_birth_min && x > lgt.front() && x < lgt.back())
      out.t_obs += d_lgmet[a] * (lgmet_table[i + 1] - lgmet_table[i]) / width / (std::log(10.0) * birth);
  }
  return out;
}

}  // namespace starglow

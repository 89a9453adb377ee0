#pragma once
// A model as the formulas say it, for any number type: features, networks, mean over members, median of the mixture or
// point, sinh, doublets. The oracle of Model.
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "starglow/base/cosmology.hpp"
#include "starglow/model/model.hpp"
#include "support/dual.hpp"
#include "support/slow_network.hpp"

namespace starglow::slow {

inline double value_of(double x) { return x; }
inline double value_of(const test::Dual& x) { return x.v; }

/// The model without what follows the networks: growth with redshift, widths outside the domain (tested by themselves).
inline Model networks_alone(const Model& model) {
  Model::Parts parts = model.parts();
  for (const char* key : {"evolution", "evolution.components", "domain.widen"}) parts.metadata.erase(key);
  return Model(std::move(parts));
}

/// Parameters of the mixture of one line, and its distribution function.
template <class T>
struct LineMixture {
  std::vector<T> weight, mean, sd;
  T cdf(double t) const {
    using std::erfc;
    T sum(0.0);
    for (std::size_t c = 0; c < weight.size(); ++c)
      sum = sum + weight[c] * (0.5 * erfc((mean[c] - t) / (sd[c] * std::sqrt(2.0))));
    return sum;
  }
  T density(double t) const {
    using std::exp;
    T sum(0.0);
    for (std::size_t c = 0; c < weight.size(); ++c) {
      const T z = (t - mean[c]) / sd[c];
      sum = sum + weight[c] * exp(-0.5 * z * z) / (sd[c] * 2.5066282746310002);
    }
    return sum;
  }
  // Bisection for the value; one Newton step in T for the derivative.
  T quantile(double p) const {
    double low = -1e3, high = 1e3;
    for (int k = 0; k < 200; ++k) {
      const double middle = 0.5 * (low + high);
      (value_of(cdf(middle)) > p ? high : low) = middle;
    }
    return low - (cdf(low) - p) / density(low);
  }
};

/// What a network sees; NaN fluxes are missing bands (with masks).
template <class T>
std::vector<T> features(const FeatureRecipe& recipe, const std::vector<T>& flux, double z, bool luminosity,
                        std::vector<bool>& known) {
  using std::log10;
  std::vector<T> x;
  const auto add = [&](bool have, T value) {
    x.push_back(have ? value : T(0.0));
    known.push_back(have);
  };
  const auto there = [&](std::size_t b) { return value_of(flux[b]) > 0; };
  for (std::size_t i = 0; i + 1 < k_n_bands; ++i)
    add(there(i) && there(i + 1), there(i) && there(i + 1) ? log10(flux[i + 1] / flux[i]) : T(0.0));
  const bool have_z = z > 0;
  const auto uses = [&](const char* input) {
    return (recipe.name() + "+").find(std::string("+") + input + "+") != std::string::npos;
  };
  if (uses("log_lum")) {
    std::size_t band = 9;
    for (const auto b : {9U, 8U, 10U, 7U, 11U, 6U, 5U, 4U, 3U, 2U, 1U, 0U})
      if (there(b)) {
        band = b;
        break;
      }
    const double d = luminosity_distance(z);
    const bool have = have_z && luminosity;
    add(have, have ? log10(flux[band] * ((1 + z) * d * d)) : T(0.0));
  }
  if (uses("z")) add(have_z, T(z < recipe.z_low ? recipe.z_low : z > recipe.z_high ? recipe.z_high : z));
  if (recipe.masks) {
    for (std::size_t b = 0; b < k_n_bands; ++b) add(true, T(there(b) ? 0.0 : -1.0));
    if (uses("log_lum")) add(true, T(have_z && luminosity ? 0.0 : -1.0));
    if (uses("z")) add(true, T(have_z ? 0.0 : -1.0));
  }
  return x;
}

/// The ten EWs at quantile p (point models: the point).
template <class T>
std::vector<T> predict(const NetworkBank& bank, const std::vector<T>& flux, double z, bool luminosity = true,
                       double p = 0.5) {
  using std::exp;
  using std::sinh;
  std::vector<bool> known;
  const std::vector<T> x = features(bank.features, flux, z, luminosity, known);
  std::vector<T> t(bank.per_line() ? bank.n_nets : bank.shape.n_out(), T(0.0)), ew(k_n_lines, T(0.0));
  for (std::size_t k = 0; k < bank.n_nets; ++k) {
    std::vector<T> standard;
    for (std::size_t i = 0; i < x.size(); ++i)
      standard.push_back(known[i] ? (x[i] - bank.x_mean(k, i)) / bank.x_scale(k, i) : T(0.0));
    const std::size_t n = bank.shape.n_params();
    const auto y = network<T, float>(bank.shape, std::span(bank.params).subspan(k * n, n), standard);
    for (std::size_t o = 0; o < y.size(); ++o)
      t[bank.per_line() ? k : o] =
          t[bank.per_line() ? k : o] + y[o] / (bank.per_line() ? 1.0 : static_cast<double>(bank.n_nets));
  }
  for (std::size_t j = 0; j < bank.outputs.size(); ++j) {
    T own = bank.joint ? T(0.0) : bank.y_mean[j] + bank.y_scale[j] * t[j];
    if (bank.joint) {
      const std::size_t n_c = bank.joint->components;
      LineMixture<T> mixture;
      T sum(1.0);
      for (std::size_t c = 1; c < n_c; ++c) sum = sum + exp(t[n_c * 16 + c - 1]);
      for (std::size_t c = 0; c < n_c; ++c) {
        mixture.weight.push_back((c == 0 ? T(1.0) : exp(t[n_c * 16 + c - 1])) / sum);
        mixture.mean.push_back(bank.y_mean[j] + bank.y_scale[j] * t[c * 8 + j]);
        mixture.sd.push_back(bank.y_scale[j] * (0.03 + exp(t[(n_c + c) * 8 + j])));
      }
      const T median = mixture.quantile(0.5);
      own = median + bank.joint->shift[j];
      if (p != 0.5) own = own + bank.joint->slope[j] * (mixture.quantile(p) - median);
      if (!(own > 0)) own = T(0.0);
    }
    ew[bank.outputs[j]] = sinh(own);
  }
  if (!bank.per_line())
    for (const auto& doublet : k_doublets)
      ew[static_cast<std::size_t>(doublet.weak)] = ew[static_cast<std::size_t>(doublet.strong)] / doublet.ew_ratio;
  return ew;
}

}  // namespace starglow::slow

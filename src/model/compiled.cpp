#include "model/compiled.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "starglow/error.hpp"
#include "starglow/sha256.hpp"

namespace starglow {
namespace {

double number(const std::map<std::string, std::string>& metadata, const std::string& key, double fallback) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return fallback;
  char* end = nullptr;
  const double value = std::strtod(found->second.c_str(), &end);
  if (end == found->second.c_str() || *end != '\0' || !std::isfinite(value))
    throw Error(ErrorKind::model, "model metadata '" + key + "' is not a number",
                {"'" + found->second + "'", "a number", ""});
  return value;
}

template <class V>
void add(Sha256& sum, const V& values) {
  sum.add(std::span(reinterpret_cast<const unsigned char*>(values.data()), values.size() * sizeof(*values.data())));
}

}  // namespace

Model::Compiled::Compiled(Parts given) : parts(std::move(given)) {
  z_min = number(parts.metadata, "z_min", 0.0);
  z_max = number(parts.metadata, "z_max", 1e9);
  for (std::size_t d = 0; d < k_doublets.size(); ++d) {
    const std::string key = "ew_ratio_" + std::string(k_lines[static_cast<std::size_t>(k_doublets[d].weak)].name);
    ew_ratio[d] = number(parts.metadata, key, k_doublets[d].ew_ratio);
    if (!(ew_ratio[d] > 0)) throw Error(ErrorKind::model, "model metadata '" + key + "' is not positive");
  }
  Sha256 sum;
  sum.add(parts.kind);
  for (const auto& [key, value] : parts.metadata) {
    sum.add(key);
    sum.add("=");
    sum.add(value);
    sum.add("\n");
  }
  const auto compile = [&](const std::optional<NetworkBank>& bank, Bank& into) {
    if (!bank) return;
    const std::size_t n = bank->shape.n_params();
    for (std::size_t k = 0; k < bank->n_nets; ++k) {
      const std::span<const float> params(bank->params.data() + k * n, n);
      into.f32.emplace_back(bank->shape, params);
      into.f64.emplace_back(bank->shape, params);
    }
    add(sum, bank->params);
    add(sum, bank->x_mean.flat());
    add(sum, bank->x_scale.flat());
    add(sum, bank->y_mean);
    add(sum, bank->y_scale);
  };
  compile(parts.full, full);
  compile(parts.no_luminosity, no_luminosity);
  if (parts.noise) add(sum, parts.noise->coefficients.flat());
  hash = sum.hex();
}

template <class T>
void Model::Compiled::run(bool use_full, const Galaxies& g, std::span<const std::size_t> rows, Matrix<double>& ew,
                          Matrix<double>* jacobian) const {
  const NetworkBank& bank = use_full ? *parts.full : *parts.no_luminosity;
  const auto& nets = networks<T>(use_full ? full : no_luminosity);
  const std::size_t n = rows.size(), n_in = bank.shape.n_in(), n_out = bank.shape.n_out(),
                    n_lines = bank.outputs.size();

  Matrix<double> x(n, n_in);
  for (std::size_t r = 0; r < n; ++r)
    compute_features(bank.features, g.band_flux.row(rows[r]), g.z.empty() ? 0.0 : g.z[rows[r]], x.row(r));

  kernels::Scratch<T> scratch;
  Matrix<T> standard(n, n_in), y(n, n_out), dy(jacobian != nullptr ? n : 0, n_out * n_in);
  Matrix<double> t(n, n_lines);                                    // asinh EW
  Matrix<double> dt(jacobian != nullptr ? n : 0, n_lines * n_in);  // dt/dx
  for (std::size_t k = 0; k < nets.size(); ++k) {
    for (std::size_t r = 0; r < n; ++r)
      for (std::size_t i = 0; i < n_in; ++i)
        standard(r, i) = static_cast<T>((x(r, i) - bank.x_mean(k, i)) / bank.x_scale(k, i));
    if (jacobian != nullptr)
      nets[k].jacobian(standard.view(), y.view(), dy.view(), scratch);
    else
      nets[k].forward(standard.view(), y.view(), scratch);
    // One network a line writes its line; members of an ensemble are averaged.
    const double share = bank.per_line() ? 1.0 : 1.0 / static_cast<double>(nets.size());
    for (std::size_t r = 0; r < n; ++r)
      for (std::size_t o = 0; o < n_out; ++o) {
        const std::size_t line = bank.per_line() ? k : o;
        t(r, line) += share * static_cast<double>(y(r, o));
        if (jacobian != nullptr)
          for (std::size_t i = 0; i < n_in; ++i)
            dt(r, line * n_in + i) += share * static_cast<double>(dy(r, o * n_in + i)) / bank.x_scale(k, i);
      }
  }

  for (std::size_t r = 0; r < n; ++r) {
    const std::size_t row = rows[r];
    for (std::size_t j = 0; j < n_lines; ++j) {
      const std::size_t line = bank.outputs[j];
      ew(row, line) = std::sinh(bank.y_mean[j] + bank.y_scale[j] * t(r, j));
      if (jacobian == nullptr) continue;
      const double slope = bank.y_scale[j] * std::sqrt(1.0 + ew(row, line) * ew(row, line));  // cosh(asinh EW)
      std::array<double, FeatureRecipe::k_n_ratios + 2> d_x{};
      for (std::size_t i = 0; i < n_in; ++i) d_x[i] = slope * dt(r, j * n_in + i);
      features_vjp(bank.features, g.band_flux.row(row), std::span(d_x).first(n_in),
                   jacobian->row(row).subspan(line * k_n_bands, k_n_bands));
    }
    for (std::size_t d = 0; d < k_doublets.size(); ++d) {
      const auto weak = static_cast<std::size_t>(k_doublets[d].weak),
                 strong = static_cast<std::size_t>(k_doublets[d].strong);
      if (std::find(bank.outputs.begin(), bank.outputs.end(), weak) != bank.outputs.end()) continue;
      ew(row, weak) = ew(row, strong) / ew_ratio[d];
      if (jacobian != nullptr)
        for (std::size_t b = 0; b < k_n_bands; ++b)
          (*jacobian)(row, weak* k_n_bands + b) = (*jacobian)(row, strong * k_n_bands + b) / ew_ratio[d];
    }
  }
}

template void Model::Compiled::run<float>(bool, const Galaxies&, std::span<const std::size_t>, Matrix<double>&,
                                          Matrix<double>*) const;
template void Model::Compiled::run<double>(bool, const Galaxies&, std::span<const std::size_t>, Matrix<double>&,
                                           Matrix<double>*) const;

}  // namespace starglow

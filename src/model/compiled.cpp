#include "model/compiled.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "starglow/base/cosmology.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/sha256.hpp"

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

// The sum that names a model; not computed where it is known.
struct Name {
  bool known;
  Sha256 sum;
  void add(std::string_view text) {
    if (!known) sum.add(text);
  }
};

template <class V>
void add(Name& name, const V& values) {
  if (!name.known)
    name.sum.add(
        std::span(reinterpret_cast<const unsigned char*>(values.data()), values.size() * sizeof(*values.data())));
}

}  // namespace

Model::Compiled::Compiled(Parts given, std::string known_hash) : parts(std::move(given)), hash(std::move(known_hash)) {
  z_min = number(parts.metadata, "z_min", 0.0);
  z_max = number(parts.metadata, "z_max", 1e9);
  z_domain = number(parts.metadata, "z_domain", 1e9);
  widen = number(parts.metadata, "domain.widen", 0.0);
  if (!(widen >= 0 && widen <= 100))
    throw Error(ErrorKind::model, "model metadata 'domain.widen' is out of range",
                {std::to_string(widen), "0 to 100", ""});
  if (const auto found = parts.metadata.find("evolution"); found != parts.metadata.end()) {
    try {
      evolution = Evolution::parse(found->second, parts.lines);
    } catch (const Error& e) {
      throw Error(ErrorKind::model, std::string("model metadata 'evolution': ") + e.what());
    }
    const double n = number(parts.metadata, "evolution.components", 0);
    if (!(n >= 0 && n <= LineDistribution::k_max_components) || n != std::floor(n))
      throw Error(ErrorKind::model, "model metadata 'evolution.components' is no number of components",
                  {std::to_string(n), "0 to 4", ""});
    evolving = static_cast<std::size_t>(n);
  }
  for (std::size_t d = 0; d < k_doublets.size(); ++d) {
    const std::string key = "ew_ratio_" + std::string(k_lines[static_cast<std::size_t>(k_doublets[d].weak)].name);
    ew_ratio[d] = number(parts.metadata, key, k_doublets[d].ew_ratio);
    if (!(ew_ratio[d] > 0)) throw Error(ErrorKind::model, "model metadata '" + key + "' is not positive");
  }
  Name sum{!hash.empty(), {}};
  sum.add(parts.kind);
  for (const auto& [key, value] : parts.metadata) {
    if (key == "read.note") continue;  // what reading said of the file, nothing of the model
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
    if (bank->joint) {
      add(sum, bank->joint->factor.flat());
      add(sum, bank->joint->shift);
      add(sum, bank->joint->slope);
    }
  };
  compile(parts.full, full);
  compile(parts.partial, partial);
  if (parts.neighbours) {
    neighbours.emplace(*parts.neighbours);
    add(sum, std::vector<std::uint64_t>{parts.neighbours->k});
    add(sum, parts.neighbours->x_mean);
    add(sum, parts.neighbours->x_scale);
    add(sum, parts.neighbours->components.flat());
    add(sum, parts.neighbours->points.flat());
    add(sum, parts.neighbours->t.flat());
    add(sum, parts.neighbours->t_mean);
  }
  if (parts.domain) {
    add(sum, parts.domain->parts().mean.flat());
    add(sum, parts.domain->parts().covariance.flat());
    add(sum, std::vector<double>{parts.domain->parts().threshold});
    if (!parts.domain->parts().forms.empty()) {
      add(sum, parts.domain->parts().forms.flat());
      add(sum, parts.domain->parts().levels.flat());
    }
  }
  if (parts.noise) add(sum, parts.noise->coefficients.flat());
  if (!sum.known) hash = sum.sum.hex();
}

std::optional<double> Model::evolution_begins() const noexcept {
  return compiled_->evolution ? std::optional(compiled_->evolution->z0) : std::nullopt;
}

LineDistribution prior_distribution(const NetworkBank& bank) {
  LineDistribution d;
  d.weight[0] = 1;
  d.slots = bank.joint->slots;
  d.sd[0].fill(1.0);
  for (std::size_t j = 0; j < d.slots.n; ++j) {
    d.mean[0][j] = bank.y_mean[j];
    d.sd[0][j] = bank.y_scale[j];
    d.p16[j] = bank.y_mean[j] - bank.y_scale[j];
    d.median[j] = bank.y_mean[j];
    d.p84[j] = bank.y_mean[j] + bank.y_scale[j];
  }
  return d;
}

std::array<double, k_n_bands> usable_bands(const Galaxies& g, std::size_t row) {
  std::array<double, k_n_bands> out{};
  for (std::size_t b = 0; b < k_n_bands; ++b) {
    const double flux = g.band_flux(row, b);
    const bool known = flux > 0 && std::isfinite(flux) && (g.band_flux_ivar.empty() || g.band_flux_ivar(row, b) > 0);
    out[b] = known ? flux : std::numeric_limits<double>::quiet_NaN();
  }
  return out;
}

void Model::Compiled::gather(const FeatureRecipe& recipe, const Galaxies& g, std::span<const std::size_t> rows,
                             bool luminosity, bool z, bool clip, Outputs& out) const {
  const std::size_t n = rows.size();
  const bool has_columns = !recipe.inputs.columns().empty();
  out.x = Matrix<double>(n, recipe.size());
  out.outside.assign(n, 0);
  out.grade.assign(n, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t r = 0; r < n; ++r) {
    const auto flux = usable_bands(g, rows[r]);
    const double redshift = z && !g.z.empty() ? g.z[rows[r]] : std::numeric_limits<double>::quiet_NaN();
    std::array<double, k_n_column_inputs> columns{};
    if (has_columns) columns = column_inputs(g, rows[r]);
    compute_features(recipe, {flux, redshift, luminosity, columns}, out.x.row(r));
    if (!parts.domain) continue;
    // The domain knows the ratios and the luminosity, whatever these networks use.
    std::array<double, k_of_domain.size()> known{};
    const std::span<double> place = std::span(known).first(Domain::k_n_features);
    compute_features(k_of_domain, flux, redshift, known, luminosity);
    const double at = parts.domain->grade(place);
    out.grade[r] = std::max(at, grade_of_redshift(redshift));
    const bool inside = !(at > k_limit_grade);
    if (inside && !(redshift > z_domain)) continue;
    out.outside[r] = 1;
    if (inside) continue;
    if (!clip) continue;
    parts.domain->clip(place);
    std::copy_n(place.begin(), FeatureRecipe::k_n_ratios, out.x.row(r).begin());
    if (recipe.inputs.has(k_input_log_lum)) out.x(r, recipe.at(k_input_log_lum)) = place[FeatureRecipe::k_n_ratios];
  }
}

Adjustment Model::Compiled::adjustment(double z, double grade, bool evolve) const {
  Adjustment out;
  if (evolve && evolution) {
    out.evolving = evolving;
    out.r = evolution->log_growth(z);
    out.power = evolution->power;
    out.width = evolution->width;
  }
  if (grade > k_limit_grade) out.widen = 1 + widen * std::min(1.0, (grade - k_limit_grade) / (1 - k_limit_grade));
  return out;
}

std::array<double, k_n_slopes> Model::Compiled::widen_slopes(const Galaxies& g, std::size_t row, bool luminosity,
                                                             bool z, double grade) const {
  std::array<double, k_n_slopes> out{};
  if (!parts.domain || !(grade > k_limit_grade && grade < 1)) return out;
  const double by_grade = widen / (1 - k_limit_grade);
  const double redshift = z && !g.z.empty() ? g.z[row] : std::numeric_limits<double>::quiet_NaN();
  if (grade == grade_of_redshift(redshift)) {
    out[k_n_bands] = by_grade * (1 - k_limit_grade) / (z_domain - z_max);
    return out;
  }
  constexpr FeatureRecipe recipe = k_of_domain;
  const auto flux = usable_bands(g, row);
  std::array<double, recipe.size()> x{}, d_x{};
  compute_features(recipe, flux, redshift, x, luminosity);
  parts.domain->grade_slopes(std::span(x).first(Domain::k_n_features), std::span(d_x).first(Domain::k_n_features));
  for (double& d : d_x) d *= by_grade;
  features_vjp(recipe, flux, d_x, std::span(out).first(k_n_bands));
  out[k_n_bands] = features_vjp_z(recipe, redshift, d_x);
  return out;
}

double Model::Compiled::grade_of_redshift(double z) const {
  if (!(z > z_max) || !(z_domain < 1e9)) return 0;
  return std::min(1.0, k_limit_grade + (1 - k_limit_grade) * (z - z_max) / (z_domain - z_max));
}

Model::Compiled::Outputs Model::Compiled::run_neighbours(const Galaxies& g, std::span<const std::size_t> rows,
                                                         bool clip) const {
  Outputs out;
  gather(parts.neighbours->features, g, rows, true, true, clip, out);
  out.t = Matrix<double>(rows.size(), k_n_independent_lines);
  for (std::size_t r = 0; r < rows.size(); ++r) neighbours->answer(out.x.row(r), out.t.row(r));
  return out;
}

template <class T>
Model::Compiled::Outputs Model::Compiled::run(bool use_full, const Galaxies& g, std::span<const std::size_t> rows,
                                              bool luminosity, bool z, bool jacobian, bool clip) const {
  const NetworkBank& nets_of = bank(use_full);
  const auto& nets = networks<T>(use_full ? full : partial);
  const std::size_t n = rows.size(), n_in = nets_of.shape.n_in(), n_out = nets_of.shape.n_out();
  const std::size_t columns = nets_of.per_line() ? nets.size() : n_out;
  Outputs out;
  gather(nets_of.features, g, rows, luminosity, z, clip, out);
  out.t = Matrix<double>(n, columns);
  out.dt = Matrix<double>(jacobian ? n : 0, columns * n_in);
  kernels::Scratch<T> scratch;
  Matrix<T> standard(n, n_in), y(n, n_out), dy(jacobian ? n : 0, n_out * n_in);
  std::vector<double> per_feature(n_in);
  // One network a line writes its line; members of an ensemble are averaged.
  const double share = nets_of.per_line() ? 1.0 : 1.0 / static_cast<double>(nets.size());
  for (std::size_t k = 0; k < nets.size(); ++k) {
    for (std::size_t r = 0; r < n; ++r)
      for (std::size_t i = 0; i < n_in; ++i)
        standard(r, i) = static_cast<T>(standardise(out.x(r, i), nets_of.x_mean(k, i), nets_of.x_scale(k, i)));
    if (jacobian)
      nets[k].jacobian(standard.view(), y.view(), dy.view(), scratch);
    else
      nets[k].forward(standard.view(), y.view(), scratch);
    for (std::size_t r = 0; r < n; ++r)
      for (std::size_t o = 0; o < n_out; ++o)
        out.t(r, nets_of.per_line() ? k : o) += share * static_cast<double>(y(r, o));
    for (std::size_t r = 0; r < dy.rows(); ++r) {
      for (std::size_t i = 0; i < n_in; ++i)  // the mean stands in for a missing feature: a constant
        per_feature[i] = std::isnan(out.x(r, i)) ? 0.0 : share / nets_of.x_scale(k, i);
      for (std::size_t o = 0; o < n_out; ++o) {
        double* to = &out.dt(r, (nets_of.per_line() ? k : o) * n_in);
        for (std::size_t i = 0; i < n_in; ++i) to[i] += static_cast<double>(dy(r, o * n_in + i)) * per_feature[i];
      }
    }
  }
  return out;
}

Matrix<double> Model::Compiled::pull_back(bool use_full, const Outputs& from, const Matrix<double>& by_output) const {
  const NetworkBank& nets_of = bank(use_full);
  const auto& nets = networks<double>(use_full ? full : partial);
  const std::size_t n = by_output.rows(), n_in = nets_of.shape.n_in(),
                    passes = by_output.cols() / nets_of.shape.n_out();
  const double share = 1.0 / static_cast<double>(nets.size());
  Matrix<double> out(n, passes * n_in), standard(n, n_in), dx(n, passes * n_in);
  kernels::Scratch<double> scratch;
  std::vector<double> per_feature(n_in);
  for (std::size_t k = 0; k < nets.size(); ++k) {
    for (std::size_t r = 0; r < n; ++r)
      for (std::size_t i = 0; i < n_in; ++i)
        standard(r, i) = standardise(from.x(r, i), nets_of.x_mean(k, i), nets_of.x_scale(k, i));
    nets[k].vjps(standard.view(), by_output.view(), dx.view(), scratch);
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t i = 0; i < n_in; ++i)  // the mean stands in for a missing feature: a constant
        per_feature[i] = std::isnan(from.x(r, i)) ? 0.0 : share / nets_of.x_scale(k, i);
      for (std::size_t p = 0; p < passes; ++p)
        for (std::size_t i = 0; i < n_in; ++i) out(r, p * n_in + i) += dx(r, p * n_in + i) * per_feature[i];
    }
  }
  return out;
}

template Model::Compiled::Outputs Model::Compiled::run<float>(bool, const Galaxies&, std::span<const std::size_t>, bool,
                                                              bool, bool, bool) const;
template Model::Compiled::Outputs Model::Compiled::run<double>(bool, const Galaxies&, std::span<const std::size_t>,
                                                               bool, bool, bool, bool) const;

}  // namespace starglow

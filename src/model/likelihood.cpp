#include "model/likelihood.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "kernels/network.hpp"
#include "model/compiled.hpp"
#include "model/fit_joint.hpp"
#include "model/label_gates.hpp"
#include "model/train_joint.hpp"
#include "model/training_set.hpp"
#include "model/training_tables.hpp"
#include "starglow/base/error.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n = k_n_independent_lines;
constexpr std::size_t k_batch = 256;
constexpr double k_prior_widening = 1.5;  // of the first sites' prior variance, as in fit_joint()

// Which networks answer a galaxy, and what they see of it.
class Seen {
 public:
  Seen(const Model& model, const Galaxies& g) : model_(model), g_(g), report_(model.compare(g.conventions)) {}

  bool full(std::size_t row) const {
    const auto& bank = model_.parts().full;
    if (!bank || !luminosity(row)) return false;
    const MaskPattern lacks = lacks_of(g_, row, bank->features.inputs);
    return lacks.columns.empty() && (lacks.bands == 0 || (bank->features.masks && lacks.bands == 1U));
  }
  void features(const FeatureRecipe& recipe, std::size_t row, std::span<double> out) const {
    const auto flux = usable_bands(g_, row);
    const auto columns = column_inputs(g_, row);
    compute_features(recipe, {flux, z(row), luminosity(row), columns}, out);
  }

 private:
  double z(std::size_t row) const {
    return report_.redshift_usable ? g_.z[row] : std::numeric_limits<double>::quiet_NaN();
  }
  bool luminosity(std::size_t row) const { return report_.luminosity_usable && z(row) > 0; }

  const Model& model_;
  const Galaxies& g_;
  ConventionReport report_;
};

// The networks of a bank in double, for some rows of a table.
struct Members {
  Members(const NetworkBank& of, const Seen& seen, std::span<const std::size_t> rows)
      : bank(of), x(rows.size(), of.shape.n_in()), scratch(of.n_nets) {
    for (std::size_t r = 0; r < rows.size(); ++r) seen.features(bank.features, rows[r], x.row(r));
    const std::size_t n = bank.shape.n_params();
    for (std::size_t k = 0; k < bank.n_nets; ++k)
      nets.emplace_back(bank.shape, std::span<const float>(bank.params.data() + k * n, n));
  }
  // Mean outputs of rows [first, first + count).
  Matrix<double> forward(std::size_t first, std::size_t count) {
    Matrix<double> standard(count, x.cols()), y(count, bank.shape.n_out()), mean(count, bank.shape.n_out());
    for (std::size_t k = 0; k < nets.size(); ++k) {
      for (std::size_t r = 0; r < count; ++r)
        for (std::size_t i = 0; i < x.cols(); ++i)
          standard(r, i) = standardise(x(first + r, i), bank.x_mean(k, i), bank.x_scale(k, i));
      nets[k].forward_keep(standard.view(), y.view(), scratch[k]);
      for (std::size_t i = 0; i < y.flat().size(); ++i)
        mean.data()[i] += y.data()[i] / static_cast<double>(nets.size());
    }
    return mean;
  }
  // Adds to the gradient (nets, parameters); d_mean: of the mean outputs of the last forward().
  void backward(Matrix<double> d_mean, Matrix<double>& gradient) {
    for (auto& d : d_mean.flat()) d /= static_cast<double>(nets.size());
    for (std::size_t k = 0; k < nets.size(); ++k)
      nets[k].backward(std::as_const(d_mean).view(), gradient.row(k), scratch[k]);
  }

  const NetworkBank& bank;
  Matrix<double> x;
  std::vector<kernels::Network<double>> nets;
  std::vector<kernels::Scratch<double>> scratch;
};

// Places in `labels` of the rows that a bank answers, and their rows of the table.
struct Part {
  std::vector<std::size_t> places, rows;
};
Part part_of(const LabelRows& labels, bool full) {
  Part out;
  for (std::size_t k = 0; k < labels.rows.size(); ++k)
    if ((labels.full[k] != 0) == full) {
      out.places.push_back(k);
      out.rows.push_back(labels.rows[k]);
    }
  return out;
}

const NetworkBank& bank_of(const Model& model, bool full) {
  return full ? *model.parts().full : *model.parts().partial;
}

bool has_label(const Galaxies& g, std::size_t row) {
  return std::any_of(k_independent_lines.begin(), k_independent_lines.end(), [&](std::size_t line) {
    return g.ew_ivar(row, line) > 0 && std::isfinite(g.ew(row, line)) && std::isfinite(g.ew_ivar(row, line));
  });
}

// Sites in standardised t of the rows that one bank answers, with its mixtures as the prior.
Sites sites_of(const NetworkBank& bank, const Matrix<double>& outputs, const Galaxies& g,
               std::span<const std::size_t> rows, const TrainConfig& config, const std::vector<TableRules>& rules,
               const std::optional<NoiseModel>& noise, WorkerPool& pool) {
  const RowMixtures m = mixtures_of(outputs, bank.joint->factor);
  Matrix<double> prior_mean(rows.size(), k_n);
  std::array<double, k_n> prior_sd{};
  for (std::size_t j = 0; j < k_n; ++j) {
    double sum = 0;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      double mean = 0, square = 0;
      for (std::size_t c = 0; c < m.components; ++c) {
        const double at = m.mean(r, c * k_n + j), sd = m.sd(r, c * k_n + j);
        mean += m.weight(r, c) * at;
        square += m.weight(r, c) * (at * at + sd * sd);
      }
      prior_mean(r, j) = bank.y_mean[j] + bank.y_scale[j] * mean;
      sum += square - mean * mean;
    }
    prior_sd[j] = bank.y_scale[j] * std::sqrt(k_prior_widening * sum / static_cast<double>(rows.size()));
  }
  const SiteOptions options{
      .deconvolve = config.deconvolve, .censor = config.censor, .negative = config.negative, .rules = rules};
  Sites sites = make_sites(g, rows, prior_mean, prior_sd, bank.y_mean, bank.y_scale, noise, options);
  for (std::int64_t pass = 0; pass < config.site_passes; ++pass)
    refine_sites(sites, g, rows, m, bank.y_mean, bank.y_scale, noise, options, pool);
  return sites;
}

}  // namespace

LabelRows label_rows(const Model& model, const Galaxies& table, const TrainConfig& config, WorkerPool& pool) {
  if (!model.has_distribution())
    throw Error(ErrorKind::model, "a likelihood needs a joint distribution of the lines",
                {"kind " + model.parts().kind, "kind joint", ""});
  if (!model.lines().is_standard())
    throw Error(ErrorKind::model, "the likelihood of labels is that of a model of the ten lines",
                {model.lines().names(), "", ""});
  const Galaxies gated = config.label_gates ? without_labels(table, find_bad_labels(table)) : table;
  const auto rules = table_rules(gated, config);
  const Galaxies g = prepare_labels(gated, rules);
  const Seen seen(model, g);
  LabelRows out;
  for (const auto row : usable_rows(g, true)) {
    if (!has_label(g, row)) continue;
    const bool full = seen.full(row);
    if (!full && (!model.parts().partial || (!model.parts().partial->features.masks && lacks_of(g, row).bands != 0)))
      continue;
    out.rows.push_back(row);
    out.full.push_back(full ? 1 : 0);
    std::array<double, k_n_all_lines> sigma{};
    for (std::size_t line = 0; line < k_n_lines; ++line)
      sigma[line] = 1.0 / std::sqrt(static_cast<double>(g.ew_ivar(row, line)));
    out.cuts.push_back(line_cuts(rules_of(g, rules, row).selection, sigma));
  }
  out.centre = Matrix<double>(out.rows.size(), k_n);
  out.variance = Matrix<double>(out.rows.size(), k_n);
  for (const bool full : {true, false}) {
    const Part part = part_of(out, full);
    if (part.rows.empty()) continue;
    const NetworkBank& bank = bank_of(model, full);
    Members members(bank, seen, part.rows);
    const Matrix<double> outputs = members.forward(0, part.rows.size());
    const Sites sites = sites_of(bank, outputs, g, part.rows, config, rules, model.parts().noise, pool);
    for (std::size_t r = 0; r < part.rows.size(); ++r)
      for (std::size_t j = 0; j < k_n; ++j) {
        out.centre(part.places[r], j) = bank.y_mean[j] + bank.y_scale[j] * sites.centre(r, j);
        out.variance(part.places[r], j) = bank.y_scale[j] * bank.y_scale[j] * sites.variance(r, j);
      }
  }
  return out;
}

LabelLikelihood log_likelihood(const Model& model, const Galaxies& g, const LabelRows& labels) {
  LabelLikelihood out;
  out.value.assign(labels.rows.size(), 0.0);
  const Seen seen(model, g);
  for (const bool full : {true, false}) {
    if (!(full ? model.parts().full : model.parts().partial)) continue;
    const NetworkBank& bank = bank_of(model, full);
    auto& gradient = full ? out.full : out.partial;
    const std::size_t n_c = bank.joint->components;
    gradient.params = Matrix<double>(bank.n_nets, bank.shape.n_params());
    gradient.factor = Matrix<double>(n_c, k_n * k_n);
    const Part part = part_of(labels, full);
    if (part.rows.empty()) continue;
    Sites sites{Matrix<double>(part.rows.size(), k_n), Matrix<double>(part.rows.size(), k_n)};
    double log_scale = 0;
    for (std::size_t j = 0; j < k_n; ++j) {
      log_scale += std::log(bank.y_scale[j]);
      for (std::size_t r = 0; r < part.rows.size(); ++r) {
        sites.centre(r, j) = (labels.centre(part.places[r], j) - bank.y_mean[j]) / bank.y_scale[j];
        sites.variance(r, j) = labels.variance(part.places[r], j) / (bank.y_scale[j] * bank.y_scale[j]);
      }
    }
    // The term's nodes go by the place in all labels, the sites by that in the part.
    std::vector<std::vector<LineCut>> cuts;
    for (const auto place : part.places) cuts.push_back(labels.cuts[place]);
    const SelectionTerm term(std::move(cuts), bank.y_mean, bank.y_scale, part.places);
    JointLoss loss(sites, n_c, bank.joint->factor, true, 1.0);
    loss.set_factor(bank.joint->factor);
    loss.undo_selection(term);
    std::vector<Matrix8> d_correlation(n_c, Matrix8::Zero()), d_unit(n_c, Matrix8::Zero());
    Members members(bank, seen, part.rows);
    for (std::size_t first = 0; first < part.rows.size(); first += k_batch) {
      const std::size_t count = std::min(k_batch, part.rows.size() - first);
      const Matrix<double> y = members.forward(first, count);
      Matrix<double> d_y(count, y.cols());
      for (std::size_t r = 0; r < count; ++r)
        out.value[part.places[first + r]] =
            -loss.row(first + r, y.row(r), d_y.row(r), d_correlation, d_unit) - log_scale;
      members.backward(std::move(d_y), gradient.params);
    }
    const auto d_factor = loss.factor_gradient(d_correlation, d_unit);
    std::copy(d_factor.begin(), d_factor.end(), gradient.factor.data());
    for (auto* of : {&gradient.params, &gradient.factor})  // of the logarithm, not of the loss
      for (auto& d : of->flat()) d = -d;
  }
  return out;
}

}  // namespace starglow

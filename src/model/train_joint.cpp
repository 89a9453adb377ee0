#include "model/train_joint.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/network.hpp"
#include "model/fit_joint.hpp"
#include "model/masking.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

constexpr double k_prior_widening = 1.5;  // variance of the sites' prior, in units of the points' residual variance
constexpr double k_outlier = 3.0;         // residuals beyond this many sd count as this many
// The components start apart by this many residual sd, both ways: the correlations are not learned otherwise.
constexpr double k_offset = 0.08, k_offset_ionised = 0.25;  // the latter for [OIII] 5007 and [NII] 6584

// Where the component of galaxies with weak lines or none starts, whatever the continuum: t of the lines of
// k_independent_lines, and of any other.
constexpr std::array<double, k_n_independent_lines> k_weak_mean{1.0, 0.05, 0.15, 0.45, 0.45, 0.5, 0.3, 0.25},
    k_weak_sd{0.7, 0.25, 0.25, 0.4, 0.45, 0.45, 0.3, 0.3};
constexpr double k_other_weak_mean = 0.1, k_other_weak_sd = 0.25;
struct WeakLine {
  double mean, sd;
};
WeakLine weak_line(std::size_t line) {
  const auto found =
      static_cast<std::size_t>(std::ranges::find(k_independent_lines, line) - k_independent_lines.begin());
  return found < k_n_independent_lines ? WeakLine{k_weak_mean[found], k_weak_sd[found]}
                                       : WeakLine{k_other_weak_mean, k_other_weak_sd};
}
constexpr float k_weak_logit = -1.0F;

template <std::size_t k_n>
std::array<double, k_n> residual_sd(const TrainingSet& set, const Matrix<double>& mean) {
  std::array<double, k_n> out{};
  out.fill(1.0);
  for (std::size_t j = 0; j < set.outputs.size(); ++j) {
    double sd = 1;
    for (int pass = 0; pass < 5; ++pass) {
      double sum = 0, count = 0;
      for (std::size_t r = 0; r < mean.rows(); ++r) {
        if (!(set.data.weight(r, j) > 0)) continue;
        const double d =
            std::clamp(static_cast<double>(set.data.y(r, j)) - mean(r, j), -k_outlier * sd, k_outlier * sd);
        sum += d * d;
        count += 1;
      }
      sd = std::max(std::sqrt(sum / count), 1e-3);
    }
    out[j] = sd;
  }
  return out;
}

// Labels and a teacher's points as one target: the weighted sum of both squared residuals, but for a constant.
void blend(const Matrix<double>& teacher, double share, FitData& data) {
  for (std::size_t k = 0; k < data.y.flat().size(); ++k) {
    const double own = (1 - share) * static_cast<double>(data.weight.data()[k]), whole = own + share;
    const double y = own * static_cast<double>(data.y.data()[k]) + share * teacher.flat()[k];
    data.y.data()[k] = static_cast<float>(y / whole);
    data.weight.data()[k] = static_cast<float>(whole);
  }
}

// The point network with its last layer replaced: every component starts at the means on their lines, offset, with
// constant widths.
template <std::size_t k_n>
std::vector<float> start_of(const NetworkShape& points, std::span<const float> params, std::size_t components,
                            const SquareOf<k_n>& covariance, const MeanLineOf<k_n>& means, const TrainingSet& set,
                            bool weak_lines) {
  const std::size_t n = set.outputs.size();
  const auto width = static_cast<std::size_t>(points.sizes[points.sizes.size() - 2]);
  const std::size_t trunk = first_of_last_layer(points);
  const auto weights = params.subspan(trunk, n * width), biases = params.subspan(trunk + n * width, n);
  std::vector<float> out(params.begin(), params.begin() + static_cast<std::ptrdiff_t>(trunk));
  const std::size_t n_out = JointHead::n_outputs(components, n);
  // The components that start from the points; the last may be that of weak lines.
  const std::size_t n_points = components - (weak_lines ? 1U : 0U);
  for (std::size_t c = 0; c < n_points; ++c)
    for (std::size_t k = 0; k < weights.size(); ++k)
      out.push_back(weights[k] * static_cast<float>(means.slope[static_cast<Eigen::Index>(k / width)]));
  out.resize(trunk + n_out * width, 0.0F);
  const auto sd = [&](std::size_t j) {
    return std::sqrt(covariance(static_cast<Eigen::Index>(j), static_cast<Eigen::Index>(j)));
  };
  for (std::size_t c = 0; c < n_points; ++c) {
    const double side = n_points == 1 ? 0.0 : 2.0 * static_cast<double>(c) / static_cast<double>(n_points - 1) - 1.0;
    for (std::size_t j = 0; j < n; ++j) {
      const auto line = static_cast<Line>(set.outputs[j]);
      const double offset = line == Line::OIII_5007 || line == Line::NII_6584 ? k_offset_ionised : k_offset;
      const auto at = static_cast<Eigen::Index>(j);
      out.push_back(static_cast<float>(means.offset[at] + means.slope[at] * static_cast<double>(biases[j]) +
                                       side * offset * sd(j)));
    }
  }
  for (std::size_t j = 0; j < n && weak_lines; ++j)
    out.push_back(static_cast<float>((weak_line(set.outputs[j]).mean - set.y_mean[j]) / set.y_scale[j]));
  for (std::size_t c = 0; c < n_points; ++c)
    for (std::size_t j = 0; j < n; ++j)
      out.push_back(static_cast<float>(std::log(std::max(sd(j) - JointHead::k_min_sd, 0.01))));
  for (std::size_t j = 0; j < n && weak_lines; ++j)
    out.push_back(static_cast<float>(
        std::log(std::max(weak_line(set.outputs[j]).sd / set.y_scale[j] - JointHead::k_min_sd, 0.01))));
  out.resize(out.size() + components - 1, 0.0F);
  if (weak_lines && components > 1) out.back() = k_weak_logit;
  return out;
}

// Lower factor of the correlations of a covariance, once a component.
template <std::size_t k_n>
Matrix<double> start_factor(const SquareOf<k_n>& covariance, std::size_t components, bool correlate) {
  const VectorOf<k_n> sd = covariance.diagonal().cwiseSqrt();
  const SquareOf<k_n> correlation =
      correlate ? SquareOf<k_n>(sd.cwiseInverse().asDiagonal() * covariance * sd.cwiseInverse().asDiagonal())
                : SquareOf<k_n>(SquareOf<k_n>::Identity());
  const SquareOf<k_n> lower = correlation.llt().matrixL();
  Matrix<double> out(components, k_n * k_n);
  for (std::size_t c = 0; c < components; ++c)
    for (std::size_t i = 0; i < k_n; ++i)
      for (std::size_t j = 0; j <= i; ++j)
        out(c, i * k_n + j) = lower(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
  return out;
}

constexpr int k_refresh_passes = 2;
constexpr std::int64_t k_next_part = 100;  // networks of a further part have random numbers of their own

SiteOptions site_options(const TrainConfig& config, std::span<const TableRules> rules) {
  return {.deconvolve = config.deconvolve,
          .censor = config.censor,
          .negative = config.negative,
          .rules = rules,
          .lines = config.lines.independent()};
}

}  // namespace

Matrix<double> to_places(const Matrix<double>& lines, std::size_t places) {
  if (lines.cols() == places) return lines;
  Matrix<double> out(lines.rows(), places);
  for (std::size_t r = 0; r < lines.rows(); ++r)
    std::copy(lines.row(r).begin(), lines.row(r).end(), out.row(r).begin());
  return out;
}

template <std::size_t k_n>
RowMixturesOf<k_n> mixtures_of(const Matrix<double>& outputs, const Matrix<double>& factor) {
  const std::size_t n_c = factor.rows(), n = outputs.rows(), lines = (outputs.cols() + 1 - n_c) / (2 * n_c);
  RowMixturesOf<k_n> out{
      n_c, Matrix<double>(n, n_c), Matrix<double>(n, n_c * k_n), Matrix<double>(n, n_c * k_n, 1.0), {}};
  for (std::size_t r = 0; r < n; ++r) {
    double top = 0, sum = 0;
    const auto logit = [&](std::size_t c) { return c == 0 ? 0.0 : outputs(r, 2 * n_c * lines + c - 1); };
    for (std::size_t c = 0; c < n_c; ++c) top = std::max(top, logit(c));
    for (std::size_t c = 0; c < n_c; ++c) sum += out.weight(r, c) = std::exp(logit(c) - top);
    for (std::size_t c = 0; c < n_c; ++c) out.weight(r, c) /= sum;
    for (std::size_t k = 0; k < n_c * lines; ++k) {
      const std::size_t at = k / lines * k_n + k % lines;
      out.mean(r, at) = outputs(r, k);
      out.sd(r, at) = JointHead::k_min_sd + std::exp(outputs(r, n_c * lines + k));
    }
  }
  for (std::size_t c = 0; c < n_c; ++c) {
    SquareOf<k_n> lower;
    for (std::size_t k = 0; k < k_n * k_n; ++k)
      lower(static_cast<Eigen::Index>(k / k_n), static_cast<Eigen::Index>(k % k_n)) = factor(c, k);
    out.correlation.push_back(lower * lower.transpose());
  }
  return out;
}

std::size_t first_of_last_layer(const NetworkShape& shape) {
  const auto n_in = static_cast<std::size_t>(shape.sizes[shape.sizes.size() - 2]);
  return shape.n_params() - shape.n_out() * (n_in + 1);
}

std::vector<float> rates_of_last_layer(const NetworkShape& shape, std::size_t components, float before, float means,
                                       float widths) {
  const std::size_t n_in = static_cast<std::size_t>(shape.sizes[shape.sizes.size() - 2]), n_out = shape.n_out();
  const std::size_t n_means = (n_out + 1 - components) / 2;
  std::vector<float> out(first_of_last_layer(shape), before);
  out.insert(out.end(), n_means * n_in, means);
  out.insert(out.end(), (n_out - n_means) * n_in, widths);
  out.insert(out.end(), n_means, means);
  out.insert(out.end(), n_out - n_means, widths);
  return out;
}

Matrix<double> mean_outputs(const Stage& stage) {
  const auto& x = stage.sets[0].data.x;
  Matrix<double> out(x.rows(), stage.shape.n_out());
  Matrix<float> y(x.rows(), stage.shape.n_out());
  kernels::Scratch<float> scratch;
  for (const auto& result : stage.results) {
    const kernels::Network<float> net(stage.shape, std::span<const float>(result.params));
    net.forward(x.view(), y.view(), scratch);
    for (std::size_t k = 0; k < y.flat().size(); ++k)
      out.data()[k] += static_cast<double>(y.data()[k]) / static_cast<double>(stage.results.size());
  }
  return out;
}

template <std::size_t k_n>
Matrix<double> mean_factor(const Stage& stage, std::size_t n_c) {
  Matrix<double> factor(n_c, k_n * k_n);
  for (std::size_t c = 0; c < n_c; ++c) {
    SquareOf<k_n> mean = SquareOf<k_n>::Zero();
    for (const auto& loss : stage.losses) {
      const Matrix<double> own = static_cast<const JointLossOf<k_n>&>(*loss).factor();
      for (std::size_t k = 0; k < k_n * k_n; ++k)
        mean(static_cast<Eigen::Index>(k / k_n), static_cast<Eigen::Index>(k % k_n)) += own(c, k);
    }
    mean.rowwise().normalize();
    const SquareOf<k_n> correlation =
        (1 - k_independent) * mean * mean.transpose() + k_independent * SquareOf<k_n>(SquareOf<k_n>::Identity());
    const SquareOf<k_n> lower = correlation.llt().matrixL();
    for (std::size_t k = 0; k < k_n * k_n; ++k)
      factor(c, k) = lower(static_cast<Eigen::Index>(k / k_n), static_cast<Eigen::Index>(k % k_n));
  }
  return factor;
}

template <std::size_t k_n>
SitesAbout<k_n> sites_about(const Matrix<double>& mean, const Galaxies& g, const TrainingSet& set,
                            const TrainConfig& config, const std::optional<NoiseModel>& noise, WorkerPool& pool) {
  const auto spread = residual_sd<k_n>(set, mean);
  Matrix<double> prior_mean(mean.rows(), k_n);
  std::array<double, k_n> prior_sd{};
  for (std::size_t j = 0; j < set.outputs.size(); ++j) {
    prior_sd[j] = std::sqrt(k_prior_widening) * spread[j] * set.y_scale[j];
    for (std::size_t r = 0; r < mean.rows(); ++r) prior_mean(r, j) = set.y_mean[j] + set.y_scale[j] * mean(r, j);
  }
  const auto rules = table_rules(g, config);
  const SiteOptions options = site_options(config, rules);
  SitesAbout<k_n> out{make_sites(g, set.rows, prior_mean, prior_sd, set.y_mean, set.y_scale, noise, options), {}};
  out.covariance = residual_covariance<k_n>(out.sites, mean, k_em_steps);
  for (std::int64_t pass = 0; pass < config.site_passes; ++pass) {
    refine_sites<k_n>(out.sites, g, set.rows, mean, out.covariance, set.y_mean, set.y_scale, noise, options, pool);
    out.covariance = residual_covariance<k_n>(out.sites, mean, k_em_steps);
  }
  return out;
}

template <std::size_t k_n>
std::optional<SelectionTermOf<k_n>> selection_term(const Galaxies& g, const TrainingSet& set,
                                                   const TrainConfig& config) {
  const auto rules = table_rules(g, config);
  if (std::all_of(rules.begin(), rules.end(), [](const TableRules& r) { return r.selection.empty(); })) return {};
  std::vector<std::vector<LineCut>> cuts;
  std::array<double, k_n_all_lines> sigma{};
  for (const auto row : set.rows) {
    for (std::size_t line = 0; line < g.ew_ivar.cols(); ++line)
      sigma[line] = 1.0 / std::sqrt(static_cast<double>(g.ew_ivar(row, line)));
    cuts.push_back(line_cuts(rules_of(g, rules, row).selection, sigma, config.lines.independent()));
  }
  return SelectionTermOf<k_n>(std::move(cuts), set.y_mean, set.y_scale);
}

namespace {

template <std::size_t k_n>
JointFit fit_places(const Galaxies& g, std::span<const std::size_t> rows, const FeatureRecipe& recipe,
                    const TrainConfig& config, std::int64_t first_network, const std::optional<NoiseModel>& noise,
                    const Matrix<double>* teacher, WorkerPool& pool, Tally& tally) {
  const auto n_c = static_cast<std::size_t>(config.components);
  std::vector<Stage> points;
  points.push_back(make_point_stage("points", g, rows, recipe, config));
  points[0].first_network = first_network;
  Stage& first = points[0];
  {
    FitData& data = first.sets[0].data;
    const Matrix<float> labels = data.y, weights = data.weight;
    if (teacher != nullptr) blend(*teacher, config.distil, data);
    fit_stages(points, config, pool, tally);
    data.y = labels;
    data.weight = weights;
  }
  const TrainingSet& set = first.sets[0];

  Matrix<double> mean = mean_outputs(first);
  JointFit out;
  out.points = mean;
  if (teacher != nullptr)
    for (std::size_t k = 0; k < mean.flat().size(); ++k)
      mean.data()[k] += config.distil * (teacher->flat()[k] - mean.flat()[k]);
  mean = to_places(mean, k_n);
  auto [sites, covariance] = sites_about<k_n>(mean, g, set, config, noise, pool);
  MeanLineOf<k_n> line;
  const auto rules = table_rules(g, config);
  if (config.anchor > 0) {
    line = fit_mean_lines<k_n>(sites, mean, covariance, 2 * k_em_steps);
    refine_sites<k_n>(sites, g, set.rows, mean, covariance, set.y_mean, set.y_scale, noise, site_options(config, rules),
                      pool);
  }
  out.n_labels = set.n_labels;
  out.point_curve = learning_curve(first.results, false);
  std::vector<Stage> joint(1);
  Stage& second = joint[0];
  second.name = "joint distribution";
  second.shape = first.shape;
  second.shape.sizes.back() = static_cast<std::int32_t>(JointHead::n_outputs(n_c, set.outputs.size()));
  const std::int64_t parts = config.site_refreshes + 1;
  second.plan = {std::max<std::int64_t>(1, config.joint_epochs / parts), config.joint_rate, k_joint_warmup, 0.0, {}};
  second.plan.scales = rates_of_last_layer(second.shape, n_c, 1.0F, 1.0F, static_cast<float>(config.width_rate));
  second.first_network = first_network + 2000;
  const auto selection = selection_term<k_n>(g, set, config);
  const Matrix<double> factor = start_factor<k_n>(covariance, n_c, config.correlate);
  for (std::size_t k = 0; k < static_cast<std::size_t>(config.members); ++k) {
    auto loss = std::make_unique<JointLossOf<k_n>>(sites, n_c, factor, config.correlate, config.factor_rate);
    if (config.anchor > 0) loss->hold_means(mean, config.anchor);
    if (selection) loss->undo_selection(*selection);
    if (config.weak_component) loss->keep_apart(k_independent);
    second.losses.push_back(std::move(loss));
    second.starts.push_back(
        start_of<k_n>(first.shape, first.results[k].params, n_c, covariance, line, set, config.weak_component));
  }
  second.sets = std::move(first.sets);
  fit_stages(joint, config, pool, tally);
  const TrainingSet& fitted = second.sets[0];
  for (std::int64_t refresh = 0; refresh < config.site_refreshes; ++refresh) {
    const auto mixtures = mixtures_of<k_n>(mean_outputs(second), mean_factor<k_n>(second, n_c));
    for (int pass = 0; pass < k_refresh_passes; ++pass)
      refine_sites(sites, g, fitted.rows, mixtures, fitted.y_mean, fitted.y_scale, noise, site_options(config, rules),
                   pool);
    second.first_network += k_next_part;
    for (std::size_t k = 0; k < second.n_nets(); ++k) {
      auto loss = std::make_unique<JointLossOf<k_n>>(sites, n_c,
                                                     static_cast<const JointLossOf<k_n>&>(*second.losses[k]).factor(),
                                                     config.correlate, config.factor_rate);
      if (config.anchor > 0) loss->hold_means(mean, config.anchor);
      if (selection) loss->undo_selection(*selection);
      if (config.weak_component) loss->keep_apart(k_independent);
      second.losses[k] = std::move(loss);
      second.starts[k] = second.results[k].params;
    }
    fit_stages(joint, config, pool, tally);
  }
  out.joint_curve = learning_curve(second.results, false);

  out.bank = make_bank(second, false);
  JointHead& head = out.bank.joint.emplace();
  head.components = n_c;
  head.slots = config.lines.slots();
  head.shift.assign(k_n, 0.0);
  head.slope.assign(k_n, 1.0);
  head.factor = mean_factor<k_n>(second, n_c);
  return out;
}

}  // namespace

JointFit fit_joint(const Galaxies& g, std::span<const std::size_t> rows, const FeatureRecipe& recipe,
                   const TrainConfig& config, std::int64_t first_network, const std::optional<NoiseModel>& noise,
                   const Matrix<double>* teacher, WorkerPool& pool, Tally& tally) {
  const auto fit = config.lines.slots().places() == k_n_independent_lines ? fit_places<k_n_independent_lines>
                                                                          : fit_places<k_most_independent_lines>;
  return fit(g, rows, recipe, config, first_network, noise, teacher, pool, tally);
}

#define STARGLOW_JOINT(k_n)                                                                             \
  template std::optional<SelectionTermOf<k_n>> selection_term<k_n>(const Galaxies&, const TrainingSet&, \
                                                                   const TrainConfig&);                 \
  template Matrix<double> mean_factor<k_n>(const Stage&, std::size_t);                                  \
  template RowMixturesOf<k_n> mixtures_of<k_n>(const Matrix<double>&, const Matrix<double>&);           \
  template SitesAbout<k_n> sites_about<k_n>(const Matrix<double>&, const Galaxies&, const TrainingSet&, \
                                            const TrainConfig&, const std::optional<NoiseModel>&, WorkerPool&);
STARGLOW_JOINT(k_n_independent_lines)
STARGLOW_JOINT(k_most_independent_lines)
#undef STARGLOW_JOINT

}  // namespace starglow

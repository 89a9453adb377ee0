#include "model/train_joint.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/network.hpp"
#include "model/fit_joint.hpp"
#include "model/masking.hpp"
#include "starglow/random.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_n = k_n_independent_lines;
constexpr double k_prior_widening = 1.5;  // variance of the sites' prior, in units of the points' residual variance
constexpr double k_outlier = 3.0;         // residuals beyond this many sd count as this many
constexpr int k_em_steps = 25;
constexpr double k_warmup = 0.05;
constexpr std::uint32_t k_calibration_draw = 1U << 30;  // apart from the masks of the training's epochs
// The components start apart by this many residual sd, both ways: the correlations are not learned otherwise.
constexpr double k_offset = 0.08, k_offset_ionised = 0.25;  // the latter for [OIII] 5007 and [NII] 6584

// Mean over the members of a stage's outputs, features complete.
Matrix<double> mean_outputs(const Stage& stage) {
  const auto& x = stage.sets[0].data.x;
  Matrix<double> out(x.rows(), stage.shape.n_out());
  Matrix<float> y(x.rows(), stage.shape.n_out());
  kernels::Scratch<float> scratch;
  for (const auto& result : stage.results) {
    const kernels::Network<float> net(stage.shape, std::span<const float>(result.params));
    net.forward(x.view(), y.view(), scratch);
    for (std::size_t k = 0; k < y.flat().size(); ++k)
      out.data()[k] += static_cast<double>(y.data()[k]) / static_cast<double>(stage.n_nets());
  }
  return out;
}

std::array<double, k_n> residual_sd(const TrainingSet& set, const Matrix<double>& mean) {
  std::array<double, k_n> out{};
  for (std::size_t j = 0; j < k_n; ++j) {
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

// The point network with its last layer replaced: every component starts at the points, offset, with constant widths.
std::vector<float> start_of(const NetworkShape& points, std::span<const float> params, std::size_t components,
                            const Matrix8& covariance) {
  const auto width = static_cast<std::size_t>(points.sizes[points.sizes.size() - 2]);
  const std::size_t trunk = params.size() - k_n * (width + 1);
  const auto weights = params.subspan(trunk, k_n * width), biases = params.subspan(trunk + k_n * width, k_n);
  std::vector<float> out(params.begin(), params.begin() + static_cast<std::ptrdiff_t>(trunk));
  const std::size_t n_out = components * 2 * k_n + components - 1;
  for (std::size_t c = 0; c < components; ++c) out.insert(out.end(), weights.begin(), weights.end());
  out.resize(trunk + n_out * width, 0.0F);
  const auto sd = [&](std::size_t j) {
    return std::sqrt(covariance(static_cast<Eigen::Index>(j), static_cast<Eigen::Index>(j)));
  };
  for (std::size_t c = 0; c < components; ++c) {
    const double side =
        components == 1 ? 0.0 : 2.0 * static_cast<double>(c) / static_cast<double>(components - 1) - 1.0;
    for (std::size_t j = 0; j < k_n; ++j) {
      const auto line = static_cast<Line>(k_independent_lines[j]);
      const double offset = line == Line::OIII_5007 || line == Line::NII_6584 ? k_offset_ionised : k_offset;
      out.push_back(biases[j] + static_cast<float>(side * offset * sd(j)));
    }
  }
  for (std::size_t c = 0; c < components; ++c)
    for (std::size_t j = 0; j < k_n; ++j)
      out.push_back(static_cast<float>(std::log(std::max(sd(j) - JointHead::k_min_sd, 0.01))));
  out.resize(out.size() + components - 1, 0.0F);
  return out;
}

// Lower factor of the correlations of a covariance, once a component.
Matrix<double> start_factor(const Matrix8& covariance, std::size_t components, bool correlate) {
  const Vector8 sd = covariance.diagonal().cwiseSqrt();
  const Matrix8 correlation =
      correlate ? Matrix8(sd.cwiseInverse().asDiagonal() * covariance * sd.cwiseInverse().asDiagonal())
                : Matrix8(Matrix8::Identity());
  const Matrix8 lower = correlation.llt().matrixL();
  Matrix<double> out(components, k_n * k_n);
  for (std::size_t c = 0; c < components; ++c)
    for (std::size_t i = 0; i < k_n; ++i)
      for (std::size_t j = 0; j <= i; ++j)
        out(c, i * k_n + j) = lower(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
  return out;
}

}  // namespace

JointFit fit_joint(const Galaxies& g, std::span<const std::size_t> rows, const FeatureRecipe& recipe,
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

  const Matrix<double> mean = mean_outputs(first);
  const auto spread = residual_sd(set, mean);
  Matrix<double> prior_mean(mean.rows(), k_n);
  std::array<double, k_n> prior_sd{};
  for (std::size_t j = 0; j < k_n; ++j) {
    prior_sd[j] = std::sqrt(k_prior_widening) * spread[j] * set.y_scale[j];
    for (std::size_t r = 0; r < mean.rows(); ++r) prior_mean(r, j) = set.y_mean[j] + set.y_scale[j] * mean(r, j);
  }
  const SiteOptions options{.deconvolve = config.deconvolve, .censor = config.censor};
  Sites sites = make_sites(g, set.rows, prior_mean, prior_sd, set.y_mean, set.y_scale, noise, options);
  Matrix8 covariance = residual_covariance(sites, mean, k_em_steps);
  for (std::int64_t pass = 0; pass < config.site_passes; ++pass) {
    refine_sites(sites, g, set.rows, mean, covariance, set.y_mean, set.y_scale, noise, options, pool);
    covariance = residual_covariance(sites, mean, k_em_steps);
  }

  JointFit out;
  out.n_labels = set.n_labels;
  out.points = mean;
  out.point_curve = learning_curve(first.results, false);
  std::vector<Stage> joint(1);
  Stage& second = joint[0];
  second.name = "joint distribution";
  second.shape = first.shape;
  second.shape.sizes.back() = static_cast<std::int32_t>(JointHead::n_outputs(n_c));
  second.plan = {config.joint_epochs, config.joint_rate, k_warmup, 0.0};
  second.first_network = first_network + 2000;
  const Matrix<double> factor = start_factor(covariance, n_c, config.correlate);
  for (std::size_t k = 0; k < first.n_nets(); ++k) {
    second.losses.push_back(std::make_unique<JointLoss>(sites, n_c, factor, config.correlate, config.factor_rate));
    second.starts.push_back(start_of(first.shape, first.results[k].params, n_c, covariance));
  }
  second.sets = std::move(first.sets);
  fit_stages(joint, config, pool, tally);
  out.joint_curve = learning_curve(second.results, false);

  out.bank = make_bank(second, false);
  JointHead& head = out.bank.joint.emplace();
  head.components = n_c;
  head.shift.assign(k_n, 0.0);
  head.slope.assign(k_n, 1.0);
  // The members' factors are averaged, as their outputs are, and their rows brought back to length 1.
  head.factor = Matrix<double>(n_c, k_n * k_n);
  for (const auto& loss : second.losses) {
    const Matrix<double> own = static_cast<const JointLoss&>(*loss).factor();
    for (std::size_t k = 0; k < own.flat().size(); ++k) head.factor.data()[k] += own.data()[k];
  }
  for (std::size_t c = 0; c < n_c; ++c)
    for (std::size_t i = 0; i < k_n; ++i) {
      const auto row = head.factor.row(c).subspan(i * k_n, k_n);
      double norm = 0;
      for (const double u : row) norm += u * u;
      for (double& u : row) u /= std::sqrt(norm);
    }
  return out;
}

void calibrate_by_folds(const Galaxies& g, std::span<const std::size_t> rows, const FeatureRecipe& recipe,
                        const TrainConfig& config, std::int64_t first_network, const std::optional<NoiseModel>& noise,
                        std::vector<Matrix<double>>& teachers, WorkerPool& pool, Tally& tally, JointHead& head) {
  const auto folds = static_cast<std::uint64_t>(config.calibration_folds);
  std::vector<std::size_t> judged;
  std::vector<LineDistribution> distributions;
  std::size_t part = 0;
  for (std::uint64_t fold = 0; fold < folds; ++fold) {
    std::vector<std::size_t> inside, outside;
    for (const auto row : rows) {
      const auto id =
          g.targetid.empty() ? static_cast<std::uint64_t>(row) : static_cast<std::uint64_t>(g.targetid[row]);
      (splitmix64(splitmix64(id) ^ 0x5A5A) % folds == fold ? outside : inside).push_back(row);
    }
    if (outside.empty() || inside.empty()) continue;
    const bool learns = recipe.masks && config.distil > 0 && ++part < teachers.size();
    JointFit fit =
        fit_joint(g, inside, recipe, config, first_network, noise, learns ? &teachers[part] : nullptr, pool, tally);
    if (!recipe.masks) teachers.push_back(std::move(fit.points));
    Model::Parts parts;
    parts.kind = "joint";
    (recipe.masks ? parts.partial : parts.full) = std::move(fit.bank);
    Galaxies held_out = select_rows(g, outside);
    held_out.conventions = {};
    if (recipe.masks)  // these networks are asked where something lacks, so that is where they are calibrated
      for (std::size_t i = 0; i < held_out.n; ++i) {
        const auto id = g.targetid.empty() ? static_cast<std::int64_t>(outside[i]) : held_out.targetid[i];
        const MaskPattern mask = draw_mask(RandomObject(config.seed, Stream::training, id), k_calibration_draw,
                                           config.mask_rate, config.lum_mask_rate);
        for (std::size_t b = 0; b < k_n_bands; ++b)
          if ((mask.bands >> b & 1U) != 0) held_out.band_flux(i, b) = std::numeric_limits<double>::quiet_NaN();
        if (mask.z || mask.log_lum) held_out.z[i] = std::numeric_limits<double>::quiet_NaN();
      }
    auto own = Model(std::move(parts)).distributions(held_out, pool);
    judged.insert(judged.end(), outside.begin(), outside.end());
    std::move(own.begin(), own.end(), std::back_inserter(distributions));
  }
  const std::string stage = tally.log.next_stage();
  pool.for_shards(k_n, [&](std::size_t j) {
    const std::string step = stage + "line" + std::to_string(j);
    auto known = tally.log.step(step);
    if (known.size() != 2) {
      const auto found = calibrate_line(g, judged, distributions, j, [&] { tally.log.poll(); });
      known = {found.shift, found.slope};
      tally.log.keep_step(step, known);
    }
    head.shift[j] = known[0];
    head.slope[j] = known[1];
  });
}

}  // namespace starglow

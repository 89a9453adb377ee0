#include <cmath>
#include <limits>

#include "model/fit_joint.hpp"
#include "model/masking.hpp"
#include "model/train_joint.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

constexpr std::uint32_t k_calibration_draw = 1U << 30;  // apart from the masks of the training's epochs

std::int64_t id_of(const Galaxies& g, std::size_t row) {
  return g.targetid.empty() ? static_cast<std::int64_t>(row) : g.targetid[row];
}

// What a galaxy lacks when networks with masks are calibrated; without redshift there is no luminosity either.
MaskPattern calibration_mask(const Galaxies& g, std::size_t row, const TrainConfig& config) {
  MaskPattern mask = draw_mask(RandomObject(config.seed, Stream::training, id_of(g, row)), k_calibration_draw,
                               config.mask_rate, config.lum_mask_rate);
  mask.z = mask.log_lum = mask.z || mask.log_lum;
  return mask;
}

// The rows of the last layer that give widths and weights, and the factors, fitted about the means of `distributions`,
// which are those of models that have not seen the galaxies; these then get the new widths and weights. About means of
// its own, that know the labels, a network learns widths that are too small and correlations that are too weak.
template <std::size_t k_n>
void fit_widths_of(const Galaxies& g, std::span<const std::size_t> rows, const FeatureRecipe& recipe,
                   const TrainConfig& config, std::int64_t first_network, const std::optional<NoiseModel>& noise,
                   std::span<const std::size_t> judged, std::vector<LineDistribution>& distributions, WorkerPool& pool,
                   Tally& tally, NetworkBank& bank) {
  JointHead& head = *bank.joint;
  const std::size_t n_c = head.components, n = head.slots.n, n_means = n_c * n;
  std::vector<Stage> stages;
  stages.push_back(make_point_stage("widths", g, rows, recipe, config));
  Stage& stage = stages[0];
  TrainingSet& set = stage.sets[0];
  if (recipe.masks && config.draw_masks) {
    for (std::size_t r = 0; r < set.rows.size(); ++r)
      apply_mask(recipe, both(calibration_mask(g, set.rows[r], config), lacks_of(g, set.rows[r], recipe.inputs)),
                 set.data.log_lum.row(r), set.data.x.row(r));
  }
  set.data.recipe.masks = false;  // each galaxy lacks the same in every pass, as its means say
  set.data.jitter = {};
  std::vector<std::size_t> place(g.n);
  for (std::size_t i = 0; i < judged.size(); ++i) place[judged[i]] = i;
  Matrix<float> means(set.rows.size(), n_means);
  Matrix<double> centre(set.rows.size(), k_n);
  for (std::size_t r = 0; r < set.rows.size(); ++r) {
    const LineDistribution& d = distributions[place[set.rows[r]]];
    for (std::size_t c = 0; c < n_c; ++c)
      for (std::size_t j = 0; j < n; ++j) {
        const double mean = (d.mean[c][j] - set.y_mean[j]) / set.y_scale[j];
        means(r, c * n + j) = static_cast<float>(mean);
        centre(r, j) += d.weight[c] * mean;
      }
  }
  const Sites sites = sites_about<k_n>(centre, g, set, config, noise, pool).sites;

  const auto selection = selection_term<k_n>(g, set, config);

  stage.shape = bank.shape;
  stage.first_network = first_network + 5000;
  stage.plan = {config.width_epochs, config.joint_rate, k_joint_warmup, 0.0, {}};
  const std::size_t n_params = stage.shape.n_params(), n_out = stage.shape.n_out();
  stage.plan.scales = rates_of_last_layer(stage.shape, n_c, 0.0F, 0.0F, static_cast<float>(config.width_rate));
  stage.losses.clear();
  for (std::size_t k = 0; k < bank.n_nets; ++k) {
    auto loss = std::make_unique<JointLossOf<k_n>>(sites, n_c, head.factor, config.correlate, config.factor_rate);
    loss->fix_means(means);
    if (selection) loss->undo_selection(*selection);
    if (config.weak_component) loss->keep_apart(k_independent);
    stage.losses.push_back(std::move(loss));
    const auto own = std::span(bank.params).subspan(k * n_params, n_params);
    stage.starts.emplace_back(own.begin(), own.end());
  }
  fit_stages(stages, config, pool, tally);
  for (std::size_t k = 0; k < bank.n_nets; ++k)
    std::copy(stage.results[k].params.begin(), stage.results[k].params.end(),
              bank.params.begin() + static_cast<std::ptrdiff_t>(k * n_params));
  head.factor = mean_factor<k_n>(stage, n_c);

  const Matrix<double> outputs = mean_outputs(stage);
  std::vector<double> own(n_out);
  for (std::size_t r = 0; r < set.rows.size(); ++r) {
    std::copy(outputs.row(r).begin(), outputs.row(r).end(), own.begin());
    std::copy(means.row(r).begin(), means.row(r).end(), own.begin());
    distributions[place[set.rows[r]]] = head.distribution(own, set.y_mean, set.y_scale);
  }
}

}  // namespace

void calibrate_by_folds(const Galaxies& g, std::span<const std::size_t> rows, const FeatureRecipe& recipe,
                        const TrainConfig& config, std::int64_t first_network, const std::optional<NoiseModel>& noise,
                        std::vector<Matrix<double>>& teachers, WorkerPool& pool, Tally& tally, NetworkBank& bank) {
  JointHead& head = *bank.joint;
  const auto folds = static_cast<std::uint64_t>(config.calibration_folds);
  std::vector<std::size_t> judged;
  std::vector<LineDistribution> distributions;
  std::size_t part = 0;
  for (std::uint64_t fold = 0; fold < folds; ++fold) {
    std::vector<std::size_t> inside, outside;
    for (const auto row : rows) {
      const auto id = static_cast<std::uint64_t>(id_of(g, row));
      (splitmix64(splitmix64(id) ^ 0x5A5A) % folds == fold ? outside : inside).push_back(row);
    }
    if (outside.empty() || inside.empty()) continue;
    const bool learns = config.draw_masks && recipe.masks && config.distil > 0 && ++part < teachers.size();
    JointFit fit =
        fit_joint(g, inside, recipe, config, first_network, noise, learns ? &teachers[part] : nullptr, pool, tally);
    const bool sibling = config.draw_masks && recipe.masks;
    if (!sibling) teachers.push_back(std::move(fit.points));
    Model::Parts parts;
    parts.kind = "joint";
    parts.lines = config.lines;
    (sibling ? parts.partial : parts.full) = std::move(fit.bank);
    Galaxies held_out = select_rows(g, outside);
    held_out.conventions = {};
    if (sibling)  // these networks are asked where something lacks, so that is where they are calibrated
      for (std::size_t i = 0; i < held_out.n; ++i) {
        const MaskPattern mask = calibration_mask(g, outside[i], config);
        for (std::size_t b = 0; b < k_n_bands; ++b)
          if ((mask.bands >> b & 1U) != 0) held_out.band_flux(i, b) = std::numeric_limits<double>::quiet_NaN();
        if (mask.z) held_out.z[i] = std::numeric_limits<double>::quiet_NaN();
        for (std::size_t k = 0; k < k_n_column_inputs && !held_out.inputs.empty(); ++k)
          if (mask.columns.has(k_column_inputs[k])) held_out.inputs(i, k) = std::numeric_limits<double>::quiet_NaN();
      }
    auto own = Model(std::move(parts)).distributions(held_out, pool);
    judged.insert(judged.end(), outside.begin(), outside.end());
    std::move(own.begin(), own.end(), std::back_inserter(distributions));
  }
  const auto fit_widths = head.slots.places() == k_n_independent_lines ? fit_widths_of<k_n_independent_lines>
                                                                       : fit_widths_of<k_most_independent_lines>;
  if (config.width_epochs > 0 && judged.size() == rows.size())
    fit_widths(g, rows, recipe, config, first_network, noise, judged, distributions, pool, tally, bank);
  if (!config.calibrate_lines) return;
  const std::string stage = tally.log.next_stage();
  pool.for_shards(head.slots.n, [&](std::size_t j) {
    const std::string step = stage + "line" + std::to_string(j);
    auto known = tally.log.step(step);
    if (known.size() != 2) {
      const auto found = calibrate_line(g, judged, distributions, j, bank.outputs[j], [&] { tally.log.poll(); });
      known = {found.shift, found.slope};
      tally.log.keep_step(step, known);
    }
    head.shift[j] = known[0];
    head.slope[j] = known[1];
  });
}

}  // namespace starglow

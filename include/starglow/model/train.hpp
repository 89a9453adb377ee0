#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/model/checkpoint.hpp"
#include "starglow/model/model.hpp"

namespace starglow {

/// A training recipe. Every member is a key of `starglow train --config`, an option and an override;
/// docs/training.md lists them with the values of the presets.
struct TrainConfig {
  std::string preset = "joint";
  std::string method = "network";  ///< or a baseline: "knn", "llr" (neighbours.hpp)
  std::int64_t neighbours = 0;     ///< galaxies that a baseline asks; 0: by cross-validation
  std::int64_t principal = 0;      ///< principal components of a baseline; 0: by cross-validation
  bool joint = true;               ///< the joint intrinsic distribution of the lines; false: points
  bool per_line = false;           ///< one network a line (K24) instead of one trunk for the eight independent lines
  std::vector<std::int32_t> hidden{48, 96, 48};
  Activation activation = Activation::polyswish;
  std::int64_t members = 4;                                    ///< networks that are averaged (shared trunk only)
  LineSet lines{};                                             ///< that the model predicts
  InputSet inputs = InputSet::of(k_input_log_lum, k_input_z);  ///< beside the ratios of the bands (inputs.hpp)
  bool sibling = true;  ///< also train networks for galaxies that lack luminosity, redshift or bands
  bool masks = true;    ///< the sibling learns to do without any of them; false: it never has the inputs
  std::int64_t sibling_members = 4;
  std::int64_t sibling_epochs = 700;
  double distil = 0.8;         ///< sibling: weight of the full networks' points beside the labels (0 to 1)
  double mask_rate = 0.9;      ///< sibling: fraction of galaxies that lose bands at each step
  double lum_mask_rate = 0.4;  ///< sibling: fraction that lose the luminosity, half of them the redshift too
  std::int64_t epochs = 90;
  std::int64_t batch = 256;         ///< galaxies a step
  double learning_rate = 1e-3;      ///< peak
  double final_rate = 0.0;          ///< fraction of the peak at the end of the cosine
  double warmup = 0.0;              ///< fraction of all steps with a linearly rising rate
  double weight_decay = 1e-3;       ///< decoupled (AdamW), on weights, not on biases
  double init_sd = 0.0;             ///< sd of the initial weights and biases; 0: weights sqrt(1/n_in), biases 0
  double huber = 2.0;               ///< residual (in sd of the target) beyond which the loss grows linearly; 0: squares
  double noise_floor = 2.0;         ///< weights 1/(1 + (sd of asinh EW by EW_IVAR / noise_floor)^2); 0: equal weights
  double input_noise = 0.0;         ///< sd of normal noise added to standardised features at each step
  double gradient_clip = 0.0;       ///< largest norm of a step's gradient; 0: none
  std::int64_t components = 2;      ///< normal distributions of the joint mixture
  std::int64_t point_members = 14;  ///< networks of points that a joint model learns from; its own start as they
  std::int64_t sibling_point_members = 7;  ///< the same of the sibling
  double anchor = 3.0;                     ///< how strongly the joint means are held to those points, in 1/sd^2; 0: not
  std::int64_t joint_epochs = 100;         ///< of the joint distribution, after those of the points
  std::int64_t sibling_joint_epochs = 50;  ///< of the sibling's joint distribution
  double joint_rate = 6e-4;                ///< peak rate of AdamW for the joint distribution
  double factor_rate = 30.0;               ///< the same for the correlations
  std::int64_t width_epochs = 60;          ///< of the widths alone, about means that have not seen the galaxy; 0: none
  double width_rate = 10.0;                ///< the same for widths and weights
  bool deconvolve = true;                  ///< take the labels' known noise out of the distribution
  std::int64_t site_passes = 3;            ///< steps of expectation propagation after the first, for the labels' noise
  bool censor = true;                  ///< a line without a number is one that was not found, not one that is missing
  bool correlate = true;               ///< fit correlations; false: lines independent within a component
  std::int64_t calibration_folds = 5;  ///< parts that calibrate the quantiles of a model trained on the rest; 0: none
  double validation = 0.0;     ///< fraction of galaxies, chosen by a hash of TARGETID, kept for early stopping; 0: none
  bool label_gates = true;     ///< leave out labels that cannot be (label_gates.hpp)
  std::int64_t patience = 10;  ///< epochs without a better validation loss before the end
  // What the tables are: texts "VALUE", or "TABLE: VALUE; TABLE: VALUE", TABLE the beginning of a table's name.
  std::string selection;    ///< the cut by which its galaxies were chosen, undone in the likelihood (selection.hpp)
  std::string error_scale;  ///< true errors over quoted ones: "2", or "HALPHA 2.5, HBETA 1.9"
  std::string peaks;        ///< labels that are the highest of so many noise peaks: "OII_DOUBLET 4"
  std::string dust;         ///< highest E(B-V) of Galactic dust left in its bands: drawn and removed at each step
  std::string unmeasured;   ///< tables ("NAME; NAME", or "all") whose EW_IVAR = 0 is no measurement rather than no line
  bool weak_component = false;      ///< the last component starts as that of galaxies whose lines are weak or absent
  bool negative = false;            ///< labels may be negative: likelihood of EW = sinh t; false: of sinh(max(t, 0))
  std::int64_t site_refreshes = 0;  ///< how often the noise is taken out again under the distribution found so far
  bool gaps = false;                ///< train on galaxies that lack bands too: all networks have masks
  double z_low = 0.0;               ///< the networks see the redshift clipped to this ...
  double z_high = 1e9;              ///< ... and this
  double band_scatter = 0.0;        ///< sd of ln flux by which each band of a galaxy changes at each step
  double table_scatter = 0.0;       ///< the same of all galaxies of a table together
  std::string evolution;            ///< growth of active components with redshift (evolution.hpp); "": none
  bool contrast = false;            ///< the domain has forms against foreign light
  double widen = 0.0;               ///< widths are up to this larger, relatively, outside the domain
  bool calibrate_lines = true;      ///< shift and slope of each line by galaxies not seen, where calibration_folds > 0
  bool draw_masks = false;          ///< no setting: set for the networks that learn to do without something
  std::uint64_t seed = 1;
};

/// A table of a training and its name; "" = its LABELVER.
struct NamedTable {
  std::string name;
  Galaxies galaxies;
};
/// Several tables as one: rows in order, `table` and `tables` set, conventions that differ "mixed". One table without a
/// name stays as it is. Error(input): no TARGETID, Z or BAND_FLUX.
Galaxies join_tables(std::vector<NamedTable> tables);

/// A table with its labels as a training by this recipe takes them: errors scaled, sums of lines shared out, what is no
/// measurement NaN. `name`: the table's; "" = its LABELVER.
Galaxies labels_of_recipe(const Galaxies& table, const std::string& name, const TrainConfig& config);

/// One field of TrainConfig by name, for configuration files and metadata.
struct ConfigField {
  std::string_view key;
  std::string_view help;
  std::string (*get)(const TrainConfig&);
  void (*set)(TrainConfig&, const std::string&);  ///< Error(usage) when the text does not parse or is out of range
};
std::span<const ConfigField> train_config_fields();

/// "joint": the recipe of the shipped model. "point": an ensemble of points with a sibling without luminosity. "k24":
/// ten networks 12-64-128-64-1 SELU, N(0, 0.1) start (K24 section "Network"; rate, epochs and batch are ours: the paper
/// does not give them). "knn", "llr": the baselines. Error(usage) for another name.
TrainConfig train_preset(std::string_view name);
std::vector<std::string> train_preset_names();

/// What a progress callback sees, from one thread at a time.
struct TrainProgress {
  std::string_view stage;                ///< "points", "joint distribution", "calibration"
  std::int64_t networks_done, networks;  ///< of the whole training
  double epochs_done, epochs;            ///< over all networks
  double loss;                           ///< mean training loss of the latest finished epoch
};

/// Trains on the rows that have all twelve bands, a redshift and at least one labelled line. Deterministic for a seed
/// and an instruction set, at any number of threads. The learning curve is in the metadata. Error(input): no usable
/// rows, or a column is missing. Throwing in `progress` stops the training.
///
/// With a checkpoint, networks go on from where its state says that they stood, and the state is kept up to date: the
/// model has the same bits however often the training was interrupted. Error(model) with what differs when the state is
/// of another table, recipe, seed, version or instruction set. The baselines keep no state.
Model train(const Galaxies& galaxies, const TrainConfig& config, WorkerPool& pool,
            const std::function<void(const TrainProgress&)>& progress = {}, TrainingCheckpoint* checkpoint = nullptr);

}  // namespace starglow

#pragma once
#include <optional>
#include <string>

#include "model/fit_joint.hpp"
#include "model/stage.hpp"
#include "starglow/model/joint.hpp"

namespace starglow {

/// Networks and head of a joint model.
struct JointFit {
  NetworkBank bank;  ///< with a head that is not calibrated
  std::string point_curve, joint_curve;
  std::size_t n_labels = 0;
  Matrix<double> points;  ///< of the first step, (galaxies with a label, lines), standardised t, everything known
};

/// `teacher`, where given: `points` of networks that see more, for the same galaxies. The first step and the held means
/// learn from both, from the teacher with the weight config.distil (Lopez-Paz et al. 2016, arXiv:1511.03643). Two
/// steps: networks of points; then, started from some of them and held to the mean of all, the joint distribution with
/// the labels' noise taken out.
JointFit fit_joint(const Galaxies& galaxies, std::span<const std::size_t> rows, const FeatureRecipe& recipe,
                   const TrainConfig& config, std::int64_t first_network, const std::optional<NoiseModel>& noise,
                   const Matrix<double>* teacher, WorkerPool& pool, Tally& tally);

/// The selection of a set's rows by the rules of their tables, or nothing where no table has one.
template <std::size_t k_n>
std::optional<SelectionTermOf<k_n>> selection_term(const Galaxies& galaxies, const TrainingSet& set,
                                                   const TrainConfig& config);

/// What only galaxies that a model has not seen can tell: the widths, weights and correlations about means of other
/// galaxies' models (config.width_epochs), then shift and slope of each line. The bank's means stay as they are. Parts
/// by a hash of TARGETID that is independent of fold_of(). `teachers`: the first is not used, then one a part; networks
/// that see everything append theirs, those with masks learn from them.
void calibrate_by_folds(const Galaxies& galaxies, std::span<const std::size_t> rows, const FeatureRecipe& recipe,
                        const TrainConfig& config, std::int64_t first_network, const std::optional<NoiseModel>& noise,
                        std::vector<Matrix<double>>& teachers, WorkerPool& pool, Tally& tally, NetworkBank& bank);

// ---- steps that both share

/// Share of each line's variance that no other line knows: two lines that noise cannot tell apart ([SII]) would else
/// become one, and the joint density infinite on a plane and 0 elsewhere.
inline constexpr double k_independent = 0.01;
inline constexpr int k_em_steps = 25;
inline constexpr double k_joint_warmup = 0.05;

/// Parameters before those of the last layer.
std::size_t first_of_last_layer(const NetworkShape& shape);
/// Scales of the learning rate of the networks of a joint distribution: layers before the last; of the last, the
/// outputs that are means, and those that are widths and weights.
std::vector<float> rates_of_last_layer(const NetworkShape& shape, std::size_t components, float before, float means,
                                       float widths);
/// Mean over the networks of a stage's outputs, features as in its set.
Matrix<double> mean_outputs(const Stage& stage);
/// The networks' factors averaged, as their outputs are, rows brought back to length 1, and no line left without a
/// variance of its own. For stages of JointLossOf<k_n>.
template <std::size_t k_n>
Matrix<double> mean_factor(const Stage& stage, std::size_t components);
/// What outputs (rows, JointHead::n_outputs()) say together with the factors of a head (components, k_n x k_n).
template <std::size_t k_n = k_n_independent_lines>
RowMixturesOf<k_n> mixtures_of(const Matrix<double>& outputs, const Matrix<double>& factor);
/// Numbers of lines (rows, lines) with zeros for the empty places behind them.
Matrix<double> to_places(const Matrix<double>& lines, std::size_t places);
/// Sites of a set's labels, and the covariance of the intrinsic residuals, given means (rows, k_n) in standardised t.
template <std::size_t k_n>
struct SitesAbout {
  Sites sites;
  SquareOf<k_n> covariance;
};
template <std::size_t k_n>
SitesAbout<k_n> sites_about(const Matrix<double>& mean, const Galaxies& galaxies, const TrainingSet& set,
                            const TrainConfig& config, const std::optional<NoiseModel>& noise, WorkerPool& pool);

}  // namespace starglow

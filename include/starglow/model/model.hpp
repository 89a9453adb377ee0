#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/line_set.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/base/view.hpp"
#include "starglow/kernels/network.hpp"
#include "starglow/model/condition.hpp"
#include "starglow/model/domain.hpp"
#include "starglow/model/evolution.hpp"
#include "starglow/model/features.hpp"
#include "starglow/model/joint.hpp"
#include "starglow/model/neighbours.hpp"
#include "starglow/model/noise_model.hpp"
#include "starglow/model/selection.hpp"

namespace starglow {

/// Networks of one shape that answer together. Three uses of one structure:
///  - kind "k24": n_nets = number of lines, net k gives line outputs[k] (n_out = 1);
///  - kind "mlp": n_nets = ensemble members, each gives all `outputs`; members are averaged in asinh EW;
///  - kind "joint": members as in "mlp", their outputs are the parameters of a JointHead, averaged.
/// Network k sees (x - x_mean[k]) / x_scale[k]; output j is asinh(EW/A) = y_mean[j] + y_scale[j] * network output.
struct NetworkBank {
  NetworkShape shape;
  FeatureRecipe features;
  std::size_t n_nets = 0;
  bool kind_per_line = false;           ///< set by Model from its kind
  std::vector<float> params;            ///< (n_nets, shape.n_params())
  Matrix<double> x_mean, x_scale;       ///< (n_nets, n_in)
  std::vector<std::size_t> outputs;     ///< lines (rows of k_all_lines) of the outputs, or one a network for "k24"
  std::vector<double> y_mean, y_scale;  ///< one a line of `outputs`
  std::optional<JointHead> joint;       ///< kind "joint"

  bool per_line() const noexcept { return kind_per_line; }
};

struct PredictOptions {
  bool float64 = false;    ///< run the networks in double: for tests and comparisons, half as fast
  std::size_t draws = 0;   ///< joint draws a galaxy (kind joint)
  std::uint64_t seed = 1;  ///< of the draws
  OutOfDomain out_of_domain = OutOfDomain::warn;
  bool evolution = true;      ///< lines grow with redshift where the model says so (evolution.hpp)
  std::size_t first_row = 0;  ///< of this chunk in its table: the id of rows without TARGETID
  /// Lines that are known beside the continuum, (n, lines): the answer is that given them (condition.hpp), flag
  /// CONDITIONED. Null: none. Models of kind joint.
  const GivenLines* given = nullptr;
  /// The answer is that for galaxies whose measured lines pass this cut. Errors of measurement: the row's own EW_IVAR,
  /// else the model's noise law at the median. A given line is known, so the cut says nothing more of it. Null: no cut.
  const Selection* selected = nullptr;
};

/// Errors of redshift above this times (1 + z) widen the answer (Galaxies::z_err); spectroscopic ones are below it.
inline constexpr double k_redshift_error = 3e-4;
bool redshift_error_matters(double z, double z_err) noexcept;

/// How a table's conventions fit those that a model was trained with.
struct ConventionReport {
  bool luminosity_usable = true;   ///< same aperture and an absolute flux scale
  bool redshift_usable = true;     ///< same aperture: at another one redshift stands for another part of the galaxy
  bool dust_converted = false;     ///< Galactic dust is put back or taken away: MWCORR differs
  std::vector<std::string> notes;  ///< for people: what is unknown, what was decided
};

/// Answer for n galaxies. EWs in A, rest frame, emission positive; NaN where a fatal flag is set. A column is a row of
/// k_all_lines: the ten of k_lines, or, of a model that has further lines (Model::lines().width()), all of them, where
/// those that the model does not have are NaN. (n, 10) below stands for either.
struct Prediction {
  Matrix<double> ew;           ///< (n, 10) point or median of the intrinsic distribution
  Matrix<double> p16, p84;     ///< (n, 10), empty for point models
  std::vector<double> domain;  ///< (n) 0 as the training galaxies, 0.5 at the limit that flags 1 % of them, 1 outside
                               ///< all of them; NaN where the model has no domain
  std::vector<double> p_lineless;   ///< (n) probability of EW(Ha) < k_lineless_ew; empty for point models, and where
                                    ///< Halpha is not predicted
  Matrix<float> draws;              ///< (n, 10 * draws): draw k of line l in column l * draws + k; draw k of all lines
                                    ///< belongs together
  std::vector<std::int32_t> flags;  ///< (n)
};

/// Derivatives of the answers of n galaxies with respect to the twelve band fluxes (A per flux unit) and, thirteenth,
/// the redshift (A): (n, 10 * 13), line-major. p16, p84 empty for point models.
inline constexpr std::size_t k_n_slopes = k_n_bands + 1;
struct Derivatives {
  Matrix<double> ew, p16, p84;
  /// Of the median EWs with respect to given EWs: (n, 10 * 10), line of the answer first; empty where none are given.
  Matrix<double> given;
};

struct ModelFiles;  // starglow/files/models.hpp

/// A trained model: immutable, cheap to copy, safe to share between threads.
class Model {
 public:
  /// The parts of a model file. Of `full` and `partial` one may be absent; the baselines have `neighbours` alone.
  struct Parts {
    std::string kind;  ///< "k24", "mlp", "joint", "knn" or "llr"
    LineSet lines{};   ///< that it predicts
    /// For galaxies that have all the features; with masks, those that lack the bluest band too.
    std::optional<NetworkBank> full;
    std::optional<NetworkBank> partial;           ///< for those that lack luminosity, redshift or, with masks, bands
    std::optional<NeighbourBank> neighbours;      ///< kinds "knn" and "llr"
    std::map<std::string, std::string> metadata;  ///< everything else; docs/model-format.md
    std::optional<Domain> domain;                 ///< where the training galaxies lie
    std::optional<NoiseModel> noise;              ///< law of the measurement errors, noise_model.hpp
  };

  explicit Model(Parts parts) : Model(std::move(parts), std::string()) {}  ///< checks shapes and sizes; Error(model)

  /// The model inside the library. Who calls this includes starglow/files/models.hpp (or starglow.hpp).
  template <class Files = ModelFiles>
  static Model shipped() {
    return Files::shipped();
  }
  /// Reads a safetensors file; likewise. Error(input) when the file is broken, Error(model) when it is another kind.
  template <class Files = ModelFiles>
  static Model load(const std::filesystem::path& path) {
    return Files::load(path);
  }

  const Parts& parts() const noexcept;
  const LineSet& lines() const noexcept { return parts().lines; }
  bool has_distribution() const noexcept { return parts().kind == "joint"; }
  /// SHA-256 of the networks, scalers and metadata: the name of this model in every provenance.
  const std::string& hash() const noexcept;
  /// Redshift beyond which lines grow (evolution.hpp); nothing where they do not.
  std::optional<double> evolution_begins() const noexcept;
  /// The columns of a table that its networks use beside bands and redshift (inputs.hpp).
  InputSet input_columns() const noexcept;
  std::size_t n_params() const noexcept;  ///< of all networks, both siblings; numbers kept by a baseline

  /// Lines of every galaxy; bit-equal for any number of threads. Rows whose luminosity cannot be used (z or flux scale
  /// absent, other aperture) get the sibling without luminosity and NO_LUMINOSITY.
  /// Error(model) when the table's conventions clash with the model's in a way that cannot be repaired.
  /// Networks with masks (features.hpp) answer from any six bands or more.
  Prediction predict(const Galaxies& galaxies, WorkerPool& pool, const PredictOptions& options = {}) const;

  /// The joint intrinsic distribution of every galaxy; components = 0 where there is no answer. Error(model): a point
  /// model.
  std::vector<LineDistribution> distributions(const Galaxies& galaxies, WorkerPool& pool) const;
  /// The same with correlations, given what the options give.
  std::vector<JointDistribution> joint_distributions(const Galaxies& galaxies, WorkerPool& pool,
                                                     const PredictOptions& options = {}) const;
  /// EW(strong)/EW(weak) of the doublets of this model, in the order of k_doublets.
  std::span<const double> ew_ratio() const noexcept;
  /// Errors of measurement of the lines of a row, A: its own EW_IVAR (for the weak members of doublets that of their
  /// partner), else by the noise law at these EWs; NaN where there is neither, and of lines that it does not predict.
  std::array<double, k_n_all_lines> sigma_ew(const Galaxies& galaxies, std::size_t row,
                                             std::span<const double> ew) const;
  /// Joint draws, as Prediction::draws, EWs in A. Random numbers: stream intrinsic, lane 0 of draw k picks the
  /// component, lanes 1 to 8 are its normals.
  Matrix<float> sample(const Galaxies& galaxies, std::size_t draws, std::uint64_t seed, WorkerPool& pool) const;

  /// dEW/dF: (n, 10 * 12), line-major, A per flux unit, by the kernel's reverse pass in float64; z held fixed. For kind
  /// joint: of the median. NaN where predict() has no answer; 0 for a missing band. Error(model): kinds knn and llr,
  /// whose answers jump where a neighbour changes.
  Matrix<double> jacobian(const Galaxies& galaxies, WorkerPool& pool) const;
  /// The same of all answers, and with respect to the redshift too. A missing redshift has derivative 0.
  Derivatives derivatives(const Galaxies& galaxies, WorkerPool& pool, const GivenLines* given = nullptr) const;
  /// Change of the ten EWs (n, 10) along a change of the band fluxes (n, 12).
  Matrix<double> jvp(const Galaxies& galaxies, MatrixView<const double> d_flux, WorkerPool& pool) const;
  /// Gradient with respect to the band fluxes (n, 12) of sum(d_ew . ew), d_ew (n, 10).
  Matrix<double> vjp(const Galaxies& galaxies, MatrixView<const double> d_ew, WorkerPool& pool) const;

  /// What the table's conventions mean for this model; `has_ebv`: its rows bring EBV. Error(model): they clash in a way
  /// that cannot be repaired (bands in air). Another treatment of Galactic dust is converted by EBV, or by
  /// k_usual_ebv (extinction.hpp) where that is unknown; synthetic light without EBV is used as it is.
  ConventionReport compare(const Conventions& table, bool has_ebv = false) const;
  /// The galaxies with the Galactic dust of this model: band fluxes (and ivar) times or over the Milky Way's
  /// transmission at the middle of each band (EBV, else k_usual_ebv), where Z is known. predict() and the like
  /// do so themselves; for add_noise() and what else looks at the bands.
  Galaxies with_own_dust(Galaxies galaxies) const;

 private:
  friend struct ModelFiles;
  Model(Parts parts, std::string known_hash);  ///< its hash, where that need not be computed
  struct Compiled;
  struct Answer;
  template <class T>
  void predict_shard(const Galaxies&, const ConventionReport&, Shard, const PredictOptions&, const Answer&) const;
  Prediction answer(const Galaxies&, WorkerPool&, const PredictOptions&, Derivatives* slopes,
                    std::vector<JointDistribution>* distributions) const;
  std::shared_ptr<const Compiled> compiled_;
};

/// Error(model): the model has lines of its own, and `what` is made for the ten of k_lines.
void need_ten_lines(const Model& model, std::string_view what);
/// The same of a model with lines beside the ten.
void need_some_of_the_ten(const Model& model, std::string_view what);

}  // namespace starglow

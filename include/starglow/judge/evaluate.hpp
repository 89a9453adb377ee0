#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/line_set.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/base/view.hpp"
#include "starglow/model/model.hpp"
#include "starglow/model/train.hpp"

namespace starglow {

/// The five scores, in this order everywhere.
inline constexpr std::size_t k_n_scores = 5;
inline constexpr std::array<const char*, k_n_scores> k_score_names{"rho", "nmad", "nmad_centred", "ratio", "asinh_rms"};
using Scores = std::array<double, k_n_scores>;
Scores score(std::span<const double> obs, std::span<const double> pred);

/// EWs that somebody predicts for the rows of a table: (n, lines), a column a row of k_all_lines, NaN = none. A
/// prediction with a distribution has intrinsic draws too, as Prediction::draws.
struct NamedPrediction {
  std::string name;
  Matrix<double> ew;
  Matrix<float> draws = {};
  std::size_t n_draws = 0;
  std::vector<double> domain = {};  ///< (n), as Prediction::domain; empty: not known
};

/// A value and its bootstrap standard error (0 without bootstrap).
struct Estimate {
  double value = 0, error = 0;
};

struct LineScores {
  std::size_t n = 0;       ///< rows with a label, EW > 0 (K24's test cut), and a prediction of every method
  std::size_t n_snr3 = 0;  ///< of them with measured S/N > 3
  std::array<Estimate, k_n_scores> all;
  std::array<Estimate, k_n_scores> snr3;
};

/// A against B on the same rows: value(A) - value(B), its standard error from paired resampling.
struct Difference {
  std::string a, b;
  std::array<std::array<Estimate, k_n_scores>, k_n_all_lines> lines;
  std::array<Estimate, k_n_scores> mean10, mean8;  ///< means over the judged lines, and over the independent ones
};

struct Evaluation {
  std::vector<std::string> names;
  LineSet judged{};                                             ///< lines that are predicted; others have no scores
  std::vector<std::array<LineScores, k_n_all_lines>> lines;     ///< by prediction
  std::vector<std::array<Estimate, k_n_scores>> mean10, mean8;  ///< by prediction
  std::vector<Difference> differences;                          ///< each prediction against the last one given
  std::int64_t resamples = 0;
  std::uint64_t seed = 0;
  std::array<std::size_t, k_n_all_lines> n_labelled{};  ///< rows with ivar > 0
};

/// Scores predictions of `lines` against the measured EWs of `table`. Bootstrap: `resamples` draws of galaxies with
/// replacement, the same for all lines and predictions, so that differences are paired; bit-equal for any number of
/// threads.
Evaluation evaluate(const Galaxies& table, const std::vector<NamedPrediction>& predictions, std::int64_t resamples,
                    std::uint64_t seed, WorkerPool& pool, const LineSet& lines = LineSet::standard());

std::string evaluation_table(const Evaluation& evaluation);  ///< aligned, for people
std::string evaluation_json(const Evaluation& evaluation);   ///< NaN as null

/// Out-of-fold predictions: each of `folds` parts (fold_of(TARGETID)) is predicted by a model trained on the others.
/// A joint recipe gives `draws` draws too. Training progress as in train(). Error(input) without TARGETID.
/// `others`: also the out-of-fold predictions of the other tables, by the same models, without conditions or changes.
struct CrossValidation {
  unsigned folds = 5;
  std::size_t draws = 0;
  std::uint64_t seed = 1;  ///< of the draws
  /// Most galaxies that a model is trained on: those of the smallest hashes of TARGETID, so that smaller sets are parts
  /// of larger ones; 0: all of the other folds.
  std::size_t train_size = 0;
  /// Ways to change the galaxies before the models predict them, e.g. to take bands away; one prediction each.
  struct Variant {
    std::string name;
    std::function<void(Galaxies&)> change;
  };
  /// Tables that are trained on beside the judged one, by the same folds; and the name of the judged one among them.
  std::vector<NamedTable> others = {};
  std::string name = {};
  bool leave_out = false;  ///< one model, trained on the others alone, judges the whole table
  std::vector<Variant> variants = {{"", [](Galaxies&) {}}};
  std::vector<std::size_t> given = {};     ///< lines of the table that the answers are given (PredictOptions::given)
  std::optional<Selection> selected = {};  ///< cut that the answers are for (PredictOptions::selected)
  /// Called with the model of each fold, the galaxies that it has not seen and their rows in the table.
  std::function<void(const Model&, const Galaxies&, std::span<const std::size_t>)> with_model = {};
};
std::vector<NamedPrediction> cross_validate(const Galaxies& table, const TrainConfig& config,
                                            const CrossValidation& how, WorkerPool& pool,
                                            const std::function<void(unsigned, const TrainProgress&)>& progress = {},
                                            std::vector<NamedPrediction>* others = nullptr);

}  // namespace starglow

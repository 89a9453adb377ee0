#pragma once
#include <optional>
#include <span>
#include <vector>

#include "model/line_matrices.hpp"
#include "model/training_tables.hpp"
#include "starglow/base/galaxies.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/base/view.hpp"
#include "starglow/model/noise_model.hpp"

namespace starglow {

/// What the measurements of a table say about t = asinh of the intrinsic EW, as normal distributions: the likelihood
/// N(y; sinh(max(t, 0)), sigma_EW) of each line, whatever its shape, is replaced by N(centre; t, variance) such that
/// its product with a prior keeps its mean and variance (one site of expectation propagation, Minka 2001).
/// In standardised t.
struct Sites {
  /// (rows, places): the independent lines, then empty places; no information: variance k_no_information.
  Matrix<double> centre, variance;
  std::size_t lines = k_n_independent_lines;  ///< that are not empty
  static constexpr double k_no_information = 1e3;
};

struct SiteOptions {
  bool deconvolve = true;  ///< false: the measured asinh EW itself, with variance 0
  /// A line without a number was looked for and not found: likelihood Phi(-EW/sigma), sigma from `noise`. Without a
  /// noise model, or false: no information.
  bool censor = true;
  /// A label may be negative, as measured EWs of catalogues without a bound at 0 are: its likelihood is
  /// N(y; sinh(t), sigma), below t = 0 too.
  bool negative = false;
  /// Of each table of the galaxies, where labels are the highest of several noise peaks; empty: they are not.
  std::span<const TableRules> rules = {};
  std::span<const std::size_t> lines = k_independent_lines;  ///< rows of k_all_lines of the independent lines
  double clip = 5.0;  ///< centres are kept within this many prior sd of the prior mean: catalogue outliers
};

/// rows: of the table. prior_mean (rows, places), prior_sd (places), y_mean, y_scale (lines): of asinh EW.
Sites make_sites(const Galaxies& galaxies, std::span<const std::size_t> rows, const Matrix<double>& prior_mean,
                 std::span<const double> prior_sd, std::span<const double> y_mean, std::span<const double> y_scale,
                 const std::optional<NoiseModel>& noise, const SiteOptions& options);

/// One more step of expectation propagation: the site of each line again, with what the continuum and the *other* lines
/// of the galaxy say of it as its prior - normal about mean (rows, k_n) with one residual covariance, both in
/// standardised t. Nothing happens without `deconvolve`.
template <std::size_t k_n = k_n_independent_lines>
void refine_sites(Sites& sites, const Galaxies& galaxies, std::span<const std::size_t> rows, const Matrix<double>& mean,
                  const SquareOf<k_n>& covariance, std::span<const double> y_mean, std::span<const double> y_scale,
                  const std::optional<NoiseModel>& noise, const SiteOptions& options, WorkerPool& pool);

/// Distributions of standardised t, one a row, as a fitted mixture gives them.
template <std::size_t k_n>
struct RowMixturesOf {
  std::size_t components = 0;
  Matrix<double> weight, mean, sd;         ///< (rows, components), (rows, components x k_n) twice
  std::vector<SquareOf<k_n>> correlation;  ///< (components)
};
using RowMixtures = RowMixturesOf<k_n_independent_lines>;

/// One more step of expectation propagation, with the mixture itself as the prior: of each line, under each component,
/// what the component and the galaxy's other lines say; the sites of the components are averaged in precision and
/// precision x centre, by the components' shares in the galaxy. Sites under one broad prior for all galaxies are wrong
/// where noise is wide and the line weak: the likelihood is far from normal in t there.
template <std::size_t k_n>
void refine_sites(Sites& sites, const Galaxies& galaxies, std::span<const std::size_t> rows,
                  const RowMixturesOf<k_n>& mixtures, std::span<const double> y_mean, std::span<const double> y_scale,
                  const std::optional<NoiseModel>& noise, const SiteOptions& options, WorkerPool& pool);

}  // namespace starglow

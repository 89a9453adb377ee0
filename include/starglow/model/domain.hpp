#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/view.hpp"
#include "starglow/model/features.hpp"

namespace starglow {

/// The grade at the threshold.
inline constexpr double k_limit_grade = 0.5;

/// Which ratios the forms of a domain use, in the order in which they are tried: all; without the bluest band, the two
/// bluest, the two reddest.
struct DomainPattern {
  std::size_t first, n;
};
inline constexpr std::array<DomainPattern, 4> k_domain_patterns{{{0, 11}, {1, 10}, {2, 9}, {0, 9}}};

/// Where a model's training galaxies lie: a mixture of normal distributions of the eleven log10 band ratios and
/// log_lum. A galaxy's score is the log10 probability of lying as far from the nearest component as it does (chi-square
/// of the Mahalanobis distance, with as many degrees of freedom as features are known); below `threshold` it is
/// OUT_OF_DOMAIN. A model may also hold quadratic forms of the ratios, each of which tells one kind of foreign light
/// (young or post-starburst populations, quasars, stars) from galaxies, fitted where all bands of a pattern are known;
/// the first pattern of k_domain_patterns that a galaxy has counts.
class Domain {
 public:
  static constexpr std::size_t k_n_features = FeatureRecipe::k_n_ratios + 1;
  static constexpr std::size_t k_n_form = FeatureRecipe::k_n_ratios + 1;  ///< of (1, ratios)
  struct Parts {
    Matrix<double> mean;         ///< (components, 12)
    Matrix<double> covariance;   ///< (components, 12 x 12)
    double threshold = 0;        ///< log10 probability
    Matrix<double> forms = {};   ///< (patterns x kinds, 12 x 12): (1, ratios)^T form (1, ratios); empty: none
    Matrix<double> levels = {};  ///< (patterns x kinds, 2): values of the form where the grade is 0 and 1/2
  };
  explicit Domain(Parts parts);  ///< Error(model): shapes, or a covariance that is not positive definite

  const Parts& parts() const noexcept { return parts_; }
  /// x (12): features; NaN = not known. NaN without any.
  double score(std::span<const double> x) const;
  /// How far from the training galaxies: 0 as they are, 0.5 at the threshold, 1 outside all of them. NaN as score().
  double grade(std::span<const double> x) const;
  /// Slopes of the grade by x (12); 0 for what is not known, and where the grade is 0 or 1.
  void grade_slopes(std::span<const double> x, std::span<double> out) const;
  bool contains(std::span<const double> x) const { return !(grade(x) > k_limit_grade); }
  /// Moves x along the line to the mean of the nearest component, to where the grade is 1/2.
  void clip(std::span<double> x) const;

 private:
  struct Nearest {
    std::size_t component, known;
    double distance2;
  };
  Nearest nearest(std::span<const double> x) const;
  /// The form with the highest grade and that grade (not above 1); none: forms.rows() and 0.
  std::pair<std::size_t, double> worst_form(std::span<const double> x) const;
  Parts parts_;
  struct Factors;
  std::shared_ptr<const Factors> factors_;  ///< of the covariances, everything known
};

/// The density of the galaxies' features - of several tables: components of each - and the threshold that flags
/// `fraction` of the galaxies of the table with the outermost ones, and no more of any other. With `contrast` the forms
/// too, which flag at most the fraction; the density then flags what they leave of it, and at least a third of it.
/// Error(input): fewer than 100 usable galaxies.
Domain fit_domain(const Galaxies& galaxies, std::span<const std::size_t> rows, double fraction, std::uint64_t seed,
                  bool contrast = false);

/// log10 of the probability that a chi-square variable of n degrees of freedom exceeds x; accurate in the far tail.
double log10_chi_square_tail(double x, std::size_t n);

/// What `predict` does with a galaxy that is OUT_OF_DOMAIN; the flag is set in any case.
enum class OutOfDomain {
  warn,   ///< answers as for any other
  nan,    ///< no answer: NaN
  clip,   ///< answers for the nearest features inside the domain
  prior,  ///< answers with the distribution of all training galaxies
};

}  // namespace starglow

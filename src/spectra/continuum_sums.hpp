#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "starglow/spectra/templates.hpp"

namespace starglow::continuum {

inline constexpr std::size_t k_max_order = 8, k_max_coefficients = k_max_order + 1;

/// The pixels of a fit, each array as long as `flux`; every `every`-th of them counts. Where all count, two neighbours
/// go into the normal equations as one, data and model averaged alike: half of the sums, and no bias whatever the
/// templates do between the two.
struct Pixels {
  std::span<const double> at;  ///< ln(rest wavelength), in pixels of the templates
  std::span<const double> flux, weight;
  std::span<const double> legendre;    ///< k_max_coefficients a pixel
  std::span<const double> light;       ///< the weighted sum of templates
  std::span<const double> polynomial;  ///< the model is light x polynomial
  std::size_t every = 1;
};

struct NormalEquations {
  std::vector<double> matrix, vector;  ///< (n + m) squared, full; n + m
  double light = 0;                    ///< sum of weight x light squared
  double chi2 = 0;                     ///< of the model that they start from
};

/// Normal equations of the `n` weights of the templates and of changes of the polynomial's first `m` slopes. The same
/// bits with every instruction set: no sum is shared out over the lanes of a vector.
void sum_up(const TemplateSet& templates, std::size_t sigma, double shift, const Pixels& p, std::size_t m,
            NormalEquations& out);

/// Sum of the templates with weights `w` (of count() numbers) at every `every`-th pixel of `at`, shifted; the others
/// keep what they have. The same bits with every instruction set.
void add_up(const TemplateSet& templates, std::size_t sigma, double shift, std::span<const double> at,
            std::span<const double> w, std::size_t every, std::span<double> out);

/// A step from (light, polynomial) of `p` to another pair, cut where chi2 is least; chi2 is of fourth order in it.
struct Cut {
  double part;  ///< of the step, 0 to 1
  double gain;  ///< by how much chi2 falls
};
Cut best_part(const Pixels& p, std::span<const double> light, std::span<const double> polynomial);

/// Minimises v' A v - 2 b' v, v = (w, q), over w >= 0 and any q: A of size n + m, full. q is eliminated. False when
/// A does not determine q.
bool solve_partly_free(std::span<const double> a, std::span<const double> b, std::span<double> w, std::span<double> q);

}  // namespace starglow::continuum

#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "starglow/spectra/templates.hpp"

namespace starglow::continuum {

inline constexpr std::size_t k_max_order = 8;

/// The pixels of a fit and the model there, light x polynomial. Each array has pad() pixels, the last of them without
/// weight.
struct Pixels {
  std::vector<double> at;  ///< ln(rest wavelength), in pixels of the templates, ascending
  std::vector<double> x;   ///< where the polynomial is taken, -1 to 1
  std::vector<double> flux, weight;
  std::vector<std::int32_t> cell;  ///< pixel of the templates before this one, shifted; set by place()
  std::vector<double> part;        ///< and how far it lies behind that
  std::vector<double> light;       ///< the weighted sum of templates
  std::vector<double> polynomial;  ///< 1 + sum of slopes[j] P_(j + 1)(x), Legendre's, 0.05 at least

  std::size_t size() const noexcept { return at.size(); }
  /// Repeats the last pixel, without weight, up to a multiple of eight.
  void pad();
};

/// What a step is found from: half of the slopes of chi2, downwards, exact; and the curvature to go with them.
struct NormalEquations {
  std::vector<double> by_weight, by_order;  ///< of the templates; of the polynomial's orders
  std::vector<double> matrix;               ///< (n + m) squared, full
  double light = 0;                         ///< sum of weight x light squared
  double chi2 = 0;

  std::vector<double> to_light, to_polynomial, grid;  // room to work in
};

/// All functions give the same bits with every instruction set: no sum is shared out over a vector's lanes by chance.

/// Lays the pixels on the templates' grid, which is shifted by so many of its own pixels.
void place(double shift, Pixels& p);

/// Slopes of chi2 by the templates' weights and by the polynomial's first `m` slopes.
void sum_slopes(const TemplateSet& templates, std::size_t sigma, const Pixels& p, std::size_t m, NormalEquations& out);

/// The matrix of a Gauss-Newton step. Templates are averaged over blocks of the grid (TemplateSet::k_block), so it is
/// a few per cent off where they have narrow features; steps by exact slopes lead to the same place in spite of it.
void sum_curvature(const TemplateSet& templates, std::size_t sigma, const Pixels& p, std::size_t m,
                   NormalEquations& out);

/// Sum of the templates with weights `w`, on their own grid: as many numbers as it has pixels, of which those that
/// pixels of `p` can come upon with shifts of 400 km/s are set.
void add_up(const TemplateSet& templates, std::size_t sigma, const Pixels& p, std::span<const double> w,
            std::vector<double>& grid);
/// The numbers of a grid at the pixels where they are laid; linear between.
void look_up(const Pixels& p, std::span<const double> grid, std::vector<double>& out);

void set_polynomial(std::span<const double> slopes, Pixels& p);
double chi2_of(const Pixels& p, std::span<const double> light);

/// A step from (light, polynomial) to those of `p`, cut where the cost is least: chi2, which is of fourth order in it,
/// and a parabola, `rise` t + `bend` t^2 / 2 of half of the cost at a part t.
struct Cut {
  double part;  ///< of the step, 0 to 1
  double gain;  ///< by how much the cost falls
};
Cut best_part(const Pixels& p, std::span<const double> light, std::span<const double> polynomial, double rise,
              double bend);

/// Minimises v' A v - 2 b' v, v = (w, q), over w >= 0 and any q: A of size n + m, full. q is eliminated; `w` enters
/// with a guess. False when A does not determine q.
bool solve_partly_free(std::span<const double> a, std::span<const double> b, std::span<double> w, std::span<double> q);

}  // namespace starglow::continuum

#include "spectra/continuum_sums.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/processor.hpp"
#include "spectra/nnls.hpp"

namespace starglow::continuum {
namespace {

constexpr std::size_t k_unknowns = TemplateSet::k_max_templates + k_max_order;
constexpr std::size_t k_lanes = 8;
using Eight [[gnu::vector_size(64), gnu::may_alias, gnu::aligned(8)]] = double;
using EightFloats [[gnu::vector_size(32), gnu::may_alias, gnu::aligned(4)]] = float;
constexpr std::size_t k_held = 4;  // blocks at a time: each sum is loaded and stored a fourth as often

// References: a vector as a value of a function is passed in another way with every instruction set.
[[gnu::always_inline]] inline const Eight& load(const double* from) { return *reinterpret_cast<const Eight*>(from); }
[[gnu::always_inline]] inline const EightFloats& load(const float* from) {
  return *reinterpret_cast<const EightFloats*>(from);
}
[[gnu::always_inline]] inline void store(double* to, const Eight& value) { *reinterpret_cast<Eight*>(to) = value; }
[[gnu::always_inline]] inline double total(const Eight& v) {
  return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

// P_k(x) = rise[k] x P_(k - 1)(x) - fall[k] P_(k - 2)(x)
struct Recurrence {
  std::array<double, k_max_order + 1> rise{}, fall{};
};
consteval Recurrence recurrence() {
  Recurrence out;
  for (std::size_t k = 1; k <= k_max_order; ++k) {
    out.rise[k] = 2 - 1 / static_cast<double>(k);
    out.fall[k] = 1 - 1 / static_cast<double>(k);
  }
  return out;
}
constexpr Recurrence k_legendre = recurrence();

struct Totals {
  double light = 0, chi2 = 0;
};

// What each pixel has to say: `to_light` of the slope by the light there, `to_polynomial` by the polynomial; and the
// slopes by the polynomial's orders.
[[gnu::always_inline]] inline Totals residuals(const Pixels& p, std::size_t m, double* to_light, double* to_polynomial,
                                               double* by_order) {
  Eight light{}, chi2{}, sums[k_max_order] = {};
  for (std::size_t i = 0; i < p.size(); i += k_lanes) {
    const Eight c = load(&p.light[i]), q = load(&p.polynomial[i]), w = load(&p.weight[i]), x = load(&p.x[i]);
    const Eight r = load(&p.flux[i]) - c * q, wr = w * r, z = wr * c;
    store(to_light + i, wr * q);
    store(to_polynomial + i, z);
    light += w * c * c;
    chi2 += wr * r;
    Eight before{}, now = before + 1.0;
    for (std::size_t k = 0; k < m; ++k) {
      const Eight next = k_legendre.rise[k + 1] * x * now - k_legendre.fall[k + 1] * before;
      sums[k] += z * next;
      before = now;
      now = next;
    }
  }
  for (std::size_t k = 0; k < m; ++k) by_order[k] = total(sums[k]);
  return {total(light), total(chi2)};
}

// Products of each template with numbers on the grid, from pixel `from` on; `count` is a multiple of eight.
[[gnu::always_inline]] inline void project(const TemplateSet& t, std::size_t sigma, std::size_t from, std::size_t count,
                                           const double* grid, double* out) {
  for (std::size_t k = 0; k < t.count(); ++k) {
    const float* row = t.row_at_sigma(sigma, k) + from;
    Eight even{}, odd{};
    std::size_t i = 0;
    for (; i + 2 * k_lanes <= count; i += 2 * k_lanes) {
      even += __builtin_convertvector(load(row + i), Eight) * load(grid + i);
      odd += __builtin_convertvector(load(row + i + k_lanes), Eight) * load(grid + i + k_lanes);
    }
    if (i < count) even += __builtin_convertvector(load(row + i), Eight) * load(grid + i);
    out[k] = total(even + odd);
  }
}

// Sum of some templates (their rows) from pixel `from` on.
[[gnu::always_inline]] inline void combine(const float* const* rows, const double* w, std::size_t n, std::size_t from,
                                           std::size_t count, double* grid) {
  for (std::size_t i = from; i < from + count; i += k_lanes) {
    Eight sum{};
    for (std::size_t k = 0; k < n; ++k) sum += w[k] * __builtin_convertvector(load(rows[k] + i), Eight);
    store(grid + i, sum);
  }
}

[[gnu::always_inline]] inline void polynomial(const double* slopes, std::size_t m, Pixels& p) {
  for (std::size_t i = 0; i < p.size(); i += k_lanes) {
    const Eight x = load(&p.x[i]);
    Eight before{}, now = before + 1.0, sum = now;
    for (std::size_t k = 0; k < m; ++k) {
      const Eight next = k_legendre.rise[k + 1] * x * now - k_legendre.fall[k + 1] * before;
      sum += slopes[k] * next;
      before = now;
      now = next;
    }
    const Eight least = Eight{} + 0.05;
    store(&p.polynomial[i], sum > least ? sum : least);
  }
}

[[gnu::always_inline]] inline double chi2(const Pixels& p, const double* light) {
  Eight sum{};
  for (std::size_t i = 0; i < p.size(); i += k_lanes) {
    const Eight r = load(&p.flux[i]) - load(light + i) * load(&p.polynomial[i]);
    sum += load(&p.weight[i]) * r * r;
  }
  return total(sum);
}

// Slope of chi2 / 2 along a step to the light and polynomial of `p`: four coefficients of its cubic.
[[gnu::always_inline]] inline void along(const Pixels& p, const double* light, const double* polynomial, double* out) {
  Eight s0{}, s1{}, s2{}, s3{};
  for (std::size_t i = 0; i < p.size(); i += k_lanes) {
    const Eight c = load(light + i), q = load(polynomial + i), w = load(&p.weight[i]);
    const Eight dc = load(&p.light[i]) - c, dq = load(&p.polynomial[i]) - q, r = load(&p.flux[i]) - c * q;
    const Eight first = q * dc + c * dq, second = dc * dq;
    s0 -= w * r * first;
    s1 += w * (first * first - 2.0 * r * second);
    s2 += w * 3.0 * first * second;
    s3 += w * 2.0 * second * second;
  }
  out[0] = total(s0);
  out[1] = total(s1);
  out[2] = total(s2);
  out[3] = total(s3);
}

/// Of one block of the grid: sums over its pixels.
struct Block {
  double templates = 0, cross = 0, x = 0, pixels = 0;  // weight x polynomial^2, x polynomial x light; x
};
struct Matrix {
  alignas(64) std::array<double, k_unknowns * k_unknowns> a{};  // lower triangle, rows rounded up to eight
};

// Columns: the templates, padded, then the orders of the polynomial.
[[gnu::always_inline]] inline void outer(const float* table, std::size_t stride, const Block* blocks, std::size_t n,
                                         std::size_t m, Matrix& sums) {
  alignas(64) double row[k_held][k_unknowns] = {}, weighted[k_held][k_unknowns] = {};
  double x[k_held] = {}, scale[k_held] = {}, weight[k_held] = {};
  const std::size_t columns = stride + m;
  std::size_t held = 0;
  for (std::size_t b = 0; b < n; ++b) {
    if (blocks[b].templates > 0) {
      const float* mean = table + b * stride;
      for (std::size_t k = 0; k < stride; ++k) row[held][k] = static_cast<double>(mean[k]);
      x[held] = blocks[b].x / blocks[b].pixels;
      scale[held] = blocks[b].cross / blocks[b].templates;
      weight[held] = blocks[b].templates;
      ++held;
    }
    if (held == 0 || (held < k_held && b + 1 < n)) continue;
    for (std::size_t h = held; h < k_held; ++h) weight[h] = 0;
    double before[k_held] = {}, now[k_held] = {1, 1, 1, 1};
    for (std::size_t k = 0; k < m; ++k)
      for (std::size_t h = 0; h < k_held; ++h) {
        const double next = k_legendre.rise[k + 1] * x[h] * now[h] - k_legendre.fall[k + 1] * before[h];
        row[h][stride + k] = scale[h] * next;
        before[h] = now[h];
        now[h] = next;
      }
    for (std::size_t h = 0; h < k_held; ++h)
      for (std::size_t k = 0; k < columns; ++k) weighted[h][k] = row[h][k] * weight[h];
    for (std::size_t j = 0; j < columns; ++j) {
      const double w0 = weighted[0][j], w1 = weighted[1][j], w2 = weighted[2][j], w3 = weighted[3][j];
      double* a = &sums.a[j * k_unknowns];
      for (std::size_t k = 0; k < j + 1; k += k_lanes)
        store(a + k, load(a + k) + (w0 * load(row[0] + k) + w1 * load(row[1] + k) +
                                    (w2 * load(row[2] + k) + w3 * load(row[3] + k))));
    }
    held = 0;
  }
}

struct Loops {
  Totals (*residuals)(const Pixels&, std::size_t, double*, double*, double*);
  void (*project)(const TemplateSet&, std::size_t, std::size_t, std::size_t, const double*, double*);
  void (*combine)(const float* const*, const double*, std::size_t, std::size_t, std::size_t, double*);
  void (*polynomial)(const double*, std::size_t, Pixels&);
  double (*chi2)(const Pixels&, const double*);
  void (*along)(const Pixels&, const double*, const double*, double*);
  void (*outer)(const float*, std::size_t, const Block*, std::size_t, std::size_t, Matrix&);
};
#define STARGLOW_LOOPS(name, attribute)                                                                                \
  attribute Totals residuals_##name(const Pixels& p, std::size_t m, double* a, double* b, double* c) {                 \
    return residuals(p, m, a, b, c);                                                                                   \
  }                                                                                                                    \
  attribute void project_##name(const TemplateSet& t, std::size_t sigma, std::size_t from, std::size_t count,          \
                                const double* grid, double* out) {                                                     \
    project(t, sigma, from, count, grid, out);                                                                         \
  }                                                                                                                    \
  attribute void combine_##name(const float* const* rows, const double* w, std::size_t n, std::size_t from,            \
                                std::size_t count, double* grid) {                                                     \
    combine(rows, w, n, from, count, grid);                                                                            \
  }                                                                                                                    \
  attribute void polynomial_##name(const double* slopes, std::size_t m, Pixels& p) { polynomial(slopes, m, p); }       \
  attribute double chi2_##name(const Pixels& p, const double* light) { return chi2(p, light); }                        \
  attribute void along_##name(const Pixels& p, const double* a, const double* b, double* out) { along(p, a, b, out); } \
  attribute void outer_##name(const float* table, std::size_t stride, const Block* blocks, std::size_t n,              \
                              std::size_t m, Matrix& sums) {                                                           \
    outer(table, stride, blocks, n, m, sums);                                                                          \
  }                                                                                                                    \
  constexpr Loops loops_##name{residuals_##name, project_##name, combine_##name, polynomial_##name,                    \
                               chi2_##name,      along_##name,   outer_##name};
STARGLOW_LOOPS(plain, )
#if defined(__x86_64__)
STARGLOW_LOOPS(wide, __attribute__((target("avx2"))))
STARGLOW_LOOPS(widest, __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl"))))
Loops loops_of_this_machine() {
  if (x86_features().v4) return loops_widest;
  if (x86_features().avx2) return loops_wide;
  return loops_plain;
}
#else
Loops loops_of_this_machine() { return loops_plain; }
#endif
#undef STARGLOW_LOOPS
const Loops k_loops = loops_of_this_machine();

// The pixels of the templates' grid that a fit can come upon, in eights: first and number.
struct Range {
  std::size_t from, count;
};
Range range_of(const TemplateSet& t, const Pixels& p) {
  const auto margin = static_cast<std::size_t>(1.5e-3 / t.log_step()) + 2;
  const auto low = static_cast<std::size_t>(p.at.front()), high = static_cast<std::size_t>(p.at.back());
  const std::size_t from = low > margin ? low - margin : 0, to = std::min(high + 1 + margin, t.pixels());
  const std::size_t count = (to - from + k_lanes - 1) / k_lanes * k_lanes;
  return {from, count};
}

}  // namespace

void Pixels::pad() {
  while (at.size() % k_lanes != 0) {
    at.push_back(at.back());
    x.push_back(x.back());
    flux.push_back(0);
    weight.push_back(0);
  }
  light.assign(size(), 0.0);
  polynomial.assign(size(), 1.0);
}

void place(double shift, Pixels& p) {
  p.cell.resize(p.size());
  p.part.resize(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double at = p.at[i] - shift;
    p.cell[i] = static_cast<std::int32_t>(at);
    p.part[i] = at - static_cast<double>(p.cell[i]);
  }
}

void sum_slopes(const TemplateSet& t, std::size_t sigma, const Pixels& p, std::size_t m, NormalEquations& out) {
  out.to_light.resize(p.size());
  out.to_polynomial.resize(p.size());
  out.by_weight.resize(t.count());
  out.by_order.resize(m);
  const Totals totals = k_loops.residuals(p, m, out.to_light.data(), out.to_polynomial.data(), out.by_order.data());
  out.light = totals.light;
  out.chi2 = totals.chi2;
  const Range range = range_of(t, p);
  out.grid.assign(range.count, 0.0);
  // Neighbours add to the same places of the grid: pixels far apart, in turns, need not wait for each other.
  const std::size_t quarter = p.size() / 4;
  for (std::size_t k = 0; k < quarter; ++k)
    for (std::size_t i = k; i < p.size(); i += quarter) {
      const double high = out.to_light[i] * p.part[i];
      double* to = &out.grid[static_cast<std::size_t>(p.cell[i]) - range.from];
      to[0] += out.to_light[i] - high;
      to[1] += high;
    }
  k_loops.project(t, sigma, range.from, range.count, out.grid.data(), out.by_weight.data());
}

void sum_curvature(const TemplateSet& t, std::size_t sigma, const Pixels& p, std::size_t m, NormalEquations& out) {
  const Range range = range_of(t, p);
  const std::size_t first = range.from / TemplateSet::k_block,
                    count = (range.from + range.count) / TemplateSet::k_block + 1 - first;
  std::vector<Block> blocks(count);
  for (std::size_t i = 0; i < p.size(); ++i) {
    Block& block = blocks[static_cast<std::size_t>(p.cell[i]) / TemplateSet::k_block - first];
    const double part = p.weight[i] * p.polynomial[i];
    block.templates += part * p.polynomial[i];
    block.cross += part * p.light[i];
    block.x += p.x[i];
    block.pixels += 1;
  }
  Matrix sums;
  const std::size_t n = t.count(), stride = t.stride(), all = n + m;
  k_loops.outer(t.blocks_at_sigma(sigma) + first * stride, stride, blocks.data(),
                std::min(count, t.pixels() / TemplateSet::k_block - first), m, sums);
  const auto at = [&](std::size_t k) { return k < n ? k : k - n + stride; };
  out.matrix.resize(all * all);
  for (std::size_t j = 0; j < all; ++j)
    for (std::size_t k = 0; k <= j; ++k)
      out.matrix[j * all + k] = out.matrix[k * all + j] = sums.a[at(j) * k_unknowns + at(k)];
}

void add_up(const TemplateSet& t, std::size_t sigma, const Pixels& p, std::span<const double> w,
            std::vector<double>& grid) {
  const Range range = range_of(t, p);
  std::array<const float*, TemplateSet::k_max_templates> rows{};
  std::array<double, TemplateSet::k_max_templates> of{};
  std::size_t n = 0;
  for (std::size_t k = 0; k < w.size(); ++k) {
    if (w[k] == 0) continue;
    rows[n] = t.row_at_sigma(sigma, k);
    of[n++] = w[k];
  }
  grid.resize(t.pixels() + 2 * k_lanes);
  k_loops.combine(rows.data(), of.data(), n, range.from, range.count, grid.data());
}

void look_up(const Pixels& p, std::span<const double> grid, std::vector<double>& out) {
  out.resize(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double* at = &grid[static_cast<std::size_t>(p.cell[i])];
    out[i] = at[0] * (1 - p.part[i]) + at[1] * p.part[i];
  }
}

void set_polynomial(std::span<const double> slopes, Pixels& p) { k_loops.polynomial(slopes.data(), slopes.size(), p); }

double chi2_of(const Pixels& p, std::span<const double> light) { return k_loops.chi2(p, light.data()); }

Cut best_part(const Pixels& p, std::span<const double> light, std::span<const double> polynomial, double rise,
              double bend) {
  std::array<double, 4> slope{};  // of half of the cost
  k_loops.along(p, light.data(), polynomial.data(), slope.data());
  slope[0] += rise;
  slope[1] += bend;
  const auto at = [&](double t) { return slope[0] + t * (slope[1] + t * (slope[2] + t * slope[3])); };
  double lo = 0, hi = 1;
  if (at(1) > 0)
    for (int k = 0; k < 40; ++k) (at(0.5 * (lo + hi)) > 0 ? hi : lo) = 0.5 * (lo + hi);
  if (hi > 0.95) hi = 1;  // as good, and nothing to do again
  return {hi, -2 * hi * (slope[0] + hi * (slope[1] / 2 + hi * (slope[2] / 3 + hi * slope[3] / 4)))};
}

bool solve_partly_free(std::span<const double> a, std::span<const double> b, std::span<double> w, std::span<double> q) {
  // [A C'; C D] (w, q) = (b, r): q = D^-1 (r - C w), and A - C' D^-1 C for w.
  const std::size_t n = w.size(), m = q.size(), all = n + m;
  std::vector<double> d(m * m), inverse(m * m), c(m * n, 0.0), reduced(n * n), rhs(b.begin(), b.end());
  for (std::size_t j = 0; j < m; ++j)
    for (std::size_t k = 0; k < m; ++k) d[j * m + k] = a[(n + j) * all + n + k];
  if (!solve_cholesky(d, std::span(rhs).subspan(n))) return false;
  invert_from_factor(d, inverse);
  for (std::size_t j = 0; j < m; ++j)
    for (std::size_t k = 0; k < m; ++k)
      for (std::size_t i = 0; i < n; ++i) c[j * n + i] += inverse[j * m + k] * a[(n + k) * all + i];
  for (std::size_t i = 0; i < n; ++i) {
    const double* cross = &a[i * all + n];
    for (std::size_t j = 0; j < m; ++j) rhs[i] -= cross[j] * rhs[n + j];
    for (std::size_t k = 0; k <= i; ++k) {
      double sum = a[i * all + k];
      for (std::size_t j = 0; j < m; ++j) sum -= cross[j] * c[j * n + k];
      reduced[i * n + k] = reduced[k * n + i] = sum;
    }
  }
  solve_nnls(reduced, std::span(rhs).first(n), w);
  for (std::size_t j = 0; j < m; ++j) {
    q[j] = rhs[n + j];
    for (std::size_t i = 0; i < n; ++i) q[j] -= c[j * n + i] * w[i];
  }
  return true;
}

}  // namespace starglow::continuum

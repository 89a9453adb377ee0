#pragma once
#include <cmath>
#include <limits>
#include <span>

#include "starglow/base/random.hpp"
#include "starglow/judge/evaluate.hpp"
#include "starglow/model/noise_model.hpp"

namespace starglow {

/// A measured line, as the judgement of distributions selects: with a number, and positive.
inline bool measured(const Galaxies& g, std::size_t row, std::size_t line) {
  const double ew = static_cast<double>(g.ew(row, line)), ivar = static_cast<double>(g.ew_ivar(row, line));
  return ivar > 0 && std::isfinite(ivar) && ew > 0 && std::isfinite(ew);
}

/// Draws of one prediction with measurement noise. sigma is the row's own; the weak members of the doublets share their
/// partner's noise where it has any.
class Noisy {
 public:
  Noisy(const Galaxies& g, const NamedPrediction& p, std::size_t draws, std::uint64_t seed)
      : g_(g), p_(p), n_(p.n_draws > 0 ? p.n_draws : draws), seed_(seed) {}

  std::size_t n() const { return n_; }
  double intrinsic(std::size_t row, std::size_t line, std::size_t k) const {
    return p_.n_draws > 0 ? static_cast<double>(p_.draws(row, line * n_ + k)) : p_.ew(row, line);
  }
  double sigma(std::size_t row, std::size_t line) const {
    const NoiseSource source = noise_source(line);
    const double partner = static_cast<double>(g_.ew_ivar(row, source.line)),
                 own = static_cast<double>(g_.ew_ivar(row, line));
    if (partner > 0 && std::isfinite(partner)) return source.factor / std::sqrt(partner);
    return own > 0 && std::isfinite(own) ? 1.0 / std::sqrt(own) : std::numeric_limits<double>::quiet_NaN();
  }
  /// out (n): draws of a line plus noise.
  void fill(std::size_t row, std::size_t line, std::span<double> out) const {
    const std::int64_t id = g_.targetid.empty() ? static_cast<std::int64_t>(row) : g_.targetid[row];
    const RandomObject random(seed_, Stream::label_noise, id);
    const auto lane = static_cast<std::uint32_t>(noise_source(line).line);
    const double s = sigma(row, line);
    for (std::size_t k = 0; k < out.size(); ++k)
      out[k] = intrinsic(row, line, k) + s * random.normal(static_cast<std::uint32_t>(k), lane);
  }
  const NamedPrediction& prediction() const { return p_; }

 private:
  const Galaxies& g_;
  const NamedPrediction& p_;
  std::size_t n_;
  std::uint64_t seed_;
};

}  // namespace starglow

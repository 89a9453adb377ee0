#include "cli/repeated_spectra.hpp"

#include <algorithm>
#include <type_traits>

namespace starglow::cli {

const Matrix<double>& continuum_of(const Spectra& s) { return s.continuum.empty() ? s.flux : s.continuum; }

Spectra repeated(const Spectra& s, std::size_t k, std::size_t first) {
  const std::size_t n = s.z.size() * k;
  Spectra out;
  const auto matrix = [&](const auto& from) {
    std::decay_t<decltype(from)> to(from.empty() ? 0 : n, from.cols());
    for (std::size_t r = 0; r < to.rows(); ++r) std::ranges::copy(from.row(r / k), to.row(r).begin());
    return to;
  };
  const auto vector = [&](const auto& from) {
    std::decay_t<decltype(from)> to;
    for (std::size_t r = 0; r < (from.empty() ? 0 : n); ++r) to.push_back(from[r / k]);
    return to;
  };
  out.wave_obs = s.wave_obs.rows() == 1 ? s.wave_obs : matrix(s.wave_obs);
  out.continuum = matrix(continuum_of(s));
  out.ivar = matrix(s.ivar);
  out.mask = matrix(s.mask);
  out.resolution = matrix(s.resolution);
  out.targetid = vector(s.targetid);
  if (out.targetid.empty())
    for (std::size_t r = 0; r < n; ++r) out.targetid.push_back(static_cast<std::int64_t>(first + r / k));
  out.survey = vector(s.survey);
  out.program = vector(s.program);
  out.z = vector(s.z);
  out.ebv = vector(s.ebv);
  out.flags.assign(n, 0);
  return out;
}

}  // namespace starglow::cli

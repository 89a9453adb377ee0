#include "model/row_evidence.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "starglow/base/error.hpp"
#include "starglow/base/marks.hpp"

namespace starglow {

JointDistribution with_factor(const LineDistribution& lines, const JointHead& head) {
  JointDistribution out;
  out.lines = lines;
  for (std::size_t c = 0; c < lines.components; ++c)
    std::copy(head.factor.row(c).begin(), head.factor.row(c).end(), out.factor[c].begin());
  return out;
}

std::array<double, k_n_all_lines> Model::sigma_ew(const Galaxies& g, std::size_t row,
                                                  std::span<const double> ew) const {
  std::array<double, k_n_all_lines> out;
  out.fill(std::numeric_limits<double>::quiet_NaN());
  const auto& law = parts().noise;
  for (const std::size_t line : lines().lines()) {
    const NoiseSource source = noise_source(line);
    const double ivar =
        g.ew_ivar.empty() || source.line >= g.ew_ivar.cols() ? 0.0 : static_cast<double>(g.ew_ivar(row, source.line));
    out[line] = ivar > 0 && std::isfinite(ivar) ? source.factor / std::sqrt(ivar)
                : law                           ? law->sigma(line, g.band_flux.row(row),
                                   g.z.empty() ? std::numeric_limits<double>::quiet_NaN() : g.z[row], ew[line])
                                                : std::numeric_limits<double>::quiet_NaN();
  }
  return out;
}

Evidence evidence_at(const Model& model, const Galaxies& g, std::size_t row, const PredictOptions& options,
                     const LineDistribution& d) {
  Evidence out{};
  const auto independent = model.lines().independent();
  if (options.given != nullptr)
    out = evidence_of(options.given->ew.row(row), options.given->ivar.row(row), model.ew_ratio(), independent);
  if (options.selected == nullptr || options.selected->empty()) return out;
  std::array<double, k_n_all_lines> ew{};
  for (std::size_t j = 0; j < independent.size(); ++j) ew[independent[j]] = intrinsic_ew(d.median[j]);
  for (std::size_t k = 0; k < k_doublets.size(); ++k)
    ew[static_cast<std::size_t>(k_doublets[k].weak)] =
        ew[static_cast<std::size_t>(k_doublets[k].strong)] / model.ew_ratio()[k];
  for (const auto& cut : line_cuts(*options.selected, model.sigma_ew(g, row, ew), independent))
    if (out[cut.line].kind == LineEvidence::Kind::none)
      out[cut.line] = {LineEvidence::Kind::passed, cut.limit, cut.sigma};
  return out;
}

void to_given_partners(const GivenLines& given, std::size_t row, std::span<const double> ew_ratio, bool counted,
                       std::span<double> slopes) {
  if (!counted) return std::fill(slopes.begin(), slopes.end(), 0.0);
  const auto width = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(slopes.size()))));
  const auto says = [&](std::size_t line) {
    const double ivar = given.ivar(row, line);
    return ivar > 0 && std::isfinite(ivar) && can_be_measured(given.ew(row, line));
  };
  for (std::size_t d = 0; d < k_doublets.size(); ++d) {
    const auto weak = static_cast<std::size_t>(k_doublets[d].weak),
               strong = static_cast<std::size_t>(k_doublets[d].strong);
    if (says(strong) || !says(weak)) continue;
    for (std::size_t line = 0; line * width < slopes.size(); ++line) {
      slopes[line * width + weak] = ew_ratio[d] * slopes[line * width + strong];
      slopes[line * width + strong] = 0;
    }
  }
}

void check_conditions(const Model& model, const Galaxies& g, const PredictOptions& options) {
  if (options.given == nullptr && options.selected == nullptr) return;
  if (!model.has_distribution())
    throw Error(ErrorKind::model, "this model kind cannot use given lines or a selection cut",
                {"kind " + model.parts().kind, "kind joint", ""});
  if (options.given != nullptr)
    for (const auto* m : {&options.given->ew, &options.given->ivar})
      if (m->rows() != g.n || m->cols() < model.lines().width())
        throw Error(ErrorKind::usage, "given lines do not fit the galaxies",
                    {"(" + std::to_string(m->rows()) + ", " + std::to_string(m->cols()) + ")",
                     "(" + std::to_string(g.n) + ", " + std::to_string(model.lines().width()) + ")", ""});
  const auto has = [&](std::size_t line) {
    if (!model.lines().has(line))
      throw Error(ErrorKind::model, "the model does not predict a line that is given or cut on",
                  {std::string(k_all_lines[line].name), "one of " + model.lines().names(), ""});
  };
  if (options.selected != nullptr)
    for (const auto& cut : options.selected->cuts) has(cut.line);
  if (options.given != nullptr && !model.lines().is_standard())
    for (std::size_t i = 0; i < g.n; ++i)
      for (std::size_t line = 0; line < options.given->ivar.cols(); ++line)
        if (options.given->ivar(i, line) > 0) has(line);
  if (options.selected != nullptr && g.ew_ivar.empty() && !model.parts().noise)
    throw Error(ErrorKind::input, "a cut needs the errors of the measured lines",
                {"no {LINE}_EW_IVAR, and a model without a noise law", "one of them", ""});
}

}  // namespace starglow

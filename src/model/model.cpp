#include "starglow/model/model.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/dispatch.hpp"
#include "model/check_bank.hpp"
#include "model/compiled.hpp"
#include "model/condition_rows.hpp"
#include "model/dust.hpp"
#include "model/joint_draws.hpp"
#include "model/masking.hpp"
#include "model/redshift_error.hpp"
#include "model/row_evidence.hpp"
#include "model/slopes.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/limits.hpp"
#include "starglow/base/random.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_shard_rows = 512;  // results do not depend on it: rows are independent

}  // namespace

Model::Model(Parts parts, std::string known_hash) {
  const bool baseline = parts.kind == "knn" || parts.kind == "llr";
  if (!baseline && parts.kind != "k24" && parts.kind != "mlp" && parts.kind != "joint")
    throw Error(ErrorKind::model, "a model of this kind cannot predict",
                {"'" + parts.kind + "'", "joint, mlp, k24, knn or llr", ""});
  if (baseline != parts.neighbours.has_value() || (baseline && (parts.full || parts.partial)))
    throw Error(ErrorKind::model, "kinds knn and llr have neighbours and no networks, the others the reverse",
                {"kind " + parts.kind, "", ""});
  if (baseline && !parts.lines.is_standard())
    throw Error(ErrorKind::model, "a baseline predicts the ten lines", {parts.lines.names(), "", ""});
  if (baseline) {
    parts.neighbours->local_linear = parts.kind == "llr";
    parts.neighbours->check();
  }
  if (!baseline && !parts.full && !parts.partial) throw Error(ErrorKind::model, "a model without networks");
  for (auto* bank : {&parts.full, &parts.partial}) {
    if (!*bank) continue;
    (*bank)->kind_per_line = parts.kind == "k24";
    check_bank(**bank, parts.lines, bank == &parts.full ? "full" : "partial", parts.kind == "joint");
  }
  if (parts.partial && !parts.partial->features.masks && !parts.partial->features.inputs.empty())
    throw Error(ErrorKind::model, "the networks without luminosity use more than the bands");
  compiled_ = std::make_shared<const Compiled>(std::move(parts), std::move(known_hash));
}

void need_ten_lines(const Model& model, std::string_view what) {
  if (!model.lines().is_standard())
    throw Error(ErrorKind::model, std::string(what) + " needs a model of the ten lines",
                {"a model of " + model.lines().names(), LineSet::standard().names(),
                 "train, inspect, predict, evaluate, paint and explore work with any lines."});
}

void need_some_of_the_ten(const Model& model, std::string_view what) {
  if (model.lines().width() > k_n_lines)
    throw Error(ErrorKind::model, std::string(what) + " needs a model of some of the ten lines, and no other",
                {model.lines().names(), "lines of " + LineSet::standard().names(), ""});
}

const Model::Parts& Model::parts() const noexcept { return compiled_->parts; }
const std::string& Model::hash() const noexcept { return compiled_->hash; }

InputSet Model::input_columns() const noexcept { return compiled_->columns_used(); }

std::size_t Model::n_params() const noexcept {
  std::size_t n = 0;
  for (const auto* bank : {&parts().full, &parts().partial})
    if (*bank) n += (*bank)->params.size();
  if (const auto& near = parts().neighbours) n += near->points.rows() * (near->points.cols() + near->t.cols());
  return n;
}

/// Where the answers of a shard go.
struct Model::Answer {
  Prediction& out;
  Derivatives* slopes;                                         ///< or null
  std::vector<JointDistribution>* distributions;               ///< or null
  const std::vector<std::optional<LineDistribution>>& over_z;  ///< of rows with a redshift error; or empty
};

namespace {

// No galaxy has such a line: there is no answer. In a distribution a t far below 0 is no line at all.
bool beyond_limits(std::span<const double> t, bool point, std::int32_t& flags) {
  const bool beyond =
      std::any_of(t.begin(), t.end(), [&](double v) { return !(v < k_most_t) || (point && v <= -k_most_t); });
  if (beyond) flags |= k_nonfinite | k_bounded;
  return beyond;
}

// The weak members of the doublets that a bank does not give itself.
template <class F>
void derive_partners(const LineSet& lines, std::span<const std::size_t> outputs, std::span<const double> ratio,
                     F divide) {
  for (std::size_t d = 0; d < k_doublets.size(); ++d) {
    const auto weak = static_cast<std::size_t>(k_doublets[d].weak),
               strong = static_cast<std::size_t>(k_doublets[d].strong);
    if (lines.has(weak) && std::find(outputs.begin(), outputs.end(), weak) == outputs.end())
      divide(weak, strong, ratio[d]);
  }
}

}  // namespace

// One shard: flags, features, networks, EWs and what else is asked for.
template <class T>
void Model::predict_shard(const Galaxies& g, const ConventionReport& report, Shard shard, const PredictOptions& options,
                          const Answer& into) const {
  const auto& c = *compiled_;
  Prediction& out = into.out;
  // Rows that are treated alike: nothing lacks; bands lack; luminosity lacks; redshift too.
  std::array<std::vector<std::size_t>, 4> groups;
  const InputSet columns_used = c.columns_used();
  for (std::size_t i = shard.first; i < shard.last; ++i) {
    std::int32_t flags = has_id(g, i) ? 0 : k_id_is_row;
    flags |=
        band_flags(g.band_flux.row(i), g.band_flux_ivar.empty() ? std::span<const double>{} : g.band_flux_ivar.row(i));
    const double z = g.z.empty() ? std::numeric_limits<double>::quiet_NaN() : g.z[i];
    if (z <= 0 || z < c.z_min || z > c.z_max || std::isinf(z)) flags |= k_z_range;
    const bool z_known = report.redshift_usable && z > 0 && std::isfinite(z);
    const bool luminosity = z_known && report.luminosity_usable && (c.has_full() || c.masked());
    std::size_t bands = k_n_bands, others = k_n_bands - 1;  // others: all but the bluest
    if ((flags & k_band_missing) != 0) {
      const auto flux = usable_bands(g, i);
      others = static_cast<std::size_t>(std::count_if(flux.begin() + 1, flux.end(), [](double f) { return f > 0; }));
      bands = others + (flux[0] > 0 ? 1U : 0U);
    }
    if (!luminosity) flags |= k_no_luminosity;
    const bool columns = columns_used.empty() || lacking_columns(g, i, columns_used).empty();
    if (!columns) flags |= k_input_missing;
    const bool whole = bands == k_n_bands || (c.full_masks() && others == k_n_bands - 1);
    if ((c.masked() ? bands < k_min_bands : !whole) || ((!luminosity || !columns) && !c.parts.partial))
      flags |= k_no_answer;
    if ((flags & k_fatal_flags) == 0)
      groups[!z_known ? 3 : !luminosity ? 2 : c.has_full() && whole && columns ? 0 : 1].push_back(i);
    out.flags[i] = flags;
  }
  for (std::size_t group = 0; group < groups.size(); ++group) {
    const auto& rows = groups[group];
    if (rows.empty()) continue;
    const bool full = group == 0;
    if (c.neighbours) {
      const auto near = c.run_neighbours(g, rows, options.out_of_domain == OutOfDomain::clip);
      for (std::size_t r = 0; r < rows.size(); ++r) {
        const std::size_t row = rows[r];
        out.domain[row] = near.grade[r];
        const bool outside = near.outside[r] != 0;
        if (outside) out.flags[row] |= k_out_of_domain;
        if (outside && options.out_of_domain == OutOfDomain::nan) continue;
        const bool prior = outside && options.out_of_domain == OutOfDomain::prior;
        const auto t = prior ? std::span<const double>(c.parts.neighbours->t_mean) : near.t.row(r);
        if (beyond_limits(t, true, out.flags[row])) continue;
        for (std::size_t j = 0; j < k_n_independent_lines; ++j) out.ew(row, k_independent_lines[j]) = std::sinh(t[j]);
        derive_partners(lines(), k_independent_lines, c.ew_ratio,
                        [&](std::size_t weak, std::size_t strong, double ratio) {
                          out.ew(row, weak) = out.ew(row, strong) / ratio;
                        });
      }
      continue;
    }
    const NetworkBank& bank = c.bank(full);
    auto late = LateSlopes::where_it_pays(bank, rows.size(), options.given == nullptr ? into.slopes : nullptr);
    const auto outputs = c.run<T>(full, g, rows, group < 2, group < 3, into.slopes != nullptr && !late,
                                  options.out_of_domain == OutOfDomain::clip);
    const std::size_t n_lines = bank.outputs.size();
    const auto is_prior = [&](std::size_t r) {
      return outputs.outside[r] != 0 && options.out_of_domain == OutOfDomain::prior;
    };
    const auto is_finite = [&](std::size_t r) {
      const auto raw = outputs.t.row(r);
      return std::all_of(raw.begin(), raw.end(), [](double v) { return std::isfinite(v); });
    };
    const auto adjustment_of = [&](std::size_t r) {
      const double z = g.z.empty() ? std::numeric_limits<double>::quiet_NaN() : g.z[rows[r]];
      // An answer for the edge of the domain is no wider than there.
      const bool moved = outputs.outside[r] != 0 && options.out_of_domain == OutOfDomain::clip;
      return c.adjustment(z, moved ? 0 : outputs.grade[r], options.evolution);
    };
    const auto distribution_of = [&](std::size_t r) {
      if (is_prior(r)) return prior_distribution(bank);
      if (!into.over_z.empty() && into.over_z[rows[r]]) return *into.over_z[rows[r]];
      return bank.joint->distribution(outputs.t.row(r), bank.y_mean, bank.y_scale, adjustment_of(r));
    };
    const bool knowing = bank.joint && (options.given != nullptr || options.selected != nullptr);
    std::vector<JointDistribution> joint(knowing ? rows.size() : 0);
    std::vector<Evidence> evidence(joint.size());
    std::vector<KnownRow> known;
    for (std::size_t r = 0; r < joint.size(); ++r) {
      if (!is_prior(r) && !is_finite(r)) continue;
      joint[r] = with_factor(distribution_of(r), *bank.joint);
      evidence[r] = evidence_at(*this, g, rows[r], options, joint[r].lines);
      if (!knows(evidence[r])) continue;
      if constexpr (sizeof(T) == sizeof(double))
        joint[r] = condition(joint[r], evidence[r]);
      else
        known.push_back({&joint[r], &evidence[r]});
    }
    if (!known.empty()) condition_rows(known, options.draws > 0 || into.distributions != nullptr);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const std::size_t row = rows[r];
      out.domain[row] = outputs.grade[r];
      if (outputs.outside[r] != 0) out.flags[row] |= k_out_of_domain;
      if (outputs.outside[r] != 0 && options.out_of_domain == OutOfDomain::nan) continue;
      const bool prior = is_prior(r);
      if (!prior && !is_finite(r)) {
        out.flags[row] |= k_nonfinite;  // numbers so far off that the networks overflow
        continue;
      }
      std::array<double, k_n_all_lines> t{};
      LineDistribution d;
      Adjustment adjustment;
      const JointDistribution* conditioned = nullptr;
      if (bank.joint) {
        adjustment = adjustment_of(r);
        d = knowing ? joint[r].lines : distribution_of(r);
        if (knowing && knows(evidence[r])) {
          conditioned = &joint[r];
          out.flags[row] |= k_conditioned;
        }
        if (beyond_limits(d.median, false, out.flags[row])) continue;
        LineDistribution::PerLine ew, p16, p84;
        const auto& kernel = kernels::active().mixture;
        const std::size_t places = d.slots.places();
        kernel.intrinsic_ew(d.median.data(), ew.data(), places);
        kernel.intrinsic_ew(d.p16.data(), p16.data(), places);
        kernel.intrinsic_ew(d.p84.data(), p84.data(), places);
        for (std::size_t j = 0; j < n_lines; ++j) {
          out.ew(row, bank.outputs[j]) = ew[j];
          if (out.p16.empty()) continue;
          out.p16(row, bank.outputs[j]) = p16[j];
          out.p84(row, bank.outputs[j]) = p84[j];
        }
        if (!out.p_lineless.empty()) out.p_lineless[row] = d.p_lineless();
        if (into.distributions != nullptr)
          (*into.distributions)[row] = conditioned != nullptr ? *conditioned : with_factor(d, *bank.joint);
        if (options.draws > 0) {
          const std::int64_t id = random_id(g, row, options.first_row);
          Factors factors;
          for (std::size_t k = 0; k < d.components; ++k)
            factors[k] =
                conditioned != nullptr ? std::span<const double>(conditioned->factor[k]) : bank.joint->factor.row(k);
          draw_lines(d, factors, bank.outputs, RandomObject(options.seed, Stream::intrinsic, id).key(), options.draws,
                     out.draws.row(row));
        }
      } else {
        for (std::size_t j = 0; j < n_lines; ++j)
          t[j] = bank.y_mean[j] + (prior ? 0.0 : bank.y_scale[j] * outputs.t(r, j));
        if (beyond_limits(std::span(t).first(n_lines), true, out.flags[row])) continue;
        for (std::size_t j = 0; j < n_lines; ++j) out.ew(row, bank.outputs[j]) = std::sinh(t[j]);
      }
      const auto at = [&](std::size_t line) { return static_cast<std::ptrdiff_t>(line * options.draws); };
      derive_partners(lines(), bank.outputs, c.ew_ratio, [&](std::size_t weak, std::size_t strong, double ratio) {
        out.ew(row, weak) = out.ew(row, strong) / ratio;
        if (!out.p16.empty()) {
          out.p16(row, weak) = out.p16(row, strong) / ratio;
          out.p84(row, weak) = out.p84(row, strong) / ratio;
        }
        const auto draws = out.draws.row(row);
        std::transform(draws.begin() + at(strong), draws.begin() + at(strong + 1), draws.begin() + at(weak),
                       [by = static_cast<float>(ratio)](float ew) { return ew / by; });
      });
      if (into.slopes == nullptr) continue;
      const auto flux = usable_bands(g, row);
      const RowOutputs from{.t = outputs.t.row(r),
                            .dt = late ? std::span<const double>{} : outputs.dt.row(r),
                            .flux = flux,
                            .z = g.z.empty() ? std::numeric_limits<double>::quiet_NaN() : g.z[row],
                            .distribution = bank.joint ? &d : nullptr,
                            .evidence = conditioned != nullptr ? &evidence[r] : nullptr,
                            .adjustment = adjustment,
                            .r_by_z = adjustment.r > 0 ? 1 / (1 + g.z[row]) : 0.0,
                            .widen_by = adjustment.widen != 1
                                            ? c.widen_slopes(g, row, group < 2, group < 3, out.domain[row])
                                            : std::array<double, k_n_slopes>{}};
      if (late)
        late->keep(r, row, from);
      else
        write_slopes(bank, from, c.ew_ratio, row, *into.slopes);
      if (options.given != nullptr)
        to_given_partners(*options.given, row, c.ew_ratio, conditioned != nullptr, into.slopes->given.row(row));
    }
    if (late) late->write(c.pull_back(full, outputs, late->by_output()), c.ew_ratio, *into.slopes);
  }
}

Prediction Model::answer(const Galaxies& g, WorkerPool& pool, const PredictOptions& options, Derivatives* slopes,
                         std::vector<JointDistribution>* distributions) const {
  if (g.n > 0 && g.band_flux.rows() != g.n) throw Error(ErrorKind::input, "the table has no column BAND_FLUX");
  const bool joint = has_distribution();
  if (slopes != nullptr && compiled_->neighbours)
    throw Error(ErrorKind::model, "a model of neighbours has no derivatives",
                {"kind " + parts().kind, "joint, mlp or k24", ""});
  if (!joint && (options.draws > 0 || distributions != nullptr))
    throw Error(ErrorKind::model, "this model kind has no distribution",
                {"kind " + parts().kind, "kind joint", "Noise can be added to its points (add_noise, --noise)."});
  check_conditions(*this, g, options);
  const ConventionReport report = compare(g.conventions, !g.ebv.empty());
  if (report.dust_converted) {
    Prediction out = answer(with_own_dust(g), pool, options, slopes, distributions);
    if (slopes != nullptr)
      for (auto* of : {&slopes->ew, &slopes->p16, &slopes->p84}) chain_dust(g, *this, *of);
    return out;
  }
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const std::size_t width = lines().width();
  Prediction out;
  out.ew = Matrix<double>(g.n, width, nan);
  out.flags.assign(g.n, 0);
  out.domain.assign(g.n, nan);
  if (joint && slopes == nullptr && distributions == nullptr) {
    out.p16 = Matrix<double>(g.n, width, nan);
    out.p84 = Matrix<double>(g.n, width, nan);
    if (lines().slots().halpha != LineSlots::k_none) out.p_lineless.assign(g.n, nan);
  }
  if (options.draws > 0) out.draws = Matrix<float>(g.n, width * options.draws, std::numeric_limits<float>::quiet_NaN());
  if (distributions != nullptr) distributions->assign(g.n, JointDistribution{.lines = {.components = 0}});
  std::vector<std::optional<LineDistribution>> over_z;
  if (joint && slopes == nullptr) over_z = over_redshift_errors(*this, g, pool, options);
  const Answer into{out, slopes, distributions, over_z};
  pool.for_shards(shard_count(g.n, k_shard_rows), [&](std::size_t k) {
    const Shard rows = shard(k, g.n, k_shard_rows);
    if (options.float64 || slopes != nullptr)
      predict_shard<double>(g, report, rows, options, into);
    else
      predict_shard<float>(g, report, rows, options, into);
  });
  return out;
}

Prediction Model::predict(const Galaxies& g, WorkerPool& pool, const PredictOptions& options) const {
  return answer(g, pool, options, nullptr, nullptr);
}

std::vector<LineDistribution> Model::distributions(const Galaxies& g, WorkerPool& pool) const {
  std::vector<LineDistribution> out;
  for (const auto& d : joint_distributions(g, pool)) out.push_back(d.lines);
  return out;
}

std::vector<JointDistribution> Model::joint_distributions(const Galaxies& g, WorkerPool& pool,
                                                          const PredictOptions& options) const {
  std::vector<JointDistribution> out;
  (void)answer(g, pool, options, nullptr, &out);
  return out;
}

std::span<const double> Model::ew_ratio() const noexcept { return compiled_->ew_ratio; }

Matrix<float> Model::sample(const Galaxies& g, std::size_t draws, std::uint64_t seed, WorkerPool& pool) const {
  return answer(g, pool, {.draws = draws, .seed = seed}, nullptr, nullptr).draws;
}

}  // namespace starglow

#include "starglow/model.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <tuple>

#include "model/compiled.hpp"
#include "starglow/error.hpp"
#include "starglow/flags.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_shard_rows = 512;  // results do not depend on it: rows are independent

void check_bank(const NetworkBank& bank, const std::string& name) {
  bank.shape.check();
  const auto refuse = [&](const std::string& what, std::size_t seen, std::size_t wanted) {
    throw Error(ErrorKind::model, "networks '" + name + "': " + what,
                {std::to_string(seen), std::to_string(wanted), ""});
  };
  if (bank.n_nets == 0 || bank.n_nets > 64) refuse("wrong number of networks", bank.n_nets, 10);
  if (bank.shape.n_in() != bank.features.size())
    refuse("inputs and features differ", bank.shape.n_in(), bank.features.size());
  if (bank.params.size() != bank.n_nets * bank.shape.n_params())
    refuse("wrong number of parameters", bank.params.size(), bank.n_nets * bank.shape.n_params());
  for (const auto* m : {&bank.x_mean, &bank.x_scale})
    if (m->rows() != bank.n_nets || m->cols() != bank.shape.n_in())
      refuse("scalers of wrong shape", m->rows() * m->cols(), bank.n_nets * bank.shape.n_in());
  const std::size_t wanted = bank.per_line() ? bank.n_nets : bank.shape.n_out();
  if (bank.per_line() && bank.shape.n_out() != 1) refuse("outputs a network", bank.shape.n_out(), 1);
  if (bank.outputs.size() != wanted) refuse("wrong number of output lines", bank.outputs.size(), wanted);
  if (bank.y_mean.size() != wanted || bank.y_scale.size() != wanted)
    refuse("output scalers of wrong size", bank.y_mean.size(), wanted);
  std::array<bool, k_n_lines> seen{};
  for (const auto line : bank.outputs) {
    if (line >= k_n_lines || seen[line]) refuse("output lines repeat or are unknown", line, k_n_lines);
    seen[line] = true;
  }
  for (const auto& doublet : k_doublets)
    if (!seen[static_cast<std::size_t>(doublet.weak)]) {
      if (!seen[static_cast<std::size_t>(doublet.strong)]) refuse("a doublet is absent", 0, 1);
      seen[static_cast<std::size_t>(doublet.weak)] = true;
    }
  for (std::size_t line = 0; line < k_n_lines; ++line)
    if (!seen[line])
      throw Error(ErrorKind::model, "networks '" + name + "' do not give " + std::string(k_lines[line].name));
  const auto finite = [](auto v) { return std::isfinite(v); };
  for (const auto p : bank.params)
    if (!finite(p)) throw Error(ErrorKind::model, "networks '" + name + "' hold a parameter that is not finite");
  for (const auto s : bank.x_scale.flat())
    if (!finite(s) || !(s > 0))
      throw Error(ErrorKind::model, "networks '" + name + "' hold a scale that is not positive");
  for (const auto m : bank.x_mean.flat())
    if (!finite(m)) throw Error(ErrorKind::model, "networks '" + name + "' hold a mean that is not finite");
}

}  // namespace

Model::Model(Parts parts) {
  if (parts.kind != "k24" && parts.kind != "mlp")
    throw Error(ErrorKind::model, "a model of this kind cannot predict", {"'" + parts.kind + "'", "k24 or mlp", ""});
  if (!parts.full && !parts.no_luminosity) throw Error(ErrorKind::model, "a model without networks");
  for (auto* bank : {&parts.full, &parts.no_luminosity}) {
    if (!*bank) continue;
    (*bank)->kind_per_line = parts.kind == "k24";
    check_bank(**bank, bank == &parts.full ? "full" : "no_luminosity");
  }
  if (parts.no_luminosity && (parts.no_luminosity->features.log_lum || parts.no_luminosity->features.z))
    throw Error(ErrorKind::model, "the networks without luminosity use luminosity or redshift");
  compiled_ = std::make_shared<const Compiled>(std::move(parts));
}

const Model::Parts& Model::parts() const noexcept { return compiled_->parts; }
const std::string& Model::hash() const noexcept { return compiled_->hash; }

std::size_t Model::n_params() const noexcept {
  std::size_t n = 0;
  for (const auto* bank : {&parts().full, &parts().no_luminosity})
    if (*bank) n += (*bank)->params.size();
  return n;
}

ConventionReport Model::compare(const Conventions& table) const {
  ConventionReport report;
  const auto trained = [&](const char* key) {
    const auto found = parts().metadata.find(key);
    return found == parts().metadata.end() ? std::string("unknown") : found->second;
  };
  const auto differ = [](const std::string& a, const std::string& b) {
    return a != "unknown" && b != "unknown" && a != b;
  };
  if (table.vacuum == "F")
    throw Error(ErrorKind::model, "the table's bands are in air wavelengths",
                {"VACUUM = F", "vacuum", "Measure them again in vacuum."});
  if (differ(table.mwcorr, trained("mwcorr")))
    throw Error(ErrorKind::model, "Galactic dust was treated otherwise in the model's training",
                {"MWCORR = " + table.mwcorr, "MWCORR = " + trained("mwcorr"),
                 "Use band fluxes with the model's convention, or a model trained with yours."});
  if (differ(table.aperture, trained("aperture"))) {
    report.luminosity_usable = false;
    report.notes.push_back("APERTURE is " + table.aperture + ", the model's is " + trained("aperture") +
                           ": the networks without luminosity are used");
  }
  if (table.fluxscal == "relative") {
    report.luminosity_usable = false;
    report.notes.push_back("FLUXSCAL is relative: the networks without luminosity are used");
  }
  for (const auto& [name, ours, theirs] : {std::tuple{"MASKRULE", table.maskrule, trained("maskrule")},
                                           std::tuple{"CONTSRC", table.contsrc, trained("contsrc")}})
    if (differ(ours, theirs) && ours != "synthetic")
      report.notes.push_back(std::string(name) + " is " + ours + ", the model was trained with " + theirs);
  std::string unknown;
  for (const auto& [name, value] : {std::pair{"APERTURE", table.aperture}, std::pair{"MWCORR", table.mwcorr},
                                    std::pair{"MASKRULE", table.maskrule}, std::pair{"VACUUM", table.vacuum}})
    if (value == "unknown") unknown += (unknown.empty() ? "" : ", ") + std::string(name);
  if (!unknown.empty()) report.notes.push_back("the table does not say: " + unknown + "; taken as the model's");
  return report;
}

// One shard: flags, features, networks, EWs and, where asked for, derivatives.
template <class T>
void Model::predict_shard(const Galaxies& g, const ConventionReport& report, Shard shard, Prediction& out,
                          Matrix<double>* jacobian) const {
  const auto& c = *compiled_;
  std::vector<std::size_t> with, without;
  for (std::size_t i = shard.first; i < shard.last; ++i) {
    std::int32_t flags = g.targetid.empty() ? k_id_is_row : 0;
    flags |=
        band_flags(g.band_flux.row(i), g.band_flux_ivar.empty() ? std::span<const double>{} : g.band_flux_ivar.row(i));
    const double z = g.z.empty() ? std::numeric_limits<double>::quiet_NaN() : g.z[i];
    if (z <= 0 || z < c.z_min || z > c.z_max || std::isinf(z)) flags |= k_z_range;
    const bool luminosity = report.luminosity_usable && z > 0 && std::isfinite(z) && c.parts.full.has_value();
    if ((flags & (k_nonfinite | k_band_missing)) != 0) {
      if ((flags & k_band_missing) != 0) flags |= k_no_answer;
    } else if (luminosity) {
      with.push_back(i);
    } else {
      flags |= k_no_luminosity;
      if (c.parts.no_luminosity)
        without.push_back(i);
      else
        flags |= k_no_answer;
    }
    out.flags[i] = flags;
  }
  if (!with.empty()) c.run<T>(true, g, with, out.ew, jacobian);
  if (!without.empty()) c.run<T>(false, g, without, out.ew, jacobian);
}

Prediction Model::predict(const Galaxies& g, WorkerPool& pool, const PredictOptions& options) const {
  if (g.n > 0 && g.band_flux.rows() != g.n) throw Error(ErrorKind::input, "the table has no column BAND_FLUX");
  const ConventionReport report = compare(g.conventions);
  Prediction out;
  out.ew = Matrix<double>(g.n, k_n_lines, std::numeric_limits<double>::quiet_NaN());
  out.flags.assign(g.n, 0);
  pool.for_shards(shard_count(g.n, k_shard_rows), [&](std::size_t k) {
    const Shard rows = shard(k, g.n, k_shard_rows);
    if (options.float64)
      predict_shard<double>(g, report, rows, out, nullptr);
    else
      predict_shard<float>(g, report, rows, out, nullptr);
  });
  return out;
}

Matrix<double> Model::jacobian(const Galaxies& g, WorkerPool& pool) const {
  if (g.n > 0 && g.band_flux.rows() != g.n) throw Error(ErrorKind::input, "the table has no column BAND_FLUX");
  const ConventionReport report = compare(g.conventions);
  Prediction out;
  out.ew = Matrix<double>(g.n, k_n_lines, std::numeric_limits<double>::quiet_NaN());
  out.flags.assign(g.n, 0);
  Matrix<double> jac(g.n, k_n_lines * k_n_bands, std::numeric_limits<double>::quiet_NaN());
  pool.for_shards(shard_count(g.n, k_shard_rows),
                  [&](std::size_t k) { predict_shard<double>(g, report, shard(k, g.n, k_shard_rows), out, &jac); });
  return jac;
}

Matrix<double> Model::jvp(const Galaxies& g, MatrixView<const double> d_flux, WorkerPool& pool) const {
  const Matrix<double> jac = jacobian(g, pool);
  Matrix<double> out(g.n, k_n_lines);
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line)
      for (std::size_t b = 0; b < k_n_bands; ++b) out(i, line) += jac(i, line * k_n_bands + b) * d_flux(i, b);
  return out;
}

Matrix<double> Model::vjp(const Galaxies& g, MatrixView<const double> d_ew, WorkerPool& pool) const {
  const Matrix<double> jac = jacobian(g, pool);
  Matrix<double> out(g.n, k_n_bands);
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line)
      for (std::size_t b = 0; b < k_n_bands; ++b) out(i, b) += d_ew(i, line) * jac(i, line * k_n_bands + b);
  return out;
}

}  // namespace starglow

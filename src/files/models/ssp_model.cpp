#include <algorithm>
#include <cmath>

#include "files/atomic_file.hpp"
#include "files/models/model_io.hpp"
#include "files/models/whole.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/stars/ssp.hpp"
#include "starglow/stars/star_bands.hpp"

namespace starglow {
namespace {

using namespace files;

void check_kind(const SafeTensors& content, const std::string& form) {
  if (content.text("kind") != "ssp")
    throw Error(ErrorKind::model, "this file contains no stellar populations",
                {"kind '" + content.text("kind") + "'", "ssp", ""});
  if (content.text("form") != form)
    throw Error(ErrorKind::model, "the file contains stellar populations in another form",
                {"'" + content.text("form") + "'", "'" + form + "'", ""});
}

double chebyshev(std::size_t degree, double x) {
  double before = 1, now = x;
  if (degree == 0) return 1;
  for (std::size_t k = 1; k < degree; ++k) {
    const double next = 2 * x * now - before;
    before = now;
    now = next;
  }
  return now;
}

// tools/fit_ssp_emulator.py: log10 L_nu = mean + sum_c basis[c] sum_p coefficients[c, p, age] T_p(log Z).
SspGrid grid_of_emulator(const SafeTensors& content) {
  check_kind(content, "emulator");
  constexpr std::size_t k_n_met = 13;
  SspGrid grid;
  grid.source = "shipped emulator: " + content.text("source");
  grid.wave = content.get("ssp.wave", {0}).doubles();
  grid.lg_age_gyr = content.get("ssp.lg_age_gyr", {0}).doubles();
  const std::size_t n_wave = grid.n_wave(), n_age = grid.n_age();
  const auto mean = content.get("ssp.mean", {n_wave}).doubles();
  const Tensor& basis_tensor = content.get("ssp.basis", {0, n_wave});
  const auto basis = basis_tensor.doubles();
  const std::size_t n = basis_tensor.shape[0];
  const Tensor& coefficient_tensor = content.get("ssp.coefficients", {n, 0, n_age});
  const auto coefficients = coefficient_tensor.doubles();
  const std::size_t degrees = coefficient_tensor.shape[1];
  const auto range = content.get("ssp.lgmet_range", {2}).doubles();
  grid.flux = Matrix<double>(k_n_met * n_age, n_wave);
  std::vector<double> lg(n_wave);
  for (std::size_t m = 0; m < k_n_met; ++m) {
    const double u = -1 + 2.0 * static_cast<double>(m) / (k_n_met - 1);
    grid.lgmet.push_back(range[0] + 0.5 * (u + 1) * (range[1] - range[0]));
    for (std::size_t a = 0; a < n_age; ++a) {
      lg = mean;
      for (std::size_t c = 0; c < n; ++c) {
        double score = 0;
        for (std::size_t p = 0; p < degrees; ++p)
          score += coefficients[(c * degrees + p) * n_age + a] * chebyshev(p, u);
        for (std::size_t i = 0; i < n_wave; ++i) lg[i] += score * basis[c * n_wave + i];
      }
      for (std::size_t i = 0; i < n_wave; ++i) grid.flux(m * n_age + a, i) = std::pow(10.0, lg[i]);
    }
  }
  check_ssp(grid);
  return grid;
}

std::vector<double> as_doubles(std::span<const std::uint32_t> values) { return {values.begin(), values.end()}; }

}  // namespace

SspGrid shipped_ssp() { return grid_of_emulator(embedded_whole("ssp")); }

CompactSsp load_compact_ssp(const std::filesystem::path& path) {
  const SafeTensors content = read_whole(path);
  check_kind(content, "compact");
  CompactSsp out;
  out.lgmet = content.get("ssp.lgmet", {0}).doubles();
  out.lg_age_gyr = content.get("ssp.lg_age_gyr", {0}).doubles();
  out.node_wave = content.get("ssp.node_wave", {0}).doubles();
  const std::size_t rows = out.lgmet.size() * out.lg_age_gyr.size(), n_node = out.node_wave.size();
  const auto light = content.get("ssp.light", {rows, n_node}).doubles();
  out.light = Matrix<double>(rows, n_node);
  std::copy(light.begin(), light.end(), out.light.data());
  out.coefficient = content.get("ssp.coefficient", {0}).doubles();
  const auto broken = [] {
    return Error(ErrorKind::model, "the compact stellar populations point outside themselves",
                 {"", "", "Make them again."});
  };
  for (const double node : content.get("ssp.node", {out.coefficient.size()}).doubles()) {
    if (!(node >= 0 && node < static_cast<double>(n_node))) throw broken();
    out.node.push_back(static_cast<std::uint32_t>(node));
  }
  const auto begin = content.get("ssp.begin", {k_n_star_outputs + 1}).doubles();
  const auto covered = content.get("ssp.covered", {k_n_star_outputs}).doubles();
  for (std::size_t o = 0; o <= k_n_star_outputs; ++o) {
    const double least = o == 0 ? 0 : begin[o - 1];
    if (!(begin[o] >= least && begin[o] <= static_cast<double>(out.node.size()))) throw broken();
    out.begin[o] = static_cast<std::size_t>(begin[o]);
    if (o < k_n_star_outputs) out.covered[o] = covered[o] != 0;
  }
  const auto photometry = content.get("ssp.photometry", {2}).doubles();
  if (!(photometry[0] >= 0 && photometry[1] >= 0 && photometry[0] + photometry[1] == static_cast<double>(n_node)))
    throw broken();
  out.photometry_begin = static_cast<std::size_t>(photometry[0]);
  out.photometry_count = static_cast<std::size_t>(photometry[1]);
  for (const auto node : out.node)
    if (node >= out.photometry_begin) throw broken();
  for (const auto& [key, value] : content.metadata)
    if (key != "kind" && key != "format_version" && key != "layout_hash" && key != "form" && key != "sha256")
      out.metadata[key] = value;
  return out;
}

void save(const CompactSsp& grid, const std::filesystem::path& path, bool overwrite) {
  SafeTensors out;
  out.metadata = grid.metadata;
  out.metadata["kind"] = "ssp";
  out.metadata["form"] = "compact";
  const std::uint64_t rows = grid.light.rows(), n_node = grid.node_wave.size();
  out.tensors["ssp.lgmet"] = Tensor::from(grid.lgmet, {grid.lgmet.size()});
  out.tensors["ssp.lg_age_gyr"] = Tensor::from(grid.lg_age_gyr, {grid.lg_age_gyr.size()});
  out.tensors["ssp.node_wave"] = Tensor::from(grid.node_wave, {n_node});
  out.tensors["ssp.light"] = Tensor::from(grid.light.flat(), {rows, n_node});
  out.tensors["ssp.coefficient"] = Tensor::from(grid.coefficient, {grid.coefficient.size()});
  out.tensors["ssp.node"] = Tensor::from(as_doubles(grid.node), {grid.node.size()});
  const std::vector<double> starts(grid.begin.begin(), grid.begin.end()),
      reached(grid.covered.begin(), grid.covered.end());
  out.tensors["ssp.begin"] = Tensor::from(starts, {starts.size()});
  out.tensors["ssp.covered"] = Tensor::from(reached, {reached.size()});
  const std::array<double, 2> photometry{static_cast<double>(grid.photometry_begin),
                                         static_cast<double>(grid.photometry_count)};
  out.tensors["ssp.photometry"] = Tensor::from(photometry, {2});
  write_whole(path, std::move(out), overwrite);
}

}  // namespace starglow

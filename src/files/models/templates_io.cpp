#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>

#include "base/input_file.hpp"
#include "files/models/model_io.hpp"
#include "files/models/safetensors.hpp"
#include "files/models/whole.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/spectra/templates.hpp"
#include "starglow/stars/ssp.hpp"

namespace starglow {
namespace {

TemplateSet from_tensors(const files::SafeTensors& content) {
  if (content.text("kind") != "templates")
    throw Error(ErrorKind::model, "this file contains no templates",
                {"kind '" + content.text("kind") + "'", "templates", ""});
  const auto grid = content.get("templates.grid", {2}).doubles();
  const files::Tensor& flux = content.get("templates.flux", {0, 0});
  const auto values = flux.doubles();
  return {MatrixView<const double>(values.data(), flux.shape[0], flux.shape[1]), grid[0], grid[1], content.metadata};
}

constexpr double k_from = 3390, k_to = 7060, k_coarsest = 5, k_step = 1e-4;
constexpr std::size_t k_wanted = 16, k_candidates = 400;

// Populations of a grid in F_lambda on an even grid in ln(wavelength), mean 1 at 5400 to 5600 A; thinned in age.
TemplateSet from_populations(const std::filesystem::path& path) {
  const SspGrid grid = read_ssp(path);
  const auto refuse = [&](const char* what, const std::string& seen, const std::string& wanted) {
    throw Error(ErrorKind::input, "'" + path.string() + "' " + what, {seen, wanted, ""});
  };
  if (grid.wave.front() > k_from || grid.wave.back() < k_to)
    refuse("does not cover the wavelengths of the lines",
           std::to_string(grid.wave.front()) + " to " + std::to_string(grid.wave.back()) + " A", "3390 to 7060 A");
  double coarsest = 0;
  for (std::size_t i = 1; i < grid.n_wave(); ++i)
    if (grid.wave[i] > k_from && grid.wave[i - 1] < k_to)
      coarsest = std::max(coarsest, grid.wave[i] - grid.wave[i - 1]);
  if (coarsest > k_coarsest)
    refuse("is too coarse for absorption lines", "steps of " + std::to_string(coarsest) + " A", "5 A or less");
  if (has_nebular_lines(grid))
    refuse("contains nebular lines", "Halpha in emission", "starlight without emission lines");
  const double first = std::log(std::max(grid.wave.front(), 3335.0)),
               last = std::log(std::min(grid.wave.back(), 7300.0));
  const auto pixels = static_cast<std::size_t>((last - first) / k_step);
  const std::size_t every = (grid.n_met() * grid.n_age() + k_candidates - 1) / k_candidates;
  std::vector<std::size_t> taken;
  for (std::size_t r = 0; r < grid.flux.rows(); ++r)
    if (r % grid.n_age() % every == 0) taken.push_back(r);
  Matrix<double> rows(taken.size(), pixels);
  std::size_t kept = 0;
  for (const std::size_t r : taken) {
    const auto light = grid.flux.row(r);
    double sum = 0, n = 0;
    for (std::size_t i = 0, at = 0; i < pixels; ++i) {
      const double wave = std::exp(first + k_step * static_cast<double>(i));
      while (at + 2 < grid.n_wave() && grid.wave[at + 1] <= wave) ++at;
      const double f = (wave - grid.wave[at]) / (grid.wave[at + 1] - grid.wave[at]);
      const double value = ((1 - f) * light[at] + f * light[at + 1]) / (wave * wave);
      rows(kept, i) = value;
      if (wave > 5400 && wave < 5600) sum += value, n += 1;
    }
    if (!(sum > 0)) continue;  // no light there
    for (double& v : rows.row(kept)) v *= n / sum;
    taken[kept++] = r;
  }
  const MatrixView<const double> candidates(rows.flat().data(), kept, pixels);
  const auto chosen = choose_templates(candidates, k_wanted);
  Matrix<double> out(chosen.size(), pixels);
  std::string names;
  for (std::size_t k = 0; k < chosen.size(); ++k) {
    const auto row = candidates.row(chosen[k]);
    std::copy(row.begin(), row.end(), out.row(k).begin());
    const std::size_t r = taken[chosen[k]];
    names += (k > 0 ? "; " : "") + ("log Z " + std::to_string(grid.lgmet[r / grid.n_age()])) + " log age/Gyr " +
             std::to_string(grid.lg_age_gyr[r % grid.n_age()]);
  }
  return {out, first, k_step, {{"kind", "templates"}, {"names", names}, {"source", path.filename().string()}}};
}

}  // namespace

TemplateSet load_templates(const std::filesystem::path& path) {
  check_input_file(path, "file of templates '" + path.string() + "'");
  std::array<char, 4> magic{};
  std::ifstream(path, std::ios::binary).read(magic.data(), magic.size());
  if (std::string_view(magic.data(), magic.size()) == "\x89HDF") return from_populations(path);
  return from_tensors(files::read_whole(path));
}
TemplateSet shipped_templates() { return from_tensors(files::embedded_whole("templates")); }

}  // namespace starglow

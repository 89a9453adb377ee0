#include <algorithm>
#include <array>
#include <string_view>

#include "files/hdf5_contents.hpp"
#include "files/hdf5_file.hpp"
#include "starglow/base/cosmology.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/stars/ssp.hpp"

namespace starglow {
namespace {

std::string by(const std::vector<std::uint64_t>& shape) {
  std::string out;
  for (const auto n : shape) out += (out.empty() ? "" : " x ") + std::to_string(n);
  return out.empty() ? "a single value" : out;
}

void expect_shape(const files::Hdf5Contents& file, const std::string& name, const std::vector<std::uint64_t>& wanted) {
  const auto seen = file.shape(name);
  if (seen != wanted) file.refuse("'" + name + "' has another shape than its axes", by(seen), by(wanted));
}

std::vector<double> axis(const files::Hdf5Contents& file, const std::string& name) {
  const auto seen = file.shape(name);
  if (seen.size() != 1) file.refuse("'" + name + "' is no axis", by(seen), "one dimension");
  return file.doubles(name);
}

Matrix<double> matrix(const files::Hdf5Contents& file, const std::string& name, std::size_t rows, std::size_t cols) {
  const auto values = file.doubles(name);
  Matrix<double> out(rows, cols);
  std::copy(values.begin(), values.end(), out.data());
  return out;
}

}  // namespace

SspGrid read_ssp(const std::filesystem::path& path) {
  static constexpr std::array<std::string_view, 7> names{
      "ssp_lgmet",       "ssp_lg_age_gyr",       "ssp_wave", "ssp_flux", "ssp_emline_wave",
      "ssp_emline_name", "ssp_emline_luminosity"};
  const files::Hdf5Contents file(path, names);
  SspGrid grid;
  grid.source = path.filename().string();
  grid.lgmet = axis(file, "ssp_lgmet");
  grid.lg_age_gyr = axis(file, "ssp_lg_age_gyr");
  grid.wave = axis(file, "ssp_wave");
  expect_shape(file, "ssp_flux", {grid.n_met(), grid.n_age(), grid.n_wave()});
  grid.flux = matrix(file, "ssp_flux", grid.n_met() * grid.n_age(), grid.n_wave());
  if (file.has("ssp_emline_luminosity")) {
    grid.line_wave = axis(file, "ssp_emline_wave");
    expect_shape(file, "ssp_emline_name", {grid.line_wave.size()});
    grid.line_name = file.texts("ssp_emline_name");
    expect_shape(file, "ssp_emline_luminosity", {grid.n_met(), grid.n_age(), grid.line_wave.size()});
    grid.line_luminosity = matrix(file, "ssp_emline_luminosity", grid.n_met() * grid.n_age(), grid.line_wave.size());
    for (double& value : grid.line_luminosity.flat()) value *= k_lsun_erg_s;
  }
  check_ssp(grid);
  return grid;
}

}  // namespace starglow

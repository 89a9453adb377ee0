#pragma once
// The stand-in grid and reference galaxy of the reference numbers that were computed with DSPS itself.
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "starglow/stars/ssp.hpp"
#include "support/shared_data.hpp"

namespace starglow::test {

inline std::vector<double> linspace(double lo, double hi, std::size_t n) {
  std::vector<double> x(n);
  const double step = (hi - lo) / static_cast<double>(n - 1);  // the roundings of numpy
  for (std::size_t i = 0; i < n; ++i) x[i] = lo + static_cast<double>(i) * step;
  x[n - 1] = hi;
  return x;
}

/// 22 x 94 power laws: flux = 10^(c0 + c1 log10 lambda), by tables of c0 and c1, ages and metallicities as given.
inline SspGrid power_law_grid(std::size_t n_wave, const std::vector<double>& lgmet, const std::vector<double>& lg_age) {
  SspGrid grid;
  grid.lgmet = lgmet;
  grid.lg_age_gyr = lg_age;
  grid.wave = linspace(100, 20000, n_wave);
  grid.source = "power laws";
  std::ifstream c0(shared_file("dsps/ssp_plaw_data_c0.txt")), c1(shared_file("dsps/ssp_plaw_data_c1.txt"));
  grid.flux = Matrix<double>(lgmet.size() * lg_age.size(), n_wave);
  std::vector<double> lg_wave(n_wave);
  for (std::size_t i = 0; i < n_wave; ++i) lg_wave[i] = std::log10(grid.wave[i]);
  for (std::size_t row = 0; row < grid.flux.rows(); ++row) {
    double a = 0, b = 0;
    c0 >> a;
    c1 >> b;
    for (std::size_t i = 0; i < n_wave; ++i) grid.flux(row, i) = std::pow(10.0, a + b * lg_wave[i]);
  }
  return grid;
}

struct Goldens {
  nlohmann::json json;
  SspGrid grid;
  std::vector<double> t, sfr;
  double t_obs = 11, lgmet = -2, scatter = 0.2;

  static bool there() { return std::filesystem::exists(shared_file("dsps/goldens.json")); }
  static const Goldens& get() {
    static const Goldens goldens = [] {
      Goldens g;
      g.json = nlohmann::json::parse(std::ifstream(shared_file("dsps/goldens.json")));
      g.grid = power_law_grid(1963, g.json["ssp_lgmet"], g.json["ssp_lg_age_gyr"]);
      g.t = linspace(0.1, 13.8, 100);
      for (const double t : g.t) g.sfr.push_back(t * std::exp(-t / 3));
      return g;
    }();
    return goldens;
  }
  std::vector<std::size_t> wave_index() const { return json["setup"]["wave_index"]; }
};

}  // namespace starglow::test

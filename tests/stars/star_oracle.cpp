// For tests/python/test_stars_dsps.py: starlight of given galaxies, numbers in and out as raw doubles.
//   star_oracle grid.h5 inputs.bin outputs.bin
// inputs: n, n_times, n_filter, n_picked, times, filter wavelengths, filter transmission, indices of the wavelengths to
// give; then a galaxy: rates, t_obs, lgmet, scatter, lgfburst, lgyr_peak, lgyr_max, av, slope, z.
// outputs, a galaxy: mass, age weights, metallicity weights, dusty SED at the picked wavelengths, maggies.
#include <cstdio>
#include <fstream>
#include <vector>

#include "starglow/files/starlight.hpp"
#include "starglow/spectra/photometry.hpp"
#include "starglow/stars/dust.hpp"
#include "starglow/stars/stars.hpp"

int main(int argc, char** argv) {
  using namespace starglow;
  if (argc != 4) return 2;
  try {
    const SspGrid grid = read_ssp(argv[1]);
    std::ifstream in(argv[2], std::ios::binary);
    const auto take = [&](std::size_t n) {
      std::vector<double> x(n);
      in.read(reinterpret_cast<char*>(x.data()), static_cast<std::streamsize>(n * sizeof(double)));
      if (!in) throw std::runtime_error("the inputs are cut short");
      return x;
    };
    const auto head = take(4);
    const auto n = static_cast<std::size_t>(head[0]), n_t = static_cast<std::size_t>(head[1]);
    const auto n_f = static_cast<std::size_t>(head[2]), n_pick = static_cast<std::size_t>(head[3]);
    const auto t = take(n_t), f_wave = take(n_f), f_t = take(n_f), picked = take(n_pick);
    const Filter filter("made up", f_wave, f_t);
    StarInputs inputs;
    inputs.sfr = Matrix<double>(n, n_t);
    std::vector<Dust> dust;
    std::vector<double> z;
    for (std::size_t i = 0; i < n; ++i) {
      const auto g = take(n_t + 9);
      std::copy_n(g.begin(), n_t, inputs.sfr.row(i).begin());
      const double* p = g.data() + n_t;
      inputs.t_obs.push_back(p[0]);
      inputs.lgmet.push_back(p[1]);
      inputs.lgmet_scatter.push_back(p[2]);
      inputs.burst.push_back({p[3], p[4], p[5]});
      dust.push_back({.law = DustLaw::salim18, .av = p[6], .slope = p[7], .bump_from_slope = true});
      z.push_back(p[8]);
    }
    const StarSynthesis synthesis(grid.lgmet, grid.lg_age_gyr, t, grid.flux);
    std::vector<double> micron;
    for (const double w : grid.wave) micron.push_back(w * 1e-4);
    const DustScreen screen(micron, DustLaw::salim18);
    std::ofstream out(argv[3], std::ios::binary);
    const auto give = [&](const std::vector<double>& x) {
      out.write(reinterpret_cast<const char*>(x.data()), static_cast<std::streamsize>(x.size() * sizeof(double)));
    };
    Matrix<double> sed(1, grid.n_wave());
    std::vector<std::int32_t> flags(n);
    std::vector<double> mass(n), transmission(grid.n_wave());
    StarSynthesis::Weights weights;
    for (std::size_t i = 0; i < n; ++i) {
      synthesis.weights(inputs, i, weights);
      synthesis.synthesise(inputs, i, i + 1, sed.view(), flags, mass);
      screen.transmission(dust[i], transmission);
      for (std::size_t k = 0; k < grid.n_wave(); ++k) sed(0, k) *= transmission[k];
      give({mass[i]});
      give(weights.age);
      give(weights.met);
      std::vector<double> some;
      for (const double k : picked) some.push_back(sed(0, static_cast<std::size_t>(k)));
      give(some);
      give({sed_light(filter, grid.wave, sed.row(0), z[i]).maggies});
    }
    return out.flush() ? 0 : 5;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 3;
  }
}

// Lines of one galaxy from its twelve band fluxes.
#include <cstdio>
#include <starglow/starglow.hpp>

int main() {
  starglow::Galaxies galaxy;
  galaxy.n = 1;
  galaxy.targetid = {39628368152363023};
  galaxy.z = {0.14};
  galaxy.band_flux = starglow::Matrix<double>(1, 12, 1.0);  // 1e-17 erg/s/cm2/A: a flat spectrum, so a very blue galaxy

  starglow::WorkerPool pool(1);
  const auto model = starglow::Model::shipped();
  const auto lines = model.predict(galaxy, pool);
  for (std::size_t line = 0; line < starglow::k_n_lines; ++line)
    std::printf("%-12s %8.3f A\n", starglow::k_lines[line].name.data(), lines.ew(0, line));
}

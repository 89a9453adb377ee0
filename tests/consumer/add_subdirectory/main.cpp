#include <cstdio>
#include <starglow/starglow.hpp>

int main() {
  starglow::Galaxies galaxy;
  galaxy.n = 1;
  galaxy.z = {0.1};
  galaxy.band_flux = starglow::Matrix<double>(1, 12, 1.0);
  starglow::WorkerPool pool(1);
  std::printf("Halpha %.3f A\n", starglow::Model::shipped().predict(galaxy, pool).ew(0, 6));
}

#include "starglow/spectra/air.hpp"

namespace starglow {

double vacuum_of_air(double wave) noexcept {
  if (!(wave >= 2000)) return wave;
  const double s = 1e4 / wave, s2 = s * s;
  return wave * (1 + 8.336624212083e-5 + 2.408926869968e-2 / (130.1065924522 - s2) +
                 1.599740894897e-4 / (38.92568793293 - s2));
}

void to_vacuum(std::span<double> wave) noexcept {
  for (double& w : wave) w = vacuum_of_air(w);
}

}  // namespace starglow

#pragma once
#include <span>

namespace starglow {

/// Vacuum wavelength (A) of a wavelength in standard air (A): Morton (2000, ApJS 130, 403) turned round by N. Piskunov
/// (VALD), to better than 0.001 A from 2000 A up; below, where no air line is quoted, the wavelength itself.
double vacuum_of_air(double wave_air) noexcept;

/// The same of a whole grid, in place.
void to_vacuum(std::span<double> wave_air) noexcept;

}  // namespace starglow

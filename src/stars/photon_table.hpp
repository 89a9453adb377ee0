#pragma once
#include <array>
#include <cstddef>

namespace starglow {

/// log10 of hydrogen-ionising photons/s per M_sun formed, of populations of Z = 0.0190 at log10 age/yr = 5.5, 5.55,
/// ...: FSPS 2 (Conroy, Gunn & White 2009; Conroy & Gunn 2010), Padova tracks with post-AGB stars, BaSeL spectra;
/// tools/photon_table.py.
inline constexpr std::size_t k_n_photon_ages = 94;
inline constexpr double k_first_photon_age = 5.5, k_photon_age_step = 0.05, k_photon_metallicity = 0.0190;
extern const std::array<double, k_n_photon_ages> k_log_photons;

}  // namespace starglow

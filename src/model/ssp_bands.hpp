#pragma once
#include <array>
#include <cstddef>

#include "starglow/base/lines.hpp"

namespace starglow {

/// Light of simple stellar populations in the twelve bands, from the shipped emulator (tools/ssp_bands.py): ln of the
/// mean F_lambda per mass formed, up to one constant. Rows: metallicity 0.004, 0.008, 0.02, 0.05; in each of them 42
/// ages from 1 Myr in steps of 0.1 dex.
inline constexpr std::size_t k_n_ssp_metals = 4, k_n_ssp_ages = 42;
extern const std::array<std::array<double, k_n_bands>, k_n_ssp_metals * k_n_ssp_ages> k_ssp_bands;

}  // namespace starglow

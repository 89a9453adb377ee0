#pragma once
#include <cstddef>

#include "starglow/spectra/spectrum.hpp"

namespace starglow::cli {

/// The continuum plane, or, without one, the flux.
const Matrix<double>& continuum_of(const Spectra& s);

/// Every spectrum k times, one after the other, to be painted: its flags are 0. first: number of the first row, its
/// TARGETID where there are none.
Spectra repeated(const Spectra& s, std::size_t k, std::size_t first);

}  // namespace starglow::cli

#pragma once
#include <span>
#include <string>

#include "starglow/spectra/spectrum.hpp"

namespace starglow {

/// One camera's part of a DESI spectrum. Units as in SpectrumView; spans of equal length.
struct CameraSpectrum {
  std::span<const double> wave_obs;
  std::span<const float> flux, ivar;
  std::span<const std::int32_t> mask;  ///< empty: no pixel masked
  std::span<const float> resolution;   ///< 11 diagonals x pixels; empty: unknown
};

/// Where the pixels of a camera lie on the common grid of DESI: the index of its first pixel.
/// Error(input) when the camera's wavelengths are not consecutive pixels of that grid to 1e-3 A (grids in
/// single precision are). `what` names the
/// camera.
std::size_t desi_offset(std::span<const double> wave_obs, const std::string& what);

/// Adds a camera to galaxy `i` of a batch on the common grid (flux, ivar and mask of 7781 pixels, 0 at first): where
/// cameras overlap flux = sum(ivar f) / sum(ivar) and ivar = sum(ivar). A pixel with a mask bit, a flux that is not
/// finite or an ivar that is not positive counts as ivar 0; masks of a pixel that no camera saw well are joined.
/// `offset` as given by desi_offset. Returns the number of pixels whose flux was not finite or whose ivar was negative
/// or not finite: such spectra deserve a flag.
std::size_t merge_camera(const CameraSpectrum& camera, std::size_t offset, Spectra& into, std::size_t i);

}  // namespace starglow

#pragma once
#include <memory>
#include <string>
#include <vector>

#include "files/surveys/general_names.hpp"
#include "files/surveys/spectra_source.hpp"

namespace starglow::files {

/// What the numbers of somebody's spectrum mean, whatever its format.
struct Meaning {
  bool log_wave = false, air = false;
  double wave_factor = 1, flux_factor = 1, noise_factor = 1;
  Noise noise = Noise::none;
  bool many = false;  ///< one grid of many: where it is none, its spectrum has no data, and the others have theirs
};

/// Factors of units as the file writes them, or as the options say where it is silent. Error(input): another dimension,
/// or no unit. `relative`: fluxes of an arbitrary scale.
void interpret(Meaning& meaning, const SpectraReaderOptions& options, std::string wave_unit, std::string flux_unit,
               const std::string& noise_unit, bool& relative, const std::string& name);

/// Wavelengths as the file has them in A, vacuum, ascending.
std::vector<double> wavelengths(const Meaning& meaning, std::vector<double> wave);
/// Of the axis of an image, linear or logarithmic, before `wavelengths()`; empty where its header has none.
/// Error(input): an axis of something else.
std::vector<double> wavelengths_of_axis(FitsInput& file, const std::string& hdu, Meaning& meaning);

/// Raw numbers of one spectrum to row `i` of a batch: wavelengths in A, vacuum, ascending (descending ones are turned
/// round), noise as ivar. `own_grid`: the batch has one grid a row. Error(input): impossible wavelengths.
void fill(const Meaning& meaning, std::vector<double> wave, std::vector<double> flux, std::vector<double> noise,
          std::vector<double> mask, Spectra& batch, std::size_t i, bool own_grid, const std::string& what);

/// The redshift that a header says. Error(input): no number.
double redshift_of_text(const std::string& text, const std::string& name);

std::unique_ptr<SpectraSource> open_text(const std::filesystem::path& path, const SpectraReaderOptions& options);

}  // namespace starglow::files

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
};

/// Factors of units as the file writes them, or as the options say where it is silent. Error(input): another dimension,
/// or no unit. `relative`: fluxes of an arbitrary scale.
void interpret(Meaning& meaning, const SpectraReaderOptions& options, std::string wave_unit, std::string flux_unit,
               const std::string& noise_unit, bool& relative, const std::string& name);

/// Raw numbers of one spectrum to row `i` of a batch: wavelengths in A, vacuum, ascending (descending ones are turned
/// round), noise as ivar. `own_grid`: the batch has one grid a row. Error(input): impossible wavelengths.
void fill(const Meaning& meaning, std::vector<double> wave, std::vector<double> flux, std::vector<double> noise,
          std::vector<double> mask, Spectra& batch, std::size_t i, bool own_grid, const std::string& what);

/// The redshift that a header says. Error(input): no number.
double redshift_of_text(const std::string& text, const std::string& name);

std::unique_ptr<SpectraSource> open_text(const std::filesystem::path& path, const SpectraReaderOptions& options);

}  // namespace starglow::files

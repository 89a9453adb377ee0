#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "cli/settings.hpp"
#include "starglow/files/table.hpp"
#include "starglow/spectra/paint_spectra.hpp"
#include "starglow/spectra/photometry.hpp"

namespace starglow::cli {

/// What `paint` was asked for, checked.
struct PaintSettings {
  bool from_model = true;
  std::string suffix = "_EW";  ///< of the columns that hold the strengths
  PaintSpectraOptions options{};
  std::vector<Filter> filters;
  MagnitudeOptions magnitudes{};
  std::size_t draws = 0, chunk = 64;
  std::array<double, k_n_all_lines> sigma_v{};  ///< km/s
  std::string sigma_column;                     ///< "" = sigma_v
  std::vector<std::size_t> figure_rows;         ///< of the input; empty: no figures
};

void declare_paint(OptionSet& options);
PaintSettings paint_settings(const Settings& settings);

/// "MAG_LSST2023_R" of a filter.
std::string magnitude_column(const Filter& filter);

}  // namespace starglow::cli

#pragma once
#include <filesystem>
#include <string_view>

#include "starglow/spectra/filter.hpp"
#include "starglow/spectra/templates.hpp"
#include "starglow/stars/ssp.hpp"
#include "starglow/stars/star_bands.hpp"

namespace starglow {

/// Reads ECSV (columns wavelength and response, transmission or throughput; unit in the header), HDF5 in the layout of
/// DSPS (datasets wave, A, and transmission), or plain text (two columns; '#' begins a comment that holds the unit:
/// "# wavelength [nm]"). `unit`: Angstrom, nm or micron, for a text that names none. Error(input): not readable, no
/// unit, or a unit that contradicts the one given.
Filter load_filter(const std::filesystem::path& path, std::string_view unit = {});

TemplateSet shipped_templates();  ///< those of models/templates.safetensors
/// A file of the same layout, or stellar populations in the HDF5 layout of DSPS, of which sixteen are chosen
/// (choose_templates); these are taken as sharp as they come. Error(input or model); populations with nebular lines, or
/// without 3390 to 7060 A in steps of 5 A or less, are refused.
TemplateSet load_templates(const std::filesystem::path& path);

/// Reads the HDF5 layout of DSPS: `ssp_lgmet`, `ssp_lg_age_gyr`, `ssp_wave`, `ssp_flux` and, where they are,
/// `ssp_emline_name` (fixed or variable length), `ssp_emline_wave`, `ssp_emline_luminosity`. The file's structure is
/// checked before numbers are read. Error(input): absent, truncated, not HDF5, wrong shapes or types, or what
/// check_ssp() refuses.
SspGrid read_ssp(const std::filesystem::path& path);
/// The grid of the emulator inside the library: 13 metallicities of 0.004 to 0.05, 94 ages, 761 wavelengths of 1000 to
/// 25000 A, 20 A apart in the optical (models/ssp.md).
SspGrid shipped_ssp();

/// Model kind "ssp" (docs/model-format.md). Error(input): broken; Error(model): another kind.
CompactSsp load_compact_ssp(const std::filesystem::path& path);
/// Error(usage): the file exists and `overwrite` is false.
void save(const CompactSsp& grid, const std::filesystem::path& path, bool overwrite = false);

}  // namespace starglow

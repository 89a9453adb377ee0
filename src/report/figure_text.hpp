#pragma once
#include <cstddef>
#include <string>

#include "starglow/report/figure.hpp"

namespace starglow {

/// A line as papers write it, by its wavelength in air: "[O II] 3727", "Hα" (UTF-8). line: index into k_lines.
std::string line_title(std::size_t line);

/// "EW (Å)": a label with its unit; "Angstrom" of the numbers is drawn as Å.
std::string axis_text(const FigureAxis& axis);

}  // namespace starglow

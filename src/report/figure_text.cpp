#include "report/figure_text.hpp"

#include <array>
#include <string_view>

#include "starglow/base/lines.hpp"

namespace starglow {

std::string line_title(std::size_t line) {
  if (line == static_cast<std::size_t>(Line::OII_DOUBLET)) return "[O II] 3727";
  std::string label(k_all_lines.at(line).label);  // "[OIII] 5007", "HeI 5876", "Hgamma"
  static constexpr std::array<std::array<std::string_view, 2>, 4> greek{
      {{"Halpha", "Hα"}, {"Hbeta", "Hβ"}, {"Hgamma", "Hγ"}, {"Hdelta", "Hδ"}}};
  for (const auto& [name, letter] : greek)
    if (label == name) return std::string(letter);
  if (const auto stage = label.find_first_of("IV", 1); stage != std::string::npos) label.insert(stage, " ");
  return label;
}

std::string axis_text(const FigureAxis& axis) {
  std::string unit = axis.unit;
  for (std::size_t at = 0; (at = unit.find("Angstrom", at)) != std::string::npos;) unit.replace(at, 8, "Å");
  if (unit == "1e-17 erg/s/cm2/Å") unit = "10⁻¹⁷ erg s⁻¹ cm⁻² Å⁻¹";
  return unit.empty() ? axis.label : axis.label + " (" + unit + ")";
}

}  // namespace starglow

#include "report/figure_text.hpp"

#include <array>

#include "starglow/base/lines.hpp"

namespace starglow {

std::string line_title(std::size_t line) {
  static constexpr std::array<const char*, k_n_lines> titles{"[O II] 3727",  "Hγ",          "Hβ", "[O III] 4959",
                                                             "[O III] 5007", "[N II] 6548", "Hα", "[N II] 6584",
                                                             "[S II] 6716",  "[S II] 6731"};
  return titles.at(line);
}

std::string axis_text(const FigureAxis& axis) {
  std::string unit = axis.unit;
  for (std::size_t at = 0; (at = unit.find("Angstrom", at)) != std::string::npos;) unit.replace(at, 8, "Å");
  if (unit == "1e-17 erg/s/cm2/Å") unit = "10⁻¹⁷ erg s⁻¹ cm⁻² Å⁻¹";
  return unit.empty() ? axis.label : axis.label + " (" + unit + ")";
}

}  // namespace starglow

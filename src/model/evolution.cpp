#include "starglow/model/evolution.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string_view>

#include "starglow/base/error.hpp"

namespace starglow {

Evolution Evolution::parse(const std::string& text, const LineSet& lines) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorKind::usage, "the evolution with redshift cannot be understood: " + what,
                {"'" + text + "'", "Z0: LINE POWER WIDTH, LINE POWER WIDTH, ...", ""});
  };
  Evolution out;
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  char colon = 0;
  if (!(in >> out.z0 >> colon) || colon != ':' || !(out.z0 >= 0) || !std::isfinite(out.z0))
    refuse("no redshift at which it begins");
  bool any = false;
  for (std::string item; std::getline(in, item, ',');) {
    std::istringstream part(item);
    part.imbue(std::locale::classic());
    std::string name, more;
    double power = 0, width = 0;
    if (!(part >> name >> power >> width) || part >> more) refuse("'" + item + "'");
    if (!(std::fabs(power) <= 10) || !(width >= 0 && width <= 10)) refuse("'" + item + "' is out of range");
    const auto own = lines.independent();
    const auto line = std::find_if(own.begin(), own.end(),
                                   [&](std::size_t l) { return k_all_lines[l].name == std::string_view(name); });
    if (line == own.end()) refuse("no line '" + name + "' that is not that of a doublet's partner");
    const auto j = static_cast<std::size_t>(line - own.begin());
    out.power[j] = power;
    out.width[j] = width;
    any = true;
  }
  if (!any || text.ends_with(',')) refuse("no line, or none after a comma");
  if (lines.slots().halpha == LineSlots::k_none) refuse("it needs Halpha, by which galaxies are active");
  return out;
}

double Evolution::log_growth(double z) const noexcept {
  return z > z0 && std::isfinite(z) ? std::log((1 + z) / (1 + z0)) : 0.0;
}

}  // namespace starglow

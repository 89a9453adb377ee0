#include <algorithm>
#include <charconv>
#include <cmath>

#include "starglow/base/error.hpp"
#include "starglow/mock/star_mock.hpp"

namespace starglow {
namespace {

double number(const std::string& key, const std::string& text) {
  double value = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    throw Error(ErrorKind::usage, key + " is not a number", {"'" + text + "'", "a number", ""});
  return value;
}

}  // namespace

StarPopulation star_population(const std::map<std::string, std::string>& texts) {
  const auto named = texts.find("preset");
  StarPopulation out =
      StarPopulation::standard(named == texts.end() ? StarPreset::desi_bgs : parse_star_preset(named->second));
  const bool universe = out.preset == StarPreset::universe;
  for (const auto& [key, text] : texts) {
    if (key == "preset") continue;
    if (key == "sfh") {
      out.shape = parse_sfh_shape(text);
    } else if (key == "dust_law") {
      out.dust = parse_dust_law(text);
    } else if (key == "bump_from_slope") {
      if (text != "true" && text != "false")
        throw Error(ErrorKind::usage, "bump_from_slope is neither true nor false",
                    {"'" + text + "'", "true, false", ""});
      out.bump_from_slope = text == "true";
    } else if (key == "h0") {
      out.cosmology.h0 = number(key, text);
    } else if (key == "om0") {
      out.cosmology.om0 = number(key, text);
    } else if (key == "band_offset") {
      out.band_offset = StarPopulation::parse_bands(text, key);
    } else if (key == "band_scatter") {
      out.band_scatter = StarPopulation::parse_bands(text, key);
    } else {
      const auto* const draw = std::find_if(k_star_draws.begin(), k_star_draws.end(),
                                            [&](const StarDrawInfo& info) { return info.name == key; });
      if (draw == k_star_draws.end()) {
        std::string names = "preset, sfh, dust_law, bump_from_slope, h0, om0, band_offset, band_scatter";
        for (const auto& info : k_star_draws) names += ", " + std::string(info.name);
        throw Error(ErrorKind::usage, "unknown setting of a star population", {"'" + key + "'", names, ""});
      }
      const auto k = static_cast<std::size_t>(draw - k_star_draws.begin());
      out.distributions[k] = StarDistribution::parse(text, static_cast<StarDraw>(k));
    }
  }
  if (universe != (out.shape == SfhShape::main_sequence))
    throw Error(ErrorKind::usage, "this preset does not go with these histories",
                {std::string(to_string(out.preset)) + " with sfh " + std::string(to_string(out.shape)),
                 "main_sequence with universe, and with it alone", ""});
  for (std::size_t k = 0; k < k_n_star_draws; ++k)
    if (!universe && out.distributions[k].kind == StarDistribution::Kind::relation)
      throw Error(ErrorKind::usage, "relations with mass and redshift are of the preset universe",
                  {std::string(k_star_draws[k].name) + " relation", "preset universe", ""});
  if (!(out.cosmology.h0 > 0) || !(out.cosmology.om0 > 0 && out.cosmology.om0 < 1))
    throw Error(ErrorKind::usage, "no such cosmology",
                {"h0 " + std::to_string(out.cosmology.h0) + ", om0 " + std::to_string(out.cosmology.om0),
                 "h0 > 0, 0 < om0 < 1", ""});
  const auto& z = out.distributions[static_cast<std::size_t>(StarDraw::redshift)];
  if (!(z.kind == StarDistribution::Kind::fixed ? z.mean > 0 && z.mean <= 4 : z.lo > 0 && z.hi <= 4))
    throw Error(ErrorKind::usage, "redshifts out of range",
                {texts.count("redshift") > 0 ? texts.at("redshift") : "", "above 0, at most 4", ""});
  return out;
}

}  // namespace starglow

// What the page opens with: where blue and red galaxies lie on the map, and one galaxy that shows its lines well.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "page/page_data.hpp"

namespace starglow::files {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::array k_shown{Line::OII_DOUBLET, Line::OIII_5007, Line::HALPHA, Line::NII_6584};
constexpr double k_good_sn = 5, k_good_ew = 30;  // A: a line that is seen at once beside its starlight

double colour_of(const Galaxies& g, std::size_t i) {
  const double blue = g.band_flux(i, 0), red = g.band_flux(i, k_n_bands - 1);
  return blue > 0 && red > 0 && std::isfinite(blue) && std::isfinite(red) ? std::log10(red / blue) : k_nan;
}

std::pair<double, double> middle_of(const PageMap& map, const std::vector<std::size_t>& rows) {
  std::array<double, 2> out{};
  for (std::size_t c = 0; c < 2; ++c) {
    std::vector<float> v;
    for (const auto i : rows) v.push_back(map.xy(i, c));
    std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
    out[c] = static_cast<double>(v[v.size() / 2]);
  }
  return {out[0], out[1]};
}

// How well a galaxy shows what the page is about: a spectrum, no flag, strong lines well measured and well predicted.
double worth(const PageContent& content, const LineSet& lines, std::size_t i) {
  const Galaxies& g = content.galaxies;
  const auto& p = content.prediction;
  const auto halpha = static_cast<std::size_t>(Line::HALPHA);
  const double strongest = p.ew(i, lines.has(halpha) ? halpha : lines.independent().front());
  if (!std::isfinite(content.map.xy(i, 0)) || !std::isfinite(strongest) || !std::isfinite(colour_of(g, i))) return -1;
  double score = p.flags[i] == 0 ? 3 : 0;
  if (!content.spectra.index.empty() && content.spectra.index[i] >= 0) score += 6;
  score += std::exp(-std::fabs(std::asinh(strongest) - std::asinh(k_good_ew)));
  if (!has_measurements(g)) return score;
  double off = 0;
  for (const auto shown : k_shown) {
    const auto line = static_cast<std::size_t>(shown);
    if (!lines.has(line)) continue;
    const double ew = static_cast<double>(g.ew(i, line)), ivar = static_cast<double>(g.ew_ivar(i, line));
    if (!(ivar > 0) || !std::isfinite(ivar) || !(ew * std::sqrt(ivar) > k_good_sn)) return score;
    off += std::fabs(std::asinh(ew) - std::asinh(p.ew(i, line)));
  }
  return score + 2 + std::exp(-off);
}

}  // namespace

PageStory page_story(const PageContent& content, const LineSet& lines) {
  const Galaxies& g = content.galaxies;
  PageStory out;
  double best = -1;
  std::vector<std::pair<double, std::size_t>> colours;
  for (std::size_t i = 0; i < g.n; ++i) {
    if (const double score = worth(content, lines, i); score > best) {
      best = score;
      out.example = static_cast<std::int64_t>(i);
    }
    if (const double c = colour_of(g, i); std::isfinite(c) && std::isfinite(content.map.xy(i, 0)))
      colours.emplace_back(c, i);
  }
  if (colours.size() < 20) return out;
  std::sort(colours.begin(), colours.end());
  const std::size_t tenth = colours.size() / 10;
  std::vector<std::size_t> blue, red;
  for (std::size_t k = 0; k < tenth; ++k) {
    blue.push_back(colours[k].second);
    red.push_back(colours[colours.size() - 1 - k].second);
  }
  out.blue = middle_of(content.map, blue);
  out.red = middle_of(content.map, red);
  out.has_places = true;
  return out;
}

}  // namespace starglow::files

// What a row of the tiled page holds, and exact counts over all rows.
#include "page/tile_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "starglow/base/bpt.hpp"
#include "starglow/base/lines.hpp"

namespace starglow::files {
namespace {

constexpr float k_nan = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t k_bins = 480, k_ratio_side = 130;  // 0.02 dex
constexpr double k_x0 = -1.9, k_x1 = 0.7, k_y0 = -1.3, k_y1 = 1.3;

std::size_t place_of(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

}  // namespace

TileChannels tile_channels() {
  TileChannels c;
  const auto add = [&](const std::string& name, bool mean, bool column) {
    if (mean) {
      c.means.push_back(c.fields.size());
      c.mean_names.push_back(name);
    }
    if (column) c.columns.push_back(c.fields.size());
    c.fields.push_back(name);
  };
  add("Z", true, true);
  add("COLOUR", true, true);
  for (std::size_t b = 0; b < k_n_bands; ++b) add("BAND_FLUX." + std::to_string(b), false, false);
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    const std::string name(k_lines[line].name);
    add(name + "_EW", true, true);
    add(name + "_EW_SIGMA", false, false);
  }
  for (const auto line : k_independent_lines) {
    const std::string name(k_lines[line].name);
    add(name + "_EW_PREDICTED", true, true);
    add(name + "_EW_P16", false, false);
    add(name + "_EW_P84", false, false);
    add(name + "_EW_NOISY", true, true);
  }
  return c;
}

void TileChannels::fill(const Galaxies& g, const Prediction& p, const Matrix<double>& noisy, std::size_t i,
                        std::vector<float>& row) const {
  std::size_t at = 0;
  row[at++] = g.z.empty() ? k_nan : static_cast<float>(g.z[i]);
  const double blue = g.band_flux(i, 0), red = g.band_flux(i, k_n_bands - 1);
  row[at++] = blue > 0 && red > 0 && std::isfinite(blue) && std::isfinite(red)
                  ? static_cast<float>(std::log10(red / blue))
                  : k_nan;
  for (std::size_t b = 0; b < k_n_bands; ++b) {
    const bool masked = !g.band_flux_ivar.empty() && !(g.band_flux_ivar(i, b) > 0);
    row[at++] = masked ? k_nan : static_cast<float>(g.band_flux(i, b));
  }
  for (std::size_t line = 0; line < k_n_lines; ++line) {
    const bool there =
        !g.ew.empty() && !g.ew_ivar.empty() && g.ew_ivar(i, line) > 0 && std::isfinite(g.ew_ivar(i, line));
    row[at++] = there ? g.ew(i, line) : k_nan;
    row[at++] = there ? 1 / std::sqrt(g.ew_ivar(i, line)) : k_nan;
  }
  for (const auto line : k_independent_lines) {
    row[at++] = static_cast<float>(p.ew(i, line));
    row[at++] = p.p16.empty() ? k_nan : static_cast<float>(p.p16(i, line));
    row[at++] = p.p84.empty() ? k_nan : static_cast<float>(p.p84(i, line));
    row[at++] = static_cast<float>(noisy(i, line));
  }
}

bool TileChannels::shows(const std::vector<float>& row) const {
  const float ew = row[place_of(fields, "HALPHA_EW")], sigma = row[place_of(fields, "HALPHA_EW_SIGMA")],
              predicted = row[place_of(fields, "HALPHA_EW_PREDICTED")];
  return predicted > 20 && predicted < 45 &&
         (std::isnan(ew) || (ew > 10 * sigma && std::fabs(ew / predicted - 1) < 0.25F));
}

TileStatistics::TileStatistics(const TileChannels& channels) {
  for (std::size_t k = 0; k < channels.means.size(); ++k) {
    Histogram h;
    h.name = channels.mean_names[k];
    h.field = channels.means[k];
    h.stretched = h.name.find("_EW") != std::string::npos;
    h.low = h.stretched ? -3 : h.name == "COLOUR" ? -2 : 0;  // asinh(EW / A); dex; redshift
    h.high = h.stretched ? 9 : h.name == "COLOUR" ? 2 : 1.2;
    h.counts.resize(k_bins);
    histograms_.push_back(std::move(h));
  }
  for (const char* state : {"", "_PREDICTED", "_NOISY"}) {
    Ratios r;
    r.state = state;
    constexpr std::array<const char*, 4> lines{"NII_6584", "HALPHA", "OIII_5007", "HBETA"};
    for (std::size_t k = 0; k < 4; ++k) r.fields[k] = place_of(channels.fields, std::string(lines[k]) + "_EW" + state);
    r.cells.resize(k_ratio_side * k_ratio_side);
    ratios_.push_back(std::move(r));
  }
}

void TileStatistics::add(const std::vector<float>& row) {
  for (auto& h : histograms_) {
    const double raw = static_cast<double>(row[h.field]), v = h.stretched ? std::asinh(raw) : raw;
    if (std::isnan(v))
      ++h.without;
    else if (v < h.low)
      ++h.below;
    else if (v >= h.high)
      ++h.above;
    else
      ++h.counts[std::min(k_bins - 1, static_cast<std::size_t>((v - h.low) / (h.high - h.low) * k_bins))];
  }
  for (auto& r : ratios_) {
    std::array<double, 4> ew{};
    for (std::size_t k = 0; k < 4; ++k) ew[k] = static_cast<double>(row[r.fields[k]]);
    if (!std::all_of(ew.begin(), ew.end(), [](double e) { return e > 0 && std::isfinite(e); })) continue;
    const double x = std::log10(ew[0] / ew[1]), y = std::log10(ew[2] / ew[3]);
    ++r.classes[below_kauffmann(x, y) ? 0 : below_kewley(x, y) ? 1 : 2];
    if (!(x >= k_x0 && x < k_x1 && y >= k_y0 && y < k_y1)) {
      ++r.outside;
      continue;
    }
    const auto column = static_cast<std::size_t>((x - k_x0) / (k_x1 - k_x0) * k_ratio_side),
               line = static_cast<std::size_t>((y - k_y0) / (k_y1 - k_y0) * k_ratio_side);
    ++r.cells[std::min(line, k_ratio_side - 1) * k_ratio_side + std::min(column, k_ratio_side - 1)];
  }
}

std::string TileStatistics::json() const {
  nlohmann::json out{{"histograms", nlohmann::json::object()}, {"ratios", nlohmann::json::object()}};
  for (const auto& h : histograms_)
    out["histograms"][h.name] = {{"asinh", h.stretched}, {"low", h.low},     {"high", h.high},
                                 {"counts", h.counts},   {"below", h.below}, {"above", h.above},
                                 {"without", h.without}};
  for (const auto& r : ratios_) {
    nlohmann::json cells = nlohmann::json::array();  // [place, count, ...] of those that hold any
    for (std::size_t k = 0; k < r.cells.size(); ++k)
      if (r.cells[k] > 0) {
        cells.push_back(k);
        cells.push_back(r.cells[k]);
      }
    out["ratios"][r.state.empty()       ? "observed"
                  : r.state == "_NOISY" ? "noisy"
                                        : "predicted"] = {{"side", k_ratio_side},
                                                          {"range", {k_x0, k_x1, k_y0, k_y1}},
                                                          {"cells", cells},
                                                          {"outside", r.outside},
                                                          {"classes", r.classes}};
  }
  return out.dump();
}

}  // namespace starglow::files

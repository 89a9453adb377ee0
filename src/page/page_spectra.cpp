// Spectra as the page fetches them: one small record a galaxy.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"
#include "starglow/files/spectra_file.hpp"
#include "starglow/page/page.hpp"

namespace starglow {
namespace {

constexpr std::int16_t k_absent = -32768;
constexpr double k_levels = 32000;
constexpr std::size_t k_batch = 256;

template <class T>
void append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Whole numbers of -32000..32000 times `scale`.
void append_scaled(std::string& out, std::span<const double> values, float scale) {
  for (const double v : values) {
    const double steps = std::nearbyint(v / static_cast<double>(scale));
    append(out, std::isfinite(v) ? static_cast<std::int16_t>(std::clamp(steps, -k_levels, k_levels)) : k_absent);
  }
}

float scale_of(std::span<const double> values) {
  double most = 0;
  for (const double v : values)
    if (std::isfinite(v)) most = std::max(most, std::fabs(v));
  return static_cast<float>(most > 0 ? most / k_levels : 1.0);
}

// 0: masked or without information; else sigma = flux scale x 10^((code - 1) / 40): 1 to 2e6 steps of the flux, 6 %.
void append_sigma(std::string& out, const Spectra& s, std::size_t i, float scale) {
  for (std::size_t p = 0; p < s.pixels(); ++p) {
    const double ivar = s.ivar.empty() ? 0.0 : s.ivar(i, p);
    const bool masked = !s.mask.empty() && s.mask(i, p) != 0;
    int code = 0;
    if (!masked && ivar > 0 && std::isfinite(ivar))
      code = std::clamp(
          static_cast<int>(std::lround(1 + 40 * std::log10(1 / std::sqrt(ivar) / static_cast<double>(scale)))), 1, 255);
    else if (!masked && s.ivar.empty())
      code = 1;
    out += static_cast<char>(static_cast<unsigned char>(code));
  }
}

void append_record(std::string& out, const Spectra& s, std::size_t i, bool one_grid) {
  const std::vector<double> none(s.pixels(), std::nan(""));
  const std::span<const double> flux = s.flux.empty() ? std::span<const double>(none) : s.flux.row(i);
  const std::span<const double> continuum = s.continuum.empty() ? std::span<const double>(none) : s.continuum.row(i);
  const float flux_scale = scale_of(flux), continuum_scale = scale_of(continuum);
  append(out, flux_scale);
  append(out, continuum_scale);
  if (!one_grid)
    for (const double w : s.wave_obs.row(i)) append(out, static_cast<float>(w));
  append_scaled(out, flux, flux_scale);
  append_scaled(out, continuum, continuum_scale);
  append_sigma(out, s, i, flux_scale);
  if (out.size() % 4 != 0) out.append(4 - out.size() % 4, '\0');  // so that each record's floats are aligned
}

}  // namespace

PageSpectra read_page_spectra(const std::filesystem::path& path, const Galaxies& g) {
  const SpectraFileReader reader(path);
  if (g.targetid.empty() || !reader.table().has_column("TARGETID"))
    throw Error(ErrorKind::input, "spectra and galaxies are matched by TARGETID",
                {"a table without it", "the column in both", ""});
  // TARGETIDs repeat over surveys and programs, which count where both have them.
  const bool by_survey = !g.survey.empty() && reader.table().has_column("SURVEY"),
             by_program = !g.program.empty() && reader.table().has_column("PROGRAM");
  const auto key = [&](const auto& of, std::size_t i) {
    const auto text = [i](bool counts, const std::vector<std::string>& all) {
      return counts && i < all.size() ? all[i] : std::string();
    };
    return object_id(of.targetid[i], text(by_survey, of.survey), text(by_program, of.program));
  };
  std::multimap<std::int64_t, std::size_t> rows;
  for (std::size_t i = 0; i < g.n; ++i)
    if (has_id(g, i)) rows.emplace(key(g, i), i);
  PageSpectra out;
  out.pixels = reader.pixels();
  out.index.assign(g.n, -1);
  std::int32_t record = 0;
  for (std::size_t first = 0; first < reader.rows(); first += k_batch) {
    const Spectra s = reader.read(first, std::min(k_batch, reader.rows() - first));
    if (reader.one_grid() && out.wave.empty())
      for (const double w : s.wave_obs.row(0)) out.wave.push_back(static_cast<float>(w));
    for (std::size_t i = 0; i < s.size(); ++i) {
      if (s.targetid[i] == k_null_id) continue;
      const auto [begin, end] = rows.equal_range(key(s, i));
      if (begin == end || out.index[begin->second] >= 0) continue;
      append_record(out.records, s, i, reader.one_grid());
      for (auto at = begin; at != end; ++at) out.index[at->second] = record;
      ++record;
      if (out.records.size() > k_page_spectra)
        throw Error(ErrorKind::usage, "the spectra are more than a page takes",
                    {std::to_string(out.records.size()) + " bytes", std::to_string(k_page_spectra), ""});
    }
  }
  if (record == 0)
    throw Error(ErrorKind::input, "'" + path.string() + "' has no spectrum of the table's galaxies",
                {"no TARGETID in common", "spectra of the same galaxies", ""});
  return out;
}

}  // namespace starglow

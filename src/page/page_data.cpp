// The galaxies and the model as the page reads them: safetensors files.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "files/models/model_io.hpp"
#include "page/page_bundle.hpp"
#include "page/page_data.hpp"
#include "report/figure_text.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/random.hpp"
#include "starglow/base/version.hpp"

namespace starglow {
namespace files {
namespace {

using nlohmann::json;

template <class T>
Tensor tensor_of(const char* dtype, const std::vector<T>& values, std::vector<std::uint64_t> shape) {
  Tensor t{dtype, std::move(shape), std::vector<unsigned char>(values.size() * sizeof(T))};
  if (!values.empty()) std::memcpy(t.bytes.data(), values.data(), t.bytes.size());
  return t;
}

Tensor half_tensor(const std::vector<float>& values, std::vector<std::uint64_t> shape) {
  std::vector<std::uint16_t> half(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) half[i] = to_half(values[i]);
  return tensor_of("F16", half, std::move(shape));
}

// What half precision leaves of each number, in 256 steps of its last bit: 19 bits in all.
Tensor low_tensor(const std::vector<float>& values, std::vector<std::uint64_t> shape) {
  std::vector<unsigned char> low(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = static_cast<double>(values[i]);
    const auto step_of = [](double v) {
      return std::ldexp(1.0, (v == 0 ? -14 : std::clamp(std::ilogb(v), -14, 15)) - 10);
    };
    const double rounded = std::nearbyint(value / step_of(value)) * step_of(value);
    const double rest = (value - rounded) / step_of(rounded);
    low[i] = static_cast<unsigned char>(std::clamp(std::nearbyint(256 * rest) + 128, 0.0, 255.0));
  }
  return tensor_of("U8", low, std::move(shape));
}

std::vector<float> column(const Matrix<double>& m, std::size_t j) {
  std::vector<float> out(m.rows());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(m(i, j));
  return out;
}

// Positions on the sky need all the digits that they have: half precision is a tenth of a degree.
bool is_angle(const PageColumn& c) {
  const auto ends = [&](std::string_view end) { return c.name.ends_with(end); };
  return c.unit.starts_with("deg") || ends("RA") || ends("DEC") || ends("ra") || ends("dec");
}

// Whether half precision holds a column to 5e-4 relative: measured numbers, not counts or bits, in its range.
bool fits_half(const PageColumn& c) {
  return !c.whole_numbers && !is_angle(c) && std::all_of(c.values.begin(), c.values.end(), [](float v) {
    return std::isnan(v) || v == 0 || (std::fabs(v) >= 0x1p-14F && std::fabs(v) <= 65504.0F);
  });
}

constexpr float k_nan = std::numeric_limits<float>::quiet_NaN();

/// One number a galaxy, by name: what the page can show of it. `wide`: in single precision.
struct Field {
  std::string name;
  bool wide;
  std::vector<float> values;
};

std::vector<Field> fields(const PageContent& content, const LineSet& lines) {
  const Galaxies& g = content.galaxies;
  std::vector<Field> out;
  if (!g.z.empty()) out.push_back({"Z", true, {g.z.begin(), g.z.end()}});
  for (std::size_t b = 0; b < k_n_bands; ++b) {
    Field f{"BAND_FLUX." + std::to_string(b), true, std::vector<float>(g.n)};
    for (std::size_t i = 0; i < g.n; ++i) {
      const bool masked = !g.band_flux_ivar.empty() && !(g.band_flux_ivar(i, b) > 0);
      f.values[i] = masked ? k_nan : static_cast<float>(g.band_flux(i, b));
    }
    out.push_back(std::move(f));
  }
  if (has_measurements(g))
    for (const std::size_t line : lines.lines()) {
      const std::string name(k_all_lines[line].name);
      Field ew{name + "_EW", true, std::vector<float>(g.n, k_nan)};
      Field sigma{name + "_EW_SIGMA", true, std::vector<float>(g.n, k_nan)};
      for (std::size_t i = 0; i < g.n; ++i) {
        const float ivar = g.ew_ivar(i, line);
        if (!(ivar > 0) || !std::isfinite(ivar)) continue;
        ew.values[i] = g.ew(i, line);
        sigma.values[i] = 1 / std::sqrt(ivar);
      }
      out.push_back(std::move(ew));
      out.push_back(std::move(sigma));
    }
  // The weak members of the doublets follow from their partners on the page.
  for (const auto line : lines.independent()) {
    const std::string name(k_all_lines[line].name);
    out.push_back({name + "_EW_PREDICTED", true, column(content.prediction.ew, line)});
    if (content.prediction.p16.empty()) continue;
    out.push_back({name + "_EW_P16", false, column(content.prediction.p16, line)});
    out.push_back({name + "_EW_P84", false, column(content.prediction.p84, line)});
  }
  for (const auto& c : content.columns) out.push_back({"column:" + c.name, !fits_half(c), c.values});
  return out;
}

// What the page knows of a line (web/src/lines.js).
json line_of_page(std::size_t line) {
  const LineInfo& info = k_all_lines[line];
  json out{{"name", info.name}, {"row", line}, {"title", line_title(line)}, {"wave", info.wave_vac}};
  if (!info.pair[0].name.empty()) out["parts"] = {info.pair[0].wave_vac, info.pair[1].wave_vac};
  if (!info.strong.empty()) {
    out["strong"] = info.strong;
    out["ew_ratio"] = info.ew_ratio;
  }
  return out;
}

json description(const PageContent& content, const Model& model, const ConventionReport& report) {
  json out{{"title", content.title},   {"n", content.galaxies.n},
           {"notes", content.notes},   {"format", 1},
           {"version", version()},     {"measured", has_measurements(content.galaxies)},
           {"columns", json::array()}, {"lines", json::array()},
           {"flags", json::array()}};
  out["map"] = {{"x", content.map.x_label}, {"y", content.map.y_label}, {"note", content.map.note}};
  for (const std::size_t line : model.lines().lines()) out["lines"].push_back(line_of_page(line));
  for (const auto& flag : k_flags)
    out["flags"].push_back({{"bit", flag.bit}, {"name", flag.name}, {"meaning", flag.meaning}});
  // Flags that occur, the most frequent first.
  std::vector<std::pair<std::size_t, std::string>> seen;
  for (const auto& flag : k_flags) {
    const auto count =
        static_cast<std::size_t>(std::count_if(content.prediction.flags.begin(), content.prediction.flags.end(),
                                               [&](std::int32_t f) { return (f & flag.bit) != 0; }));
    if (count == 0) continue;
    const auto fewer = [](std::size_t n, const auto& flag_seen) { return n > flag_seen.first; };
    seen.emplace(std::upper_bound(seen.begin(), seen.end(), count, fewer), count, flag.name);
  }
  out["flags_seen"] = json::array();
  for (const auto& [count, name] : seen) out["flags_seen"].push_back({name, count});
  const PageStory story = page_story(content, model.lines());
  out["story"] = {{"example", story.example}};
  if (story.has_places) {
    out["story"]["blue"] = {story.blue.first, story.blue.second};
    out["story"]["red"] = {story.red.first, story.red.second};
  }
  if (!content.spectra.index.empty()) out["spectra"] = {{"pixels", content.spectra.pixels}};
  for (const auto& c : content.columns) out["columns"].push_back({{"name", c.name}, {"unit", c.unit}});
  if (!content.provenance.empty()) out["provenance"] = json::array();
  for (const auto& [key, value] : content.provenance) out["provenance"].push_back({key, value});
  out["model"] = {{"kind", model.parts().kind},
                  {"hash", model.hash()},
                  {"luminosity_usable", report.luminosity_usable},
                  {"redshift_usable", report.redshift_usable}};
  return out;
}

// Text that is not UTF-8 cannot stand in JSON: such bytes become the replacement character.
std::string dump(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace

bool has_measurements(const Galaxies& g) { return !g.ew.empty() && !g.ew_ivar.empty(); }

std::string page_description(const PageContent& content, const Galaxies& sample, const Model& model) {
  return dump(description(content, model, model.compare(sample.conventions)));
}

PageData page_data(const PageContent& content, const Model& model) {
  const Galaxies& g = content.galaxies;
  const std::uint64_t n = g.n;
  SafeTensors out;
  const auto all = fields(content, model.lines());
  for (const auto& f : all) out.tensors[f.name] = f.wide ? tensor_of("F32", f.values, {n}) : half_tensor(f.values, {n});
  std::vector<float> xy(content.map.xy.flat().begin(), content.map.xy.flat().end());
  out.tensors["xy"] = tensor_of("F32", xy, {n, 2});
  if (!g.targetid.empty()) {
    out.tensors["TARGETID"] = tensor_of("I64", g.targetid, {n});
    if (!g.survey.empty() || !g.program.empty()) {
      std::vector<std::int64_t> ids(g.n);
      for (std::size_t i = 0; i < g.n; ++i)
        ids[i] = object_id(g.targetid[i], g.survey.empty() ? "" : g.survey[i], g.program.empty() ? "" : g.program[i]);
      out.tensors["RANDOM_ID"] = tensor_of("I64", ids, {n});
    }
  }
  out.tensors["FLAGS"] = tensor_of("I32", content.prediction.flags, {n});
  if (const PageSpectra& s = content.spectra; !s.index.empty()) {
    out.tensors["SPECTRUM"] = tensor_of("I32", s.index, {n});
    if (!s.wave.empty()) out.tensors["WAVE"] = tensor_of("F32", s.wave, {s.wave.size()});
  }
  json about = description(content, model, model.compare(g.conventions));
  PageData data;
  if (g.n > k_page_whole_max) {
    about["row_fields"] = json::array();
    for (const auto& f : all) about["row_fields"].push_back(f.name);
    std::vector<float> rows;
    rows.reserve(g.n * all.size());
    for (std::size_t i = 0; i < g.n; ++i)
      for (const auto& f : all) rows.push_back(f.values[i]);
    data.rows.assign(reinterpret_cast<const char*>(rows.data()), rows.size() * sizeof(float));
  }
  out.metadata["page"] = dump(about);
  data.galaxies = format_safetensors(out);
  return data;
}

}  // namespace files

std::string page_model(const Model& model, bool half) {
  if (model.parts().neighbours || !model.input_columns().empty()) return "";
  files::SafeTensors content = files::model_to_tensors(model.parts());
  std::map<std::string, files::Tensor> low;
  for (auto& [name, tensor] : content.tensors)
    if (half && name.size() > 7 && name.ends_with(".params")) {
      const auto values = tensor.floats();
      low[name + "_low"] = files::low_tensor(values, tensor.shape);
      tensor = files::half_tensor(values, tensor.shape);
    }
  content.tensors.insert(low.begin(), low.end());
  for (auto it = content.metadata.begin(); it != content.metadata.end();)
    it = it->first.starts_with("learning_curve.") || it->first.starts_with("train.") ? content.metadata.erase(it)
                                                                                     : std::next(it);
  content.metadata["model_hash"] = model.hash();
  return files::format_safetensors(content);
}

}  // namespace starglow

#include "starglow/report/figure.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace starglow {
namespace {

using nlohmann::json;

json numbers(const std::vector<double>& v) {
  json out = json::array();
  for (const double x : v) out.push_back(std::isfinite(x) ? json(x) : json(nullptr));
  return out;
}

}  // namespace

std::string figure_json(const Figure& f, const std::vector<std::pair<std::string, std::string>>& provenance) {
  json root{{"schema", "starglow-figure-1"},
            {"name", f.name},
            {"kind", f.kind},
            {"title", f.title},
            {"caption", f.caption},
            {"x", {{"label", f.x.label}, {"unit", f.x.unit}}},
            {"y", {{"label", f.y.label}, {"unit", f.y.unit}}},
            {"panels", json::array()},
            {"n", f.n}};
  if (!f.c.label.empty()) root["c"] = {{"label", f.c.label}, {"unit", f.c.unit}};
  if (f.columns > 0) root["columns"] = f.columns;
  if (!provenance.empty()) root["provenance"] = json::object();
  for (const auto& [key, value] : provenance) root["provenance"][key] = value;
  for (const auto& p : f.panels) {
    json panel{{"title", p.title}, {"series", json::array()}};
    for (const auto& s : p.series) {
      json item{{"label", s.label}, {"style", s.style}, {"x", numbers(s.x)}};
      if (!s.y.empty()) item["y"] = numbers(s.y);
      if (!s.y_low.empty()) {
        item["y_low"] = numbers(s.y_low);
        item["y_high"] = numbers(s.y_high);
      }
      if (!s.c.empty()) item["c"] = numbers(s.c);
      panel["series"].push_back(std::move(item));
    }
    if (p.x_range.first != p.x_range.second) panel["x_range"] = numbers({p.x_range.first, p.x_range.second});
    if (p.y_range.first != p.y_range.second) panel["y_range"] = numbers({p.y_range.first, p.y_range.second});
    if (p.c_range.first != p.c_range.second) panel["c_range"] = numbers({p.c_range.first, p.c_range.second});
    if (!p.row.empty()) panel["row"] = p.row;
    if (!p.column.empty()) panel["column"] = p.column;
    if (!p.note.empty()) panel["note"] = p.note;
    if (!p.matrix.values.empty()) {
      json values = json::array();
      for (const auto& row : p.matrix.values) values.push_back(numbers(row));
      panel["matrix"] = {{"rows", p.matrix.rows}, {"columns", p.matrix.columns}, {"values", std::move(values)}};
    }
    root["panels"].push_back(std::move(panel));
  }
  return root.dump() + "\n";
}

}  // namespace starglow

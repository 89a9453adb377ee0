#include "model/training_tables.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "starglow/base/error.hpp"

namespace starglow {
namespace {

constexpr double k_share_snr = 5;          // of a sum, for its members' share to be read off
constexpr std::size_t k_min_shares = 100;  // rows that have both

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

struct Entry {
  std::string_view name, value;  // name "" = every table
};

// "VALUE", or "NAME: VALUE; NAME: VALUE".
std::vector<Entry> entries_of(std::string_view key, std::string_view text) {
  std::vector<Entry> out;
  while (!trim(text).empty()) {
    const std::size_t end = text.find(';');
    const std::string_view part = trim(text.substr(0, end));
    const std::size_t colon = part.find(':');
    if (colon == std::string_view::npos)
      out.push_back({"", part});
    else
      out.push_back({trim(part.substr(0, colon)), trim(part.substr(colon + 1))});
    if (out.back().value.empty() || (colon != std::string_view::npos && out.back().name.empty()))
      throw Error(ErrorKind::usage, "training setting '" + std::string(key) + "' cannot be read",
                  {"'" + std::string(part) + "'", "VALUE, or TABLE: VALUE; TABLE: VALUE", ""});
    if (end == std::string_view::npos) break;
    text = text.substr(end + 1);
  }
  return out;
}

// A rule's name is that of a table, or its beginning.
bool applies(std::string_view rule, std::string_view table) { return table.substr(0, rule.size()) == rule; }

double positive(std::string_view key, std::string_view text) {
  double value = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc{} || end != text.data() + text.size() || !(value >= 0) || !std::isfinite(value))
    throw Error(ErrorKind::usage, "training setting '" + std::string(key) + "' cannot be used",
                {"'" + std::string(text) + "'", "a number, 0 or more", ""});
  return value;
}

// "2" for every line, or "HALPHA 2.5, HBETA 1.9".
void set_by_line(std::string_view key, std::string_view text, double least, std::array<double, k_n_all_lines>& into) {
  const auto check = [&](double value) {
    if (!(value >= least))
      throw Error(ErrorKind::usage, "training setting '" + std::string(key) + "' is too small",
                  {std::to_string(value), "at least " + std::to_string(least), ""});
    return value;
  };
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view part = trim(text.substr(0, comma));
    const std::size_t space = part.find(' ');
    if (space == std::string_view::npos) {
      into.fill(check(positive(key, part)));
    } else {
      const auto line = find_any_line(part.substr(0, space));
      if (!line)
        throw Error(ErrorKind::usage, "training setting '" + std::string(key) + "' names an unknown line",
                    {"'" + std::string(part) + "'", "LINE NUMBER, for instance HALPHA 2.5", ""});
      into[*line] = check(positive(key, trim(part.substr(space))));
    }
    if (comma == std::string_view::npos) return;
    text = text.substr(comma + 1);
  }
}

// "NAME; NAME", or "all".
bool named(std::string_view text, std::string_view table) {
  while (!trim(text).empty()) {
    const std::size_t end = text.find(';');
    const std::string_view name = trim(text.substr(0, end));
    if (name == "all" || (!name.empty() && applies(name, table))) return true;
    if (end == std::string_view::npos) return false;
    text = text.substr(end + 1);
  }
  return false;
}

std::size_t n_tables(const Galaxies& g) { return std::max<std::size_t>(1, g.tables.size()); }
std::string_view table_name(const Galaxies& g, std::size_t k) {
  return g.tables.empty() ? std::string_view(g.conventions.labelver) : std::string_view(g.tables[k]);
}

bool known(float ew, float ivar) { return ivar > 0 && std::isfinite(ivar) && std::isfinite(ew); }

LineShare share_of(const Galaxies& g, std::size_t k) {
  const LineSum& sum = k_line_sums[k];
  std::vector<double> shares;
  for (std::size_t r = 0; r < g.n && !g.ew.empty(); ++r) {
    double whole = 0, variance = 0;
    bool all = true;
    for (std::size_t m = 0; m < sum.n && all; ++m) {
      const auto line = static_cast<std::size_t>(sum.members[m]);
      all = known(g.ew(r, line), g.ew_ivar(r, line));
      whole += static_cast<double>(g.ew(r, line));
      variance += 1.0 / static_cast<double>(g.ew_ivar(r, line));
    }
    if (all && whole > k_share_snr * std::sqrt(variance))
      shares.push_back(static_cast<double>(g.ew(r, static_cast<std::size_t>(sum.members[0]))) / whole);
  }
  if (shares.size() < k_min_shares) return k_default_share[k];
  std::sort(shares.begin(), shares.end());
  const auto at = [&](double p) {
    return shares[static_cast<std::size_t>(p * static_cast<double>(shares.size() - 1))];
  };
  return {at(0.5), 0.5 * (at(0.84) - at(0.16))};
}

}  // namespace

std::vector<TableRules> table_rules(const Galaxies& g, const TrainConfig& config) {
  std::vector<TableRules> out(n_tables(g));
  const auto each = [&](std::string_view key, const std::string& text, auto set) {
    for (const auto& [name, value] : entries_of(key, text))
      for (std::size_t k = 0; k < out.size(); ++k)
        if (name.empty() || applies(name, table_name(g, k))) set(out[k], value);
  };
  for (std::size_t k = 0; k < out.size(); ++k) {
    out[k].name = table_name(g, k);
    out[k].error_scale.fill(1.0);
    out[k].peaks.fill(1.0);
    out[k].unmeasured = named(config.unmeasured, out[k].name);
  }
  each("selection", config.selection, [](TableRules& r, std::string_view v) { r.selection = Selection::parse(v); });
  each("error_scale", config.error_scale,
       [](TableRules& r, std::string_view v) { set_by_line("error_scale", v, 1e-3, r.error_scale); });
  each("peaks", config.peaks, [](TableRules& r, std::string_view v) { set_by_line("peaks", v, 1.0, r.peaks); });
  each("dust", config.dust, [](TableRules& r, std::string_view v) { r.dust = positive("dust", v); });
  return out;
}

void check_table_rule(std::string_view key, const std::string& text) {
  std::array<double, k_n_all_lines> unused{};
  for (const auto& [name, value] : entries_of(key, text)) {
    if (key == "selection") (void)Selection::parse(value);
    if (key == "error_scale") set_by_line(key, value, 1e-3, unused);
    if (key == "peaks") set_by_line(key, value, 1.0, unused);
    if (key == "dust") (void)positive(key, value);
  }
}

std::string unused_rules(const Galaxies& g, const TrainConfig& config) {
  std::vector<std::string> unused;
  for (const auto& [key, text] :
       {std::pair{"selection", &config.selection}, std::pair{"error_scale", &config.error_scale},
        std::pair{"peaks", &config.peaks}, std::pair{"dust", &config.dust}})
    for (const auto& entry : entries_of(key, *text)) {
      bool used = entry.name.empty();
      for (std::size_t k = 0; k < n_tables(g); ++k) used = used || applies(entry.name, table_name(g, k));
      if (!used && std::find(unused.begin(), unused.end(), entry.name) == unused.end()) unused.emplace_back(entry.name);
    }
  std::string out;
  for (const auto& name : unused) out += (out.empty() ? "" : ", ") + name;
  return out;
}

bool needs_preparation(const Galaxies& g, const std::vector<TableRules>& rules) {
  bool any = !g.sum_ew.empty() && !g.sum_ew_ivar.empty();
  for (const auto& r : rules)
    any =
        any || r.unmeasured || std::any_of(r.error_scale.begin(), r.error_scale.end(), [](double s) { return s != 1; });
  return any;
}

Galaxies prepare_labels(const Galaxies& from, const std::vector<TableRules>& rules) {
  Galaxies g = from;
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  if (g.ew.empty() && !g.sum_ew.empty()) {  // a table of sums alone
    g.ew = Matrix<float>(g.n, k_n_lines, nan);
    g.ew_ivar = Matrix<float>(g.n, k_n_lines, 0.0F);
  }
  std::array<std::optional<LineShare>, k_n_line_sums> share;
  for (std::size_t r = 0; r < g.n; ++r) {
    const TableRules& rule = rules_of(g, rules, r);
    for (std::size_t line = 0; line < g.ew.cols(); ++line) {
      if (g.ew_ivar.empty()) break;
      if (rule.unmeasured && !(g.ew_ivar(r, line) > 0)) g.ew(r, line) = nan;
      const double scale = rule.error_scale[line];
      if (scale != 1)
        g.ew_ivar(r, line) = static_cast<float>(static_cast<double>(g.ew_ivar(r, line)) / (scale * scale));
    }
    for (std::size_t k = 0; k < k_n_line_sums && !g.sum_ew.empty() && !g.sum_ew_ivar.empty(); ++k) {
      const auto strong = static_cast<std::size_t>(k_line_sums[k].members[0]);
      const float sum = g.sum_ew(r, k), ivar = g.sum_ew_ivar(r, k);
      if (!known(sum, ivar) || known(g.ew(r, strong), g.ew_ivar(r, strong))) continue;
      if (!share[k]) share[k] = share_of(from, k);
      const double scale = rule.error_scale[strong], whole = static_cast<double>(sum);
      const double error = scale * share[k]->median / std::sqrt(static_cast<double>(ivar)),
                   spread = share[k]->sd * whole;
      g.ew(r, strong) = static_cast<float>(share[k]->median * whole);
      g.ew_ivar(r, strong) = static_cast<float>(1.0 / (error * error + spread * spread));
    }
  }
  return g;
}

Galaxies labels_of_recipe(const Galaxies& table, const std::string& name, const TrainConfig& config) {
  Galaxies g = table;
  g.tables = {name.empty() ? g.conventions.labelver : name};
  g.table.assign(g.n, 0);
  Galaxies out = prepare_labels(g, table_rules(g, config));
  out.table.clear();
  out.tables.clear();
  return out;
}

Galaxies join_tables(std::vector<NamedTable> tables) {
  Galaxies out;
  if (tables.empty()) throw Error(ErrorKind::usage, "no table to train on");
  if (tables.size() == 1 && tables[0].name.empty()) return std::move(tables[0].galaxies);
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for (auto& t : tables) {
    if (t.name.empty()) t.name = t.galaxies.conventions.labelver;
    out.n += t.galaxies.n;
  }
  const auto has = [&](auto member) {
    return std::any_of(tables.begin(), tables.end(), [&](const auto& t) { return !(t.galaxies.*member).empty(); });
  };
  for (const auto& t : tables)
    for (const auto& [present, name] :
         {std::pair{!t.galaxies.targetid.empty(), "TARGETID"}, std::pair{!t.galaxies.band_flux.empty(), "BAND_FLUX"},
          std::pair{!t.galaxies.z.empty(), "Z"}})
      if (!present && t.galaxies.n > 0)
        throw Error(ErrorKind::input, "table '" + t.name + "' has no column " + name,
                    {"", "TARGETID, Z and BAND_FLUX in every table", ""});
  out.conventions = tables[0].galaxies.conventions;
  out.band_flux = Matrix<double>(out.n, k_n_bands);
  const double all = std::numeric_limits<double>::infinity();
  if (has(&Galaxies::band_flux_ivar)) out.band_flux_ivar = Matrix<double>(out.n, k_n_bands, all);
  std::size_t width = k_n_lines;
  for (const auto& t : tables) width = std::max({width, t.galaxies.ew.cols(), t.galaxies.ew_ivar.cols()});
  out.ew = Matrix<float>(out.n, width, nan);
  out.ew_ivar = Matrix<float>(out.n, width, 0.0F);
  if (has(&Galaxies::inputs)) out.inputs = Matrix<double>(out.n, k_n_column_inputs, std::nan(""));
  if (has(&Galaxies::sum_ew)) {
    out.sum_ew = Matrix<float>(out.n, k_n_line_sums, nan);
    out.sum_ew_ivar = Matrix<float>(out.n, k_n_line_sums, 0.0F);
  }
  std::size_t at = 0;
  for (auto& t : tables) {
    Galaxies& g = t.galaxies;
    auto found = std::find(out.tables.begin(), out.tables.end(), t.name);
    if (found == out.tables.end()) found = out.tables.insert(out.tables.end(), t.name);
    out.table.insert(out.table.end(), g.n, static_cast<std::uint16_t>(found - out.tables.begin()));
    out.targetid.insert(out.targetid.end(), g.targetid.begin(), g.targetid.end());
    out.z.insert(out.z.end(), g.z.begin(), g.z.end());
    const auto put = [&](const auto& from, auto& into) {
      for (std::size_t r = 0; r < from.rows(); ++r)
        std::copy(from.row(r).begin(), from.row(r).end(), into.row(at + r).begin());
    };
    if (g.n > 0) {
      put(g.band_flux, out.band_flux);
      put(g.band_flux_ivar, out.band_flux_ivar);
      put(g.ew, out.ew);
      put(g.ew_ivar, out.ew_ivar);
      put(g.inputs, out.inputs);
      put(g.sum_ew, out.sum_ew);
      put(g.sum_ew_ivar, out.sum_ew_ivar);
      for (auto [ours, theirs] : {std::pair{&out.conventions.aperture, &g.conventions.aperture},
                                  std::pair{&out.conventions.mwcorr, &g.conventions.mwcorr},
                                  std::pair{&out.conventions.maskrule, &g.conventions.maskrule},
                                  std::pair{&out.conventions.contsrc, &g.conventions.contsrc}})
        if (*ours != *theirs) *ours = "mixed";
    }
    at += g.n;
    g = {};  // each table is held once
  }
  out.conventions.labelver.clear();
  for (const auto& name : out.tables) out.conventions.labelver += (out.conventions.labelver.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace starglow

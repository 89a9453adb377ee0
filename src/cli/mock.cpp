#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/mock_stars.hpp"
#include "cli/outcome.hpp"
#include "cli/output.hpp"
#include "cli/verb.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/columns.hpp"
#include "starglow/files/models.hpp"
#include "starglow/files/table.hpp"
#include "starglow/model/population.hpp"
#include "starglow/stars/star_population.hpp"

namespace starglow::cli {
namespace {

constexpr std::size_t k_chunk = 65536;

void declare(OptionSet& set) {
  set.add({"output", OptionType::text, "table to write", "", "FILE", 'o'});
  set.add({"population",
           OptionType::text,
           "bands = draw the twelve band fluxes; stars = draw star-formation histories and compute continua and lines",
           "bands",
           "NAME",
           0,
           "Options",
           {"bands", "stars"}});
  set.add({"population_file", OptionType::text,
           "population model fitted by train --preset population; default: the shipped one", "", "FILE"});
  set.add({"n", OptionType::integer, "number of galaxies", "10000", "N", 'n'});
  set.add({"first_id", OptionType::integer, "TARGETID of the first galaxy; the others count up", "1", "ID"});
  set.add({"compare", OptionType::text, "compare the mock with this table instead of writing it", "", "table.fits"});
  declare_stars(set);
}

}  // namespace

std::string compare_features(const Matrix<double>& a, const Matrix<double>& b, std::span<const std::string> names) {
  for (const auto* m : {&a, &b})
    if (m->rows() < 2)
      throw Error(ErrorKind::input, "too few galaxies to compare",
                  {std::to_string(m->rows()) + (m == &a ? " of the mock" : " of the table") +
                       " with all bands positive, a redshift in range and errors",
                   "2 at least", ""});
  std::string out = fmt::format("{:<14}{:>10}{:>12}{:>12}{:>12}{:>12}\n", "feature", "KS", "median mock", "median real",
                                "sd mock", "sd real");
  const auto column = [](const Matrix<double>& m, std::size_t j) {
    std::vector<double> v(m.rows());
    for (std::size_t i = 0; i < m.rows(); ++i) v[i] = m(i, j);
    return v;
  };
  const auto summary = [](std::vector<double> v) {
    double mean = 0, squares = 0;
    for (const double x : v) mean += x / static_cast<double>(v.size());
    for (const double x : v) squares += (x - mean) * (x - mean);
    std::sort(v.begin(), v.end());
    return std::pair{v[v.size() / 2], std::sqrt(squares / static_cast<double>(v.size()))};
  };
  for (std::size_t j = 0; j < names.size(); ++j) {
    const auto va = column(a, j), vb = column(b, j);
    const auto [ma, sa] = summary(va);
    const auto [mb, sb] = summary(vb);
    out += fmt::format("{:<14}{:>10.4f}{:>12.4f}{:>12.4f}{:>12.4f}{:>12.4f}\n", names[j], ks_distance(va, vb), ma, mb,
                       sa, sb);
  }
  const auto correlation = [&](const Matrix<double>& m, std::size_t i, std::size_t j) {
    const auto x = column(m, i), y = column(m, j);
    const auto [mx, sx] = summary(x);
    const auto [my, sy] = summary(y);
    double meanx = 0, meany = 0, sum = 0;
    for (std::size_t r = 0; r < x.size(); ++r) {
      meanx += x[r] / static_cast<double>(x.size());
      meany += y[r] / static_cast<double>(y.size());
    }
    for (std::size_t r = 0; r < x.size(); ++r) sum += (x[r] - meanx) * (y[r] - meany);
    return sum / (static_cast<double>(x.size()) * sx * sy);
  };
  double worst = 0, squares = 0;
  int pairs = 0;
  for (std::size_t i = 0; i < names.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const double d = correlation(a, i, j) - correlation(b, i, j);
      worst = std::max(worst, std::fabs(d));
      squares += d * d;
      ++pairs;
    }
  out += fmt::format("\n{} mock against {} real galaxies; a KS of {:.4f} is the 5 % level of equal populations\n",
                     a.rows(), b.rows(),
                     1.358 * std::sqrt(1.0 / static_cast<double>(a.rows()) + 1.0 / static_cast<double>(b.rows())));
  out += fmt::format("correlations of {} pairs: rms difference {:.4f}, largest {:.4f}\n", pairs,
                     std::sqrt(squares / pairs), worst);
  return out;
}

namespace {

// Defaults that a preset, or histories that are given, change.
void complete(Settings& settings) {
  if (settings.is_set("histories")) {
    const auto set = [&](std::string_view key, std::string_view text) {
      settings.set_default(key, std::string(text), "histories");
    };
    set("population", "stars"), set("aperture", "total"), set("lines", "photons"), set("band_offset", "0");
    set("band_scatter", "0");
  }
  if (!settings.is_set("preset")) return;
  const StarPreset preset = parse_star_preset(settings.text("preset"));
  const std::string origin = "preset " + std::string(to_string(preset));
  const auto set = [&](std::string_view key, std::string_view text) {
    settings.set_default(key, std::string(text), origin);
  };
  set("population", "stars");
  set("sfh", to_string(StarPopulation::default_shape(preset)));
  set("band_offset", StarPopulation::default_band_offset(preset));
  set("band_scatter", StarPopulation::default_band_scatter(preset));
  for (std::size_t k = 0; k < k_n_star_draws; ++k)
    set(k_star_draws[k].name, StarPopulation::default_text(static_cast<StarDraw>(k), preset));
  if (preset != StarPreset::universe) return;
  set("aperture", "total"), set("lines", "photons");
}

// Options of stars say something that twelve drawn bands do not have.
void refuse_star_options(const Settings& settings) {
  OptionSet stars;
  declare_stars(stars);
  for (const auto& option : stars.options)
    if (settings.values().at(option.key).given && option.key != "allow_partial") {
      std::string name = option.key;
      std::replace(name.begin(), name.end(), '_', '-');
      throw Error(ErrorKind::usage, "--" + name + " needs --population stars",
                  {"--population bands, which draws band fluxes without lines", "--population stars", ""});
    }
}

int run(const Settings& settings, Console& console) {
  if (settings.text("population") == "stars") return run_stars(settings, console);
  refuse_star_options(settings);
  const Population population =
      settings.is_set("population_file") ? load_population(settings.text("population_file")) : shipped_population();
  const auto n = settings.integer("n");
  const auto first_id = settings.integer("first_id");
  if (n < 1 || n > 100'000'000'000)
    throw Error(ErrorKind::usage, "number of galaxies out of range", {std::to_string(n), "1 to 1e11", ""});
  WorkerPool pool(settings.threads());
  if (settings.is_set("compare") && settings.flag("dry_run")) {
    console.info(fmt::format("would compare {} drawn galaxies with the {} rows of {}", n,
                             TableReader(settings.text("compare")).rows(), settings.text("compare")));
    return 0;
  }
  if (settings.is_set("compare")) {
    const Galaxies real = read_table(settings.text("compare"));
    Galaxies mock = population.sample(settings.seed(), first_id, static_cast<std::size_t>(n), pool);
    console.data(compare_features(population_features(mock, population.z_low, population.z_high),
                                  population_features(real, population.z_low, population.z_high),
                                  population_feature_names()));
    return 0;
  }
  if (!settings.is_set("output")) throw Error(ErrorKind::usage, "no output given", {"", "", "-o mock.fits names it."});
  if (settings.flag("dry_run")) {
    console.info(fmt::format("would draw {} galaxies into {} ({:.1f} MB)", n, settings.text("output"),
                             static_cast<double>(n) * 208e-6));
    return 0;
  }
  const std::vector<ColumnInfo> columns{column("TARGETID"), column("Z"), column("BAND_FLUX"), column("BAND_FLUX_IVAR")};
  const Conventions conventions = population.sample(settings.seed(), first_id, 1, pool).conventions;
  TableWriter out(settings.text("output"), columns, conventions, settings.flag("overwrite"));
  in_chunks(console, "drawing", "galaxies", static_cast<std::size_t>(n), [&](std::size_t first) {
    const std::size_t count = std::min(k_chunk, static_cast<std::size_t>(n) - first);
    const Galaxies g = population.sample(settings.seed(), first_id + static_cast<std::int64_t>(first), count, pool);
    out.write("TARGETID", first, std::span<const std::int64_t>(g.targetid));
    out.write("Z", first, std::span<const double>(g.z));
    out.write("BAND_FLUX", first, std::span<const double>(g.band_flux.flat()));
    out.write("BAND_FLUX_IVAR", first, std::span<const double>(g.band_flux_ivar.flat()));
    return count;
  });
  Provenance provenance = provenance_of(settings);
  if (settings.is_set("population_file")) provenance.add_input(settings.text("population_file"));
  out.commit(provenance);
  console.info(fmt::format("{}: {} galaxies", settings.text("output"), n));
  return 0;
}

}  // namespace

extern const Verb k_mock;
const Verb k_mock{"mock",
                  "make synthetic galaxies",
                  "starglow mock -n 100000 -o mock.fits\n"
                  "starglow mock -n 4000 --compare table.fits\n"
                  "starglow mock --population stars -n 100000 -o stars.fits\n"
                  "starglow mock --preset universe -n 100000 -o universe.fits\n"
                  "starglow mock --histories mine.fits -o lines.fits\n"
                  "starglow mock --population stars --ssp grid.h5 --filters g.ecsv,r.ecsv -n 1000 -o stars.fits\n"
                  "starglow mock -n 100000 -o more.fits --seed 2 --first-id 100001",
                  declare,
                  run,
                  complete};

}  // namespace starglow::cli

#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "arrays.hpp"
#include "parts.hpp"
#include "pool.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/mock/star_mock.hpp"
#include "starglow/stars/histories.hpp"

namespace starglow::python {
namespace {

constexpr std::size_t k_block_rows = 8192;  // galaxies that are in C++ at a time

struct Made {
  explicit Made(std::size_t n)
      : z(n),
        t_obs(n),
        photons(n),
        mass(n),
        surviving(n),
        sfr10(n),
        sfr100(n),
        lum_caseb(n),
        ew_caseb(n),
        weight(n),
        id(n),
        flags(n) {
    star_forming.resize(n);
  }
  std::vector<double> z, t_obs, photons, mass, surviving, sfr10, sfr100, lum_caseb, ew_caseb, weight;
  std::vector<std::uint8_t> star_forming;
  std::vector<std::int64_t> id;
  std::vector<std::int32_t> flags;
  std::vector<double> band_flux, ew, p16, p84, draw, noisy, luminosity, parameters;
};

void append(std::vector<double>& to, const Matrix<double>& from) {
  to.insert(to.end(), from.flat().begin(), from.flat().end());
}

// Histories as Python has them, all of them at once.
StarHistories histories_of(const nb::dict& given) {
  StarHistories out;
  const auto numbers = [&](const char* name, std::vector<double>& to) {
    if (!given.contains(name)) return;
    const Reals values(name, nb::cast<AnyArray>(given[name]), 1);
    to.resize(values.rows());
    values.read(0, values.rows(), to.data());
  };
  numbers("sfh_time", out.times);
  numbers("z", out.z);
  numbers("lgmet", out.lgmet);
  numbers("av", out.av);
  numbers("lgmet_scatter", out.lgmet_scatter);
  numbers("slope", out.slope);
  numbers("bump", out.bump);
  numbers("fibre_fraction", out.fibre_fraction);
  numbers("t_obs", out.t_obs);
  const Reals sfr("sfr", nb::cast<AnyArray>(given["sfr"]), 2);
  out.sfr = Matrix<double>(sfr.rows(), sfr.cols());
  sfr.read(0, sfr.rows(), out.sfr.flat().data());
  const auto ids =
      nb::cast<nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>>(given["targetid"]);
  out.targetid.assign(ids.data(), ids.data() + ids.shape(0));
  return out;
}

// Rows [first, first + count).
StarHistories part_of(const StarHistories& all, std::size_t first, std::size_t count) {
  StarHistories out;
  out.times = all.times;
  out.sfr = Matrix<double>(count, all.sfr.cols());
  for (std::size_t g = 0; g < count; ++g)
    std::copy_n(all.sfr.row(first + g).data(), all.sfr.cols(), out.sfr.row(g).data());
  const auto cut = [&](const auto& from, auto& to) {
    const auto begin = from.begin() + static_cast<std::ptrdiff_t>(first);
    if (!from.empty()) to.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
  };
  cut(all.targetid, out.targetid);
  cut(all.z, out.z), cut(all.lgmet, out.lgmet), cut(all.av, out.av), cut(all.lgmet_scatter, out.lgmet_scatter);
  cut(all.slope, out.slope), cut(all.bump, out.bump), cut(all.fibre_fraction, out.fibre_fraction);
  cut(all.t_obs, out.t_obs);
  return out;
}

nb::dict mock_stars(const Model& model, std::size_t n, std::uint64_t seed, std::int64_t first_id,
                    const std::map<std::string, std::string>& population,
                    const std::optional<std::filesystem::path>& ssp, const std::string& aperture,
                    const std::string& lines, double photon_scatter, double f_esc, double f_dust, double gas_dust,
                    const std::string& gas_curve, unsigned threads, const std::optional<nb::dict>& given) {
  const std::optional<StarHistories> histories =
      given ? std::optional<StarHistories>(histories_of(*given)) : std::nullopt;
  Made c(n);
  bool weights = false;
  {
    const nb::gil_scoped_release release;
    StarMockOptions options;
    options.population = star_population(population);
    options.aperture = aperture;
    options.seed = seed;
    options.lines = parse_lines_from(lines);
    options.photon_scatter = photon_scatter;
    options.gas = {f_esc, f_dust, gas_dust, parse_gas_curve(gas_curve)};
    SspGrid grid = ssp ? read_ssp(*ssp) : shipped_ssp();
    if (has_nebular_lines(grid)) mask_nebular_lines(grid);  // they would count twice
    const CompactSsp small = compact(grid);
    with_pool(threads, [&](WorkerPool& pool) {
      const StarMocker mocker(options, small, photon_grid(grid), {}, model, pool,
                              histories ? histories->times : std::vector<double>{});
      if (histories) (void)sample_of(*histories, options.population, seed);  // sizes, before parts are cut
      for (std::size_t first = 0; first < n; first += k_block_rows) {
        const std::size_t count = std::min(k_block_rows, n - first);
        const std::int64_t id = first_id + static_cast<std::int64_t>(first);
        StarMock m;
        if (histories) {
          StarHistories rows = part_of(*histories, first, count);
          StarSample sample = sample_of(rows, options.population, seed);
          m = mocker.stars(std::move(sample), std::move(rows.targetid));
        } else {
          m = mocker.stars(id, count);
        }
        mocker.lines(m, id);
        const auto at = static_cast<std::ptrdiff_t>(first);
        std::copy(m.galaxies.targetid.begin(), m.galaxies.targetid.end(), c.id.begin() + at);
        std::copy(m.lines.flags.begin(), m.lines.flags.end(), c.flags.begin() + at);
        for (std::size_t g = 0; g < count; ++g)
          c.star_forming[first + g] = m.sample.galaxy_class[g] == StarClass::star_forming ? 1 : 0;
        weights = !m.sample.weight.empty();
        if (weights)
          for (std::size_t g = 0; g < count; ++g) c.weight[first + g] = m.sample.weight[g] / static_cast<double>(n);
        for (const auto& [from, to] :
             {std::pair{&m.galaxies.z, &c.z}, std::pair{&m.sample.inputs.t_obs, &c.t_obs},
              std::pair{&m.budget.photons, &c.photons}, std::pair{&m.budget.mass, &c.mass},
              std::pair{&m.budget.surviving, &c.surviving}, std::pair{&m.budget.sfr10, &c.sfr10},
              std::pair{&m.budget.sfr100, &c.sfr100}, std::pair{&m.halpha_lum_caseb, &c.lum_caseb},
              std::pair{&m.halpha_ew_caseb, &c.ew_caseb}})
          std::copy(from->begin(), from->end(), to->begin() + at);
        for (const auto& [from, to] :
             {std::pair{&m.galaxies.band_flux, &c.band_flux}, std::pair{&m.lines.ew, &c.ew},
              std::pair{&m.lines.p16, &c.p16}, std::pair{&m.lines.p84, &c.p84}, std::pair{&m.draw, &c.draw},
              std::pair{&m.noisy, &c.noisy}, std::pair{&m.luminosity, &c.luminosity},
              std::pair{&m.sample.parameters, &c.parameters}})
          append(*to, *from);
        const nb::gil_scoped_acquire acquire;
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
      }
    });
  }
  nb::dict out;
  out["targetid"] = to_numpy(std::move(c.id), {n});
  out["flags"] = to_numpy(std::move(c.flags), {n});
  const auto vector = [&](const char* name, std::vector<double>& from) { out[name] = to_numpy(std::move(from), {n}); };
  vector("z", c.z);
  vector("t_obs", c.t_obs);
  vector("photons", c.photons);
  vector("mass_formed", c.mass);
  vector("mass_surviving", c.surviving);
  vector("sfr10", c.sfr10);
  vector("sfr100", c.sfr100);
  vector("halpha_lum_caseb", c.lum_caseb);
  vector("halpha_ew_caseb", c.ew_caseb);
  if (weights) vector("weight", c.weight);
  out["star_forming"] = to_numpy(std::move(c.star_forming), {n});
  const auto matrix = [&](const char* name, std::vector<double>& from, std::size_t cols) {
    if (!from.empty()) out[name] = to_numpy(std::move(from), {n, cols});
  };
  matrix("band_flux", c.band_flux, k_n_bands);
  matrix("ew", c.ew, k_n_lines);
  matrix("p16", c.p16, k_n_lines);
  matrix("p84", c.p84, k_n_lines);
  matrix("draw", c.draw, k_n_lines);
  matrix("noisy", c.noisy, k_n_lines);
  matrix("luminosity", c.luminosity, k_n_lines);
  matrix("parameters", c.parameters, k_n_star_draws);
  nb::list names;
  for (const auto& draw : k_star_draws) names.append(std::string(draw.name));
  out["parameter_names"] = names;
  return out;
}

}  // namespace

void bind_mock_stars(nb::module_& m) {
  m.def("mock_stars", &mock_stars, nb::arg("model"), nb::arg("n"), nb::arg("seed"), nb::arg("first_id"),
        nb::arg("population"), nb::arg("ssp").none(), nb::arg("aperture"), nb::arg("lines"), nb::arg("photon_scatter"),
        nb::arg("f_esc"), nb::arg("f_dust"), nb::arg("gas_dust"), nb::arg("gas_curve"), nb::arg("threads"),
        nb::arg("histories").none());
}

}  // namespace starglow::python

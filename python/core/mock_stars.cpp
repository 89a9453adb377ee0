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
        id(n),
        flags(n) {}
  std::vector<double> z, t_obs, photons, mass, surviving, sfr10, sfr100, lum_caseb, ew_caseb;
  std::vector<std::int64_t> id;
  std::vector<std::int32_t> flags;
  std::vector<double> band_flux, ew, p16, p84, draw, noisy, luminosity, parameters;
};

void append(std::vector<double>& to, const Matrix<double>& from) {
  to.insert(to.end(), from.flat().begin(), from.flat().end());
}

nb::dict mock_stars(const Model& model, std::size_t n, std::uint64_t seed, std::int64_t first_id,
                    const std::map<std::string, std::string>& population,
                    const std::optional<std::filesystem::path>& ssp, const std::string& aperture,
                    const std::string& lines, double photon_scatter, double f_esc, double f_dust, double gas_dust,
                    const std::string& gas_curve, unsigned threads) {
  Made c(n);
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
      const StarMocker mocker(options, small, photon_grid(grid), {}, model, pool);
      for (std::size_t first = 0; first < n; first += k_block_rows) {
        const std::size_t count = std::min(k_block_rows, n - first);
        const std::int64_t id = first_id + static_cast<std::int64_t>(first);
        StarMock m = mocker.stars(id, count);
        mocker.lines(m, id);
        const auto at = static_cast<std::ptrdiff_t>(first);
        std::copy(m.galaxies.targetid.begin(), m.galaxies.targetid.end(), c.id.begin() + at);
        std::copy(m.lines.flags.begin(), m.lines.flags.end(), c.flags.begin() + at);
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
        nb::arg("f_esc"), nb::arg("f_dust"), nb::arg("gas_dust"), nb::arg("gas_curve"), nb::arg("threads"));
}

}  // namespace starglow::python

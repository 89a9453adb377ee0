// Light around the lines: bands of synthetic spectra, measuring, painting, magnitudes.
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/string.h>

#include <array>
#include <limits>
#include <numbers>
#include <string>

#include "arrays.hpp"
#include "parts.hpp"
#include "pool.hpp"
#include "starglow/base/cosmology.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/spectra/measure.hpp"
#include "starglow/spectra/paint_spectra.hpp"
#include "starglow/spectra/photometry.hpp"
#include "starglow/spectra/side_bands.hpp"
#include "starglow/spectra/templates.hpp"

namespace starglow::python {
namespace {

constexpr double k_c = 2.99792458e18;  // A/s
constexpr std::size_t k_shard_rows = 16;

std::vector<double> vector_of(const char* name, const AnyArray& array) {
  const Reals given(name, array, 1);
  std::vector<double> out(given.rows());
  given.read(0, out.size(), out.data());
  return out;
}

Matrix<double> matrix_of(const char* name, const AnyArray& array, std::size_t rows, std::size_t cols) {
  const Reals given(name, array, 2);
  if (given.rows() != rows || given.cols() != cols)
    throw Error(ErrorKind::input, std::string(name) + " has a wrong shape",
                {"(" + std::to_string(given.rows()) + ", " + std::to_string(given.cols()) + ")",
                 "(" + std::to_string(rows) + ", " + std::to_string(cols) + ")", ""});
  Matrix<double> out(rows, cols);
  given.read(0, rows, out.data());
  return out;
}

// Calls work(row) for each row, without the GIL.
template <class Work>
void for_rows(std::size_t n, unsigned threads, const Work& work) {
  const nb::gil_scoped_release release;
  with_interruptible_pool(n <= k_shard_rows ? 1 : threads, [&](WorkerPool& pool) {
    pool.for_shards(shard_count(n, k_shard_rows), [&](std::size_t k) {
      const Shard rows = shard(k, n, k_shard_rows);
      for (std::size_t i = rows.first; i < rows.last; ++i) work(i);
    });
  });
}

template <class T>
Numpy<T> give(Matrix<T>&& m) {
  const std::size_t rows = m.rows(), cols = m.cols();
  return to_numpy(std::move(m), {rows, cols});
}

// Rest SEDs (n, n_wave) in L_sun/Hz to band fluxes as observed at z.
Numpy<double> bands(const AnyArray& wave_given, const AnyArray& sed, const AnyArray& z_given, unsigned threads) {
  const std::vector<double> wave = vector_of("wave", wave_given), z = vector_of("Z", z_given);
  check_wavelengths(wave, "wave");
  const Matrix<double> lum_nu = matrix_of("lum_nu", sed, z.size(), wave.size());
  Matrix<double> out(z.size(), k_n_bands);
  for_rows(z.size(), threads, [&](std::size_t i) {
    std::vector<double> lum(wave.size());
    for (std::size_t w = 0; w < wave.size(); ++w) lum[w] = lum_nu(i, w) * k_c / (wave[w] * wave[w]);
    const double d = luminosity_distance(z[i]) * k_cm_per_mpc;
    const double scale = z[i] > 0 ? k_lsun_erg_s / (4 * std::numbers::pi * d * d * (1 + z[i])) / k_flux_unit
                                  : std::numeric_limits<double>::quiet_NaN();
    for (std::size_t b = 0; b < k_n_bands; ++b) out(i, b) = scale * window_mean(wave, lum, band_lo(b), band_hi(b));
  });
  return give(std::move(out));
}

Numpy<double> luminosities(const AnyArray& wave_given, const AnyArray& sed, const AnyArray& ew_given,
                           unsigned threads) {
  const std::vector<double> wave = vector_of("wave", wave_given);
  check_wavelengths(wave, "wave");
  const Reals rows("EW", ew_given, 2);
  const std::size_t n = rows.rows();
  const Matrix<double> lum_nu = matrix_of("lum_nu", sed, n, wave.size()), ew = matrix_of("EW", ew_given, n, k_n_lines);
  Matrix<double> out(n, k_n_lines);
  for_rows(n, threads, [&](std::size_t i) {
    const auto l = line_luminosities(wave, lum_nu.row(i), ew.row(i).first<k_n_lines>());
    std::copy(l.begin(), l.end(), out.row(i).begin());
  });
  return give(std::move(out));
}

// Filters as (name, wave, transmission).
std::vector<Filter> filters_of(const nb::list& given) {
  std::vector<Filter> out;
  for (const nb::handle one : given) {
    const auto f = nb::cast<nb::tuple>(one);
    out.emplace_back(nb::cast<std::string>(f[0]), vector_of("wave of a filter", nb::cast<AnyArray>(f[1])),
                     vector_of("transmission of a filter", nb::cast<AnyArray>(f[2])));
  }
  return out;
}

nb::tuple magnitudes_of(const nb::list& filters_given, const AnyArray& wave_given, const AnyArray& sed,
                        const AnyArray& z_given, const AnyArray& ew_given, unsigned threads) {
  const std::vector<Filter> filters = filters_of(filters_given);
  const std::vector<double> wave = vector_of("wave", wave_given), z = vector_of("Z", z_given);
  check_wavelengths(wave, "wave");
  const std::size_t n = z.size();
  const Matrix<double> lum_nu = matrix_of("lum_nu", sed, n, wave.size()), ew = matrix_of("EW", ew_given, n, k_n_lines);
  Matrix<double> continuum(n, filters.size()), total(n, filters.size());
  for_rows(n, threads, [&](std::size_t i) {
    const Magnitudes m = sed_magnitudes(filters, wave, lum_nu.row(i), z[i], ew.row(i).first<k_n_lines>());
    std::copy(m.continuum.begin(), m.continuum.end(), continuum.row(i).begin());
    std::copy(m.total.begin(), m.total.end(), total.row(i).begin());
  });
  return nb::make_tuple(give(std::move(continuum)), give(std::move(total)));
}

nb::tuple read_filter(const std::filesystem::path& path, const std::string& unit) {
  const Filter f = load_filter(path, unit);
  std::vector<double> wave(f.wave().begin(), f.wave().end()), share(f.transmission().begin(), f.transmission().end());
  const std::size_t n = wave.size();
  return nb::make_tuple(f.name(), to_numpy(std::move(wave), {n}), to_numpy(std::move(share), {n}));
}

// wave (pixels) or (n, pixels); planes (n, pixels) or None.
Spectra spectra_of(const AnyArray& wave, const nb::dict& planes, const AnyArray& z_given) {
  Spectra s;
  s.z = vector_of("Z", z_given);
  const std::size_t n = s.z.size();
  const Reals grid("wave", wave, 2);
  s.wave_obs = matrix_of("wave", wave, grid.rows() == 1 ? 1 : n, grid.cols());
  for (std::size_t i = 0; i < s.wave_obs.rows(); ++i)
    check_wavelengths(s.wave_obs.row(i), "spectrum " + std::to_string(i));
  for (const auto& [name, into] :
       {std::pair{"flux", &s.flux}, std::pair{"ivar", &s.ivar}, std::pair{"continuum", &s.continuum},
        std::pair{"sigma_instrument", &s.sigma_instrument}})
    if (planes.contains(name) && !nb::object(planes[name]).is_none())
      *into = matrix_of(name, nb::cast<AnyArray>(planes[name]), n, s.pixels());
  if (planes.contains("targetid") && !nb::object(planes["targetid"]).is_none()) {
    nb::dict ids;
    ids["targetid"] = planes["targetid"];
    s.targetid = Columns::from(ids).all().targetid;
    if (s.targetid.size() != n)
      throw Error(ErrorKind::input, "TARGETID and Z differ in length",
                  {std::to_string(s.targetid.size()), std::to_string(n), ""});
  }
  return s;
}

nb::dict measure_all(const AnyArray& wave, const nb::dict& planes, const AnyArray& z, const std::string& recipe,
                     bool lines, bool side_bands, unsigned threads) {
  if (recipe != "k24" && recipe != "robust")
    throw Error(ErrorKind::usage, "unknown recipe", {"'" + recipe + "'", "k24 or robust", ""});
  const Spectra s = spectra_of(wave, planes, z);
  const std::size_t n = s.size(), pixels = s.pixels();
  const MeasureOptions options{
      .recipe = recipe == "k24" ? MaskRecipe::k24 : MaskRecipe::robust, .lines = lines, .side_bands = side_bands};
  std::vector<Measurement> all;
  {
    const nb::gil_scoped_release release;
    const TemplateSet templates = shipped_templates();
    with_interruptible_pool(threads, [&](WorkerPool& pool) { all = measure(s, templates, pool, options); });
  }
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  nb::dict out;
  const auto rows = [&](const char* name, std::size_t cols, const auto& of) {
    Matrix<double> m(n, cols, nan);
    for (std::size_t i = 0; i < n; ++i) {
      const auto& values = of(all[i]);
      if (values.size() >= cols)  // of arrays of all lines, the ten
        std::copy_n(values.begin(), cols, m.row(i).begin());
    }
    out[name] = give(std::move(m));
  };
  rows("band_flux", k_n_bands, [](const Measurement& m) -> const auto& { return m.bands.flux; });
  rows("band_flux_ivar", k_n_bands, [](const Measurement& m) -> const auto& { return m.bands.ivar; });
  if (lines) {
    rows("ew", k_n_lines, [](const Measurement& m) -> const auto& { return m.ew; });
    rows("ew_ivar", k_n_lines, [](const Measurement& m) -> const auto& { return m.ew_ivar; });
    rows("line_flux", k_n_lines, [](const Measurement& m) -> const auto& { return m.flux; });
    rows("line_flux_ivar", k_n_lines, [](const Measurement& m) -> const auto& { return m.flux_ivar; });
    rows("sigma_v", k_n_lines, [](const Measurement& m) -> const auto& { return m.sigma_v; });
    rows("continuum_model", pixels, [](const Measurement& m) -> const auto& { return m.continuum_model; });
    rows("line_model", pixels, [](const Measurement& m) -> const auto& { return m.line_model; });
  }
  std::vector<std::int32_t> flags(n);
  for (std::size_t i = 0; i < n; ++i) flags[i] = all[i].flags;
  out["flags"] = to_numpy(std::move(flags), {n});
  return out;
}

nb::dict paint_all(const AnyArray& wave, const nb::dict& planes, const AnyArray& z, const AnyArray& ew_given,
                   const AnyArray& sigma_given, double resolving_power, unsigned threads) {
  Spectra s = spectra_of(wave, planes, z);
  const std::size_t n = s.z.size(), pixels = s.pixels();
  const Matrix<double> ew = matrix_of("EW", ew_given, n, k_n_lines),
                       sigma = matrix_of("sigma_v", sigma_given, n, k_n_lines);
  s.lines = Matrix<double>(n, pixels);
  s.flux = Matrix<double>(n, pixels);
  s.flags.assign(n, 0);
  Matrix<double> fluxes;
  {
    const nb::gil_scoped_release release;
    PaintSpectraOptions options;
    options.resolving_power = resolving_power;
    with_interruptible_pool(threads, [&](WorkerPool& pool) { fluxes = paint_spectra(s, ew, sigma, pool, options); });
  }
  nb::dict out;
  out["flux"] = give(std::move(s.flux));
  out["lines"] = give(std::move(s.lines));
  out["line_flux"] = give(std::move(fluxes));
  out["flags"] = to_numpy(std::move(s.flags), {n});
  return out;
}

}  // namespace

void bind_light(nb::module_& m) {
  m.def("bands", &bands, nb::arg("wave"), nb::arg("lum_nu"), nb::arg("z"), nb::arg("threads"));
  m.def("line_luminosities", &luminosities, nb::arg("wave"), nb::arg("lum_nu"), nb::arg("ew"), nb::arg("threads"));
  m.def("magnitudes", &magnitudes_of, nb::arg("filters"), nb::arg("wave"), nb::arg("lum_nu"), nb::arg("z"),
        nb::arg("ew"), nb::arg("threads"));
  m.def("load_filter", &read_filter, nb::arg("path"), nb::arg("unit"));
  m.def("measure", &measure_all, nb::arg("wave"), nb::arg("planes"), nb::arg("z"), nb::arg("recipe"), nb::arg("lines"),
        nb::arg("side_bands"), nb::arg("threads"));
  m.def("paint", &paint_all, nb::arg("wave"), nb::arg("planes"), nb::arg("z"), nb::arg("ew"), nb::arg("sigma_v"),
        nb::arg("resolving_power"), nb::arg("threads"));
}

}  // namespace starglow::python

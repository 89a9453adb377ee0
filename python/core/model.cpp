#include "starglow/model/model.hpp"
#include "starglow/files/models.hpp"

#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>

#include "arrays.hpp"
#include "files/models/model_io.hpp"
#include "files/models/whole.hpp"
#include "parts.hpp"
#include "pool.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/import_k24.hpp"
#include "starglow/model/noise.hpp"
#include "starglow/spectra/line_continua.hpp"

namespace starglow::python {
namespace {

// Rows that are in C++ at a time: what a call needs beside its answer does not grow with its rows.
constexpr std::size_t k_block_rows = 16384;

// Calls work(galaxies, first, pool) for the blocks of a table, without the GIL; Ctrl-C ends it between two blocks.
template <class Work>
void for_blocks(const Columns& columns, unsigned threads, const Work& work) {
  const nb::gil_scoped_release release;
  with_interruptible_pool(columns.n <= 512 ? 1 : threads, [&](WorkerPool& pool) {
    for (std::size_t first = 0; first < columns.n; first += k_block_rows) {
      work(columns.block(first, std::min(k_block_rows, columns.n - first)), first, pool);
      const nb::gil_scoped_acquire acquire;
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
    }
  });
}

void need_bands(const Columns& columns) {
  if (!columns.band_flux.given())
    throw Error(ErrorKind::input, "the table has no column BAND_FLUX", {"", "12 band fluxes a galaxy", ""});
}

OutOfDomain policy_of(const std::string& name) {
  if (name == "warn") return OutOfDomain::warn;
  if (name == "nan") return OutOfDomain::nan;
  if (name == "clip") return OutOfDomain::clip;
  if (name == "prior") return OutOfDomain::prior;
  throw Error(ErrorKind::usage, "unknown out_of_domain", {"'" + name + "'", "warn, nan, clip or prior", ""});
}

template <class To, class From>
void put(const Matrix<From>& block, std::size_t first, To& whole) {
  std::copy(block.flat().begin(), block.flat().end(),
            whole.begin() + static_cast<std::ptrdiff_t>(first * block.cols()));
}

// The columns of a model's lines, `each` numbers a line, of a matrix whose columns are rows of k_all_lines.
template <class T, class To>
void put_lines(const Matrix<T>& from, const LineSet& lines, std::size_t each, std::size_t first, To& into) {
  if (lines.is_standard()) return put(from, first, into);
  std::size_t at = first * lines.size() * each;
  for (std::size_t i = 0; i < from.rows(); ++i)
    for (const std::size_t line : lines.lines())
      for (std::size_t k = 0; k < each; ++k) into[at++] = from(i, line * each + k);
}

// Lines that are known and the cut that is passed, as Python gives them.
struct Conditions {
  Reals ew, ivar;  // (n, lines of the model) or absent
  std::optional<Selection> selected;
  GivenLines block;

  const LineSet& lines;

  Conditions(const LineSet& of_model, const nb::object& given, const std::optional<std::string>& cut, std::size_t n)
      : lines(of_model) {
    if (cut) selected = Selection::parse(*cut);
    if (given.is_none()) return;
    const auto pair = nb::cast<nb::tuple>(given);
    for (const auto& [place, name, into] : {std::tuple{0, "given EW", &ew}, std::tuple{1, "given EW_IVAR", &ivar}}) {
      *into = Reals(name, nb::cast<AnyArray>(pair[place]), 2);
      if (into->rows() != n || into->cols() != lines.size())
        throw Error(ErrorKind::input, "given lines do not fit the galaxies",
                    {"(" + std::to_string(into->rows()) + ", " + std::to_string(into->cols()) + ")",
                     "(" + std::to_string(n) + ", " + std::to_string(lines.size()) + ")", ""});
    }
  }
  void apply(std::size_t first, std::size_t count, PredictOptions& options) {
    if (selected) options.selected = &*selected;
    if (!ew.given()) return;
    block = {Matrix<double>(count, lines.width()), Matrix<double>(count, lines.width())};
    for (const auto& [from, into] : {std::pair{&ew, &block.ew}, std::pair{&ivar, &block.ivar}}) {
      Matrix<double> own(count, lines.size());
      from->read(first, count, own.data());
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t k = 0; k < lines.size(); ++k) (*into)(i, lines.lines()[k]) = own(i, k);
    }
    options.given = &block;
  }
};

nb::dict predict(const Model& model, const nb::dict& galaxies, std::size_t draws, bool noise, std::uint64_t seed,
                 const std::string& out_of_domain, bool float64, std::size_t first_row, unsigned threads,
                 const nb::object& given, const std::optional<std::string>& selected, bool fluxes) {
  const Columns columns = Columns::from(galaxies);
  need_bands(columns);
  Conditions conditions(model.lines(), given, selected, columns.n);
  const std::size_t n_lines = model.lines().size();
  const std::size_t n = columns.n;
  const bool joint = model.has_distribution();
  const OutOfDomain policy = policy_of(out_of_domain);
  // Noise goes on one intrinsic draw, the first.
  const std::size_t drawn = std::max(draws, std::size_t{joint && noise ? 1U : 0U});
  if (drawn > 0 && !joint) (void)model.sample({}, drawn, seed, *std::make_unique<WorkerPool>(1));  // says why not
  (void)model.compare(columns.conventions);
  if (fluxes) need_some_of_the_ten(model, "a prediction of line fluxes");
  if (fluxes && columns.conventions.fluxscal == "relative")
    throw Error(ErrorKind::input, "the band fluxes have a relative scale, so line fluxes are unknown",
                {"FLUXSCAL relative", "absolute", "Without fluxes EWs are predicted."});
  std::vector<double> ew(n * n_lines), p16(joint ? n * n_lines : 0), p84(p16.size()), noisy(noise ? n * n_lines : 0);
  Result<float> all_draws(n * n_lines * draws);
  std::vector<double> flux(fluxes ? ew.size() : 0), flux_p16(fluxes ? p16.size() : 0), flux_p84(flux_p16.size());
  std::vector<std::int32_t> flags(n);
  std::vector<double> lineless(joint ? n : 0), domain(model.parts().domain ? n : 0);
  for_blocks(columns, threads, [&](const Galaxies& block, std::size_t first, WorkerPool& pool) {
    const Galaxies g = model.with_own_dust(block);
    PredictOptions options{
        .float64 = float64, .draws = drawn, .seed = seed, .out_of_domain = policy, .first_row = first_row + first};
    conditions.apply(first, g.n, options);
    Prediction p = model.predict(g, pool, options);
    const LineSet& lines = model.lines();
    put_lines(p.ew, lines, 1, first, ew);
    if (joint) put_lines(p.p16, lines, 1, first, p16), put_lines(p.p84, lines, 1, first, p84);
    if (fluxes) {
      const Matrix<double> bands = bands_that_are_there(block);
      put_lines(line_fluxes(p.ew, bands, g.z), lines, 1, first, flux);
      if (joint) {
        put_lines(line_fluxes(p.p16, bands, g.z), lines, 1, first, flux_p16);
        put_lines(line_fluxes(p.p84, bands, g.z), lines, 1, first, flux_p84);
      }
    }
    if (draws > 0) put_lines(p.draws, lines, draws, first, all_draws);
    if (noise) {
      const Matrix<double> ews =
          add_noise(joint ? one_draw(p.draws, drawn, 0) : p.ew, g, first_row + first, model.parts().noise, seed, pool);
      flag_bounded(ews, p.flags);
      put_lines(ews, lines, 1, first, noisy);
    }
    std::copy(p.flags.begin(), p.flags.end(), flags.begin() + static_cast<std::ptrdiff_t>(first));
    if (!domain.empty())
      std::copy(p.domain.begin(), p.domain.end(), domain.begin() + static_cast<std::ptrdiff_t>(first));
    std::copy(p.p_lineless.begin(), p.p_lineless.end(), lineless.begin() + static_cast<std::ptrdiff_t>(first));
  });
  nb::dict out;
  out["ew"] = to_numpy(std::move(ew), {n, n_lines});
  if (joint) {
    out["p16"] = to_numpy(std::move(p16), {n, n_lines});
    out["p84"] = to_numpy(std::move(p84), {n, n_lines});
  }
  if (fluxes) out["flux"] = to_numpy(std::move(flux), {n, n_lines});
  if (fluxes && joint) {
    out["flux_p16"] = to_numpy(std::move(flux_p16), {n, n_lines});
    out["flux_p84"] = to_numpy(std::move(flux_p84), {n, n_lines});
  }
  if (draws > 0) out["draws"] = to_numpy(std::move(all_draws), {n, n_lines, draws});
  if (noise) out["noisy"] = to_numpy(std::move(noisy), {n, n_lines});
  if (!domain.empty()) out["domain"] = to_numpy(std::move(domain), {n});
  if (joint && model.lines().slots().halpha != LineSlots::k_none)
    out["p_lineless"] = to_numpy(std::move(lineless), {n});
  out["flags"] = to_numpy(std::move(flags), {n});
  return out;
}

Numpy<float> sample(const Model& model, const nb::dict& galaxies, std::size_t draws, std::uint64_t seed,
                    std::size_t first_row, unsigned threads) {
  const Columns columns = Columns::from(galaxies);
  need_bands(columns);
  (void)model.sample({}, 1, seed, *std::make_unique<WorkerPool>(1));  // says why not
  (void)model.compare(columns.conventions);
  const LineSet& lines = model.lines();
  Result<float> all(columns.n * lines.size() * draws);
  for_blocks(columns, threads, [&](const Galaxies& g, std::size_t first, WorkerPool& pool) {
    put_lines(model.predict(g, pool, {.draws = draws, .seed = seed, .first_row = first_row + first}).draws, lines,
              draws, first, all);
  });
  return to_numpy(std::move(all), {columns.n, lines.size(), draws});
}

Numpy<double> jacobian(const Model& model, const nb::dict& galaxies, unsigned threads) {
  const Columns columns = Columns::from(galaxies);
  need_bands(columns);
  const LineSet& lines = model.lines();
  std::vector<double> all(columns.n * lines.size() * k_n_bands);
  for_blocks(columns, threads, [&](const Galaxies& g, std::size_t first, WorkerPool& pool) {
    put_lines(model.jacobian(g, pool), lines, k_n_bands, first, all);
  });
  return to_numpy(std::move(all), {columns.n, lines.size(), k_n_bands});
}

// jvp: d (n, 12) to (n, 10); vjp: d (n, 10) to (n, 12).
Numpy<double> along(const Model& model, const nb::dict& galaxies, const AnyArray& d, bool forward, unsigned threads) {
  const Columns columns = Columns::from(galaxies);
  need_bands(columns);
  const LineSet& lines = model.lines();
  const std::size_t from = forward ? k_n_bands : lines.size(), to = forward ? lines.size() : k_n_bands;
  const char* const name = forward ? "d_flux" : "d_ew";
  const Reals given(name, d, 2);
  if (given.rows() != columns.n || given.cols() != from)
    throw Error(ErrorKind::input, std::string(name) + " has a wrong shape",
                {"(" + std::to_string(given.rows()) + ", " + std::to_string(given.cols()) + ")",
                 "(" + std::to_string(columns.n) + ", " + std::to_string(from) + ")", ""});
  std::vector<double> all(columns.n * to);
  for_blocks(columns, threads, [&](const Galaxies& g, std::size_t first, WorkerPool& pool) {
    Matrix<double> direction(g.n, from);
    given.read(first, g.n, direction.data());
    if (forward) return put_lines(model.jvp(g, direction, pool), lines, 1, first, all);
    Matrix<double> along(g.n, lines.width());
    for (std::size_t i = 0; i < g.n; ++i)
      for (std::size_t k = 0; k < lines.size(); ++k) along(i, lines.lines()[k]) = direction(i, k);
    put(model.vjp(g, along, pool), first, all);
  });
  return to_numpy(std::move(all), {columns.n, to});
}

// The model inside the library, or the one that was there at an earlier version.
Model shipped_model(const std::string& version) {
  if (version.empty()) return Model::shipped();
  const std::string name = "joint-" + version;
  if (name != files::k_joint_0_1)
    throw Error(ErrorKind::usage, "no model of this version is inside the library", {"'" + version + "'", "0.1", ""});
  return Model(files::model_from_tensors(files::embedded_whole(name)));
}

}  // namespace

void bind_model(nb::module_& m) {
  nb::class_<Model>(m, "Model")
      .def_static(
          "shipped", [](const std::string& version) { return shipped_model(version); }, nb::arg("version") = "")
      .def_static(
          "load", [](const std::filesystem::path& path) { return Model::load(path); }, nb::arg("path"))
      .def(
          "save",
          [](const Model& model, const std::filesystem::path& path, bool overwrite) { save(model, path, overwrite); },
          nb::arg("path"), nb::arg("overwrite") = false)
      .def_prop_ro("hash", [](const Model& model) { return model.hash(); })
      .def_prop_ro("kind", [](const Model& model) { return model.parts().kind; })
      .def_prop_ro("lines",
                   [](const Model& model) {
                     nb::list out;
                     for (const std::size_t line : model.lines().lines())
                       out.append(std::string(k_all_lines[line].name));
                     return nb::tuple(out);
                   })
      .def_prop_ro("n_params", &Model::n_params)
      .def_prop_ro("has_distribution", &Model::has_distribution)
      .def_prop_ro("input_columns",
                   [](const Model& model) {
                     nb::list out;
                     for (const std::size_t input : k_column_inputs)
                       if (model.input_columns().has(input)) out.append(std::string(k_inputs[input].column));
                     return out;
                   })
      .def_prop_ro("metadata", [](const Model& model) { return model.parts().metadata; })
      .def(
          "notes",
          [](const Model& model, const nb::dict& conventions, bool has_ebv) {
            nb::dict given;
            given["conventions"] = conventions;
            nb::list notes;
            for (const auto& note : model.compare(Columns::from(given).conventions, has_ebv).notes) notes.append(note);
            return notes;
          },
          nb::arg("conventions"), nb::arg("has_ebv") = false)
      .def("predict", &predict, nb::arg("galaxies"), nb::arg("draws"), nb::arg("noise"), nb::arg("seed"),
           nb::arg("out_of_domain"), nb::arg("float64"), nb::arg("first_row"), nb::arg("threads"),
           nb::arg("given").none(), nb::arg("selected").none(), nb::arg("fluxes") = false)
      .def("sample", &sample, nb::arg("galaxies"), nb::arg("draws"), nb::arg("seed"), nb::arg("first_row"),
           nb::arg("threads"))
      .def("jacobian", &jacobian, nb::arg("galaxies"), nb::arg("threads"))
      .def("along", &along, nb::arg("galaxies"), nb::arg("d"), nb::arg("forward"), nb::arg("threads"));
  m.def(
      "import_k24",
      [](const std::optional<std::filesystem::path>& with_luminosity,
         const std::optional<std::filesystem::path>& without_luminosity) {
        return import_k24(with_luminosity, without_luminosity);
      },
      nb::arg("with_luminosity").none(), nb::arg("without_luminosity").none());
}

}  // namespace starglow::python

#include "starglow/files/models.hpp"
#include "starglow/files/table.hpp"

#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>

#include "arrays.hpp"
#include "parts.hpp"
#include "pool.hpp"
#include "starglow/base/error.hpp"
#include "starglow/model/population.hpp"

namespace starglow::python {
namespace {

nb::dict columns_of(Galaxies&& g) {
  const std::size_t n = g.n;
  nb::dict out;
  const auto matrix = [&](const char* name, auto& values) {
    if (values.empty()) return;
    const std::size_t cols = values.cols();
    out[name] = to_numpy(std::move(values), {n, cols});
  };
  const auto vector = [&](const char* name, auto& values) {
    if (!values.empty()) out[name] = to_numpy(std::move(values), {n});
  };
  vector("targetid", g.targetid);
  vector("z", g.z);
  vector("z_err", g.z_err);
  vector("ebv", g.ebv);
  nb::dict inputs;
  for (std::size_t k = 0; k < k_n_column_inputs && !g.inputs.empty(); ++k) {
    std::vector<double> values(n);
    for (std::size_t i = 0; i < n; ++i) values[i] = g.inputs(i, k);
    inputs[std::string(k_inputs[k_column_inputs[k]].column).c_str()] = to_numpy(std::move(values), {n});
  }
  if (inputs.size() > 0) out["inputs"] = inputs;
  vector("flags", g.flags);
  matrix("band_flux", g.band_flux);
  matrix("band_flux_ivar", g.band_flux_ivar);
  matrix("ew", g.ew);
  matrix("ew_ivar", g.ew_ivar);
  if (!g.survey.empty()) out["survey"] = nb::cast(g.survey);
  if (!g.program.empty()) out["program"] = nb::cast(g.program);
  out["conventions"] = to_dict(g.conventions);
  return out;
}

nb::tuple read(const std::filesystem::path& path, std::int64_t first, std::int64_t count, bool all_lines) {
  Galaxies g;
  std::vector<std::string> notes;
  std::size_t rows = 0;
  {
    const nb::gil_scoped_release release;
    const TableReader reader(path);
    notes = reader.notes();
    rows = reader.rows();
    const auto from = static_cast<std::size_t>(first);
    g = reader.read(from, count < 0 ? rows - std::min(from, rows) : static_cast<std::size_t>(count),
                    all_lines ? k_n_all_lines : k_n_lines);
  }
  return nb::make_tuple(columns_of(std::move(g)), notes, rows);
}

std::vector<std::string> table_columns(const std::filesystem::path& path) {
  const TableReader reader(path);
  std::vector<std::string> out;
  for (const auto& column : reader.columns()) out.push_back(column.name);
  return out;
}

// Columns as (name, FITS letter, repeat, unit, array or list of str).
void write(const std::filesystem::path& path, const nb::list& columns, const nb::dict& conventions,
           const nb::dict& provenance, const std::vector<std::filesystem::path>& inputs, bool overwrite) {
  std::vector<ColumnInfo> infos;
  for (const nb::handle column : columns) {
    const auto c = nb::cast<nb::tuple>(column);
    infos.push_back({nb::cast<std::string>(c[0]), nb::cast<std::string>(c[1]).at(0), nb::cast<std::int64_t>(c[2]),
                     nb::cast<std::string>(c[3])});
  }
  nb::dict given;
  given["conventions"] = conventions;
  TableWriter writer(path, infos, Columns::from(given).conventions, overwrite);
  for (std::size_t k = 0; k < infos.size(); ++k) {
    const nb::object values = nb::cast<nb::tuple>(columns[k])[4];
    const auto as = [&]<class T>(T) {
      const auto array = nb::cast<nb::ndarray<const T, nb::c_contig, nb::device::cpu>>(values);
      const std::span<const T> flat(array.data(), array.size());
      const nb::gil_scoped_release release;
      writer.write(infos[k].name, 0, flat);
    };
    switch (infos[k].type) {
      case 'K':
        as(std::int64_t{});
        break;
      case 'J':
        as(std::int32_t{});
        break;
      case 'E':
        as(float{});
        break;
      case 'D':
        as(double{});
        break;
      default:
        writer.write(infos[k].name, 0, std::span<const std::string>(nb::cast<std::vector<std::string>>(values)));
    }
  }
  Provenance p;
  for (const auto& input : inputs) p.add_input(input);
  for (const auto& [key, value] : provenance) {
    const auto name = nb::cast<std::string>(key), text = nb::cast<std::string>(nb::str(value));
    if (name == "model")
      p.model_hash = text;
    else if (name == "seed")
      p.seed = text;
    else
      p.configuration.emplace_back(name, text);
  }
  writer.commit(p);
}

nb::dict mock(std::size_t n, std::uint64_t seed, std::int64_t first_id, unsigned threads) {
  Galaxies g;
  {
    const nb::gil_scoped_release release;
    with_interruptible_pool(threads,
                            [&](WorkerPool& pool) { g = shipped_population().sample(seed, first_id, n, pool); });
  }
  return columns_of(std::move(g));
}

}  // namespace

void bind_tables(nb::module_& m) {
  m.def("read_table", &read, nb::arg("path"), nb::arg("first"), nb::arg("count"), nb::arg("all_lines") = false);
  m.def("table_columns", &table_columns, nb::arg("path"));
  m.def("write_table", &write, nb::arg("path"), nb::arg("columns"), nb::arg("conventions"), nb::arg("provenance"),
        nb::arg("inputs"), nb::arg("overwrite"));
  m.def("mock", &mock, nb::arg("n"), nb::arg("seed"), nb::arg("first_id"), nb::arg("threads"));
}

}  // namespace starglow::python

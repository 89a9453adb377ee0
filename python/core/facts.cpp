#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <string>

#include "arrays.hpp"
#include "files/hdf5_contents.hpp"
#include "kernels/dispatch.hpp"
#include "parts.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/lines.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/base/version.hpp"
#include "starglow/model/inputs.hpp"

namespace starglow::python {
namespace {

/// A row of the table of lines.
nb::dict row_of(const LineInfo& line) {
  nb::list components;
  for (std::size_t k = 0; k < lines::n_components(line); ++k) {
    const LineComponent part = lines::component(line, k);
    components.append(nb::make_tuple(std::string(part.name), part.wave_vac, std::string(part.dsps)));
  }
  const SideBands& side = line.side_bands;
  nb::dict row;
  row["name"] = std::string(line.name);
  row["label"] = std::string(line.label);
  row["wave"] = line.wave_vac;
  row["components"] = nb::tuple(components);
  row["balmer"] = line.balmer;
  row["strong"] = std::string(line.strong);
  row["flux_ratio"] = line.flux_ratio;
  row["ew_ratio"] = line.ew_ratio;
  row["side_bands"] = nb::make_tuple(side.blue_lo, side.blue_hi, side.red_lo, side.red_hi);
  row["leads"] = line.leads;
  return row;
}

}  // namespace

void bind_facts(nb::module_& m) {
  m.def(
      "set_hdf5_program", [](const std::string& path) { files::set_hdf5_program(path); }, nb::arg("path"),
      "The program that reads HDF5 in a process of its own.");
  m.attr("version") = std::string(version());
  m.attr("revision") = std::string(revision());
  nb::list lines, labels, waves, table, flags, edges;
  for (const auto& line : k_lines) {
    lines.append(std::string(line.name));
    labels.append(std::string(line.label));
    waves.append(line.wave_vac);
  }
  for (const auto& line : k_all_lines) table.append(row_of(line));
  for (std::size_t b = 0; b <= k_n_bands; ++b) edges.append(band_lo(b));
  for (const auto& flag : k_flags)
    flags.append(nb::make_tuple(std::string(flag.name), static_cast<int>(flag.bit), std::string(flag.meaning)));
  m.attr("lines") = nb::tuple(lines);
  m.attr("line_labels") = nb::tuple(labels);
  m.attr("line_waves") = nb::tuple(waves);
  m.attr("n_lines") = k_n_lines;
  m.attr("line_table") = nb::tuple(table);
  nb::list inputs;
  for (const auto& input : k_inputs) {
    nb::dict row;
    row["name"] = std::string(input.name);
    row["column"] = std::string(input.column);
    row["lo"] = input.lo;
    row["hi"] = input.hi;
    inputs.append(row);
  }
  m.attr("inputs") = nb::tuple(inputs);
  m.attr("band_edges") = nb::tuple(edges);
  m.attr("flags") = nb::tuple(flags);
  m.attr("fatal_flags") = static_cast<int>(k_fatal_flags);
  m.def(
      "isa", [] { return std::string(kernels::active_isa()); },
      "Name of the instruction set that the kernels run with.");
  m.def("select_isa", [](const std::string& name) { kernels::select_isa(name); }, nb::arg("name"));
  m.def(
      "check", [](const nb::dict& galaxies) { (void)Columns::from(galaxies); }, nb::arg("galaxies"),
      "Raises unless the columns fit each other.");
  m.def("processors", &available_processors, "Processors that this process may run on.");
}

}  // namespace starglow::python

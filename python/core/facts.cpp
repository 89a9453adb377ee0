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

namespace starglow::python {

void bind_facts(nb::module_& m) {
  m.def(
      "set_hdf5_program", [](const std::string& path) { files::set_hdf5_program(path); }, nb::arg("path"),
      "The program that reads HDF5 in a process of its own.");
  m.attr("version") = std::string(version());
  m.attr("revision") = std::string(revision());
  nb::list lines, labels, waves, flags;
  for (const auto& line : k_lines) {
    lines.append(std::string(line.name));
    labels.append(std::string(line.label));
    waves.append(line.wave_vac);
  }
  for (const auto& flag : k_flags)
    flags.append(nb::make_tuple(std::string(flag.name), static_cast<int>(flag.bit), std::string(flag.meaning)));
  m.attr("lines") = nb::tuple(lines);
  m.attr("line_labels") = nb::tuple(labels);
  m.attr("line_waves") = nb::tuple(waves);
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

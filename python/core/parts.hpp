#pragma once
#include <nanobind/nanobind.h>

namespace starglow::python {

// One function a source; module.cpp calls them.
void bind_model(nanobind::module_& m);
void bind_tables(nanobind::module_& m);
void bind_training(nanobind::module_& m);
void bind_ffi(nanobind::module_& m);
void bind_light(nanobind::module_& m);
void bind_mock_stars(nanobind::module_& m);
void bind_facts(nanobind::module_& m);

}  // namespace starglow::python

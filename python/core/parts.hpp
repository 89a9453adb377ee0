#pragma once
#include <nanobind/nanobind.h>

#include <map>
#include <string>

#include "starglow/model/train.hpp"

namespace starglow::python {

// One function a source; module.cpp calls them.
void bind_model(nanobind::module_& m);
void bind_tables(nanobind::module_& m);
void bind_training(nanobind::module_& m);
void bind_ffi(nanobind::module_& m);
void bind_likelihood(nanobind::module_& m);
void bind_light(nanobind::module_& m);
void bind_mock_stars(nanobind::module_& m);
void bind_facts(nanobind::module_& m);

/// The recipe of a preset with some settings changed, as `starglow train` merges them.
TrainConfig recipe(const std::string& preset, const std::map<std::string, std::string>& settings);

}  // namespace starglow::python

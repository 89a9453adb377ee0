#include <nanobind/nanobind.h>

#include "errors.hpp"
#include "parts.hpp"

// The compiled half of the package: thin, with plain arrays and dictionaries. python/starglow has the names for people.
NB_MODULE(_core, m) {
  m.doc() = "The C++ library, for the package starglow.";
  starglow::python::translate_errors();
  starglow::python::bind_facts(m);
  starglow::python::bind_model(m);
  starglow::python::bind_tables(m);
  starglow::python::bind_training(m);
  starglow::python::bind_likelihood(m);
  starglow::python::bind_light(m);
  starglow::python::bind_mock_stars(m);
#ifdef STARGLOW_FFI
  starglow::python::bind_ffi(m);
#endif
}

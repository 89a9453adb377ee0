#include "errors.hpp"

#include <nanobind/nanobind.h>

#include <string>

#include "starglow/base/error.hpp"

namespace nb = nanobind;

namespace starglow::python {

void translate_errors() {
  nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Error& e) {
      const auto text = [](const std::string& s) {
        return nb::steal(PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), "replace"));
      };
      const nb::object made =
          nb::module_::import_("starglow.errors")
              .attr("from_core")(text(std::string(to_string(e.kind()))), text(e.what()), text(e.detail().seen),
                                 text(e.detail().wanted), text(e.detail().remedy), exit_code(e.kind()));
      PyErr_SetObject(made.type().ptr(), made.ptr());
    }
  });
}

}  // namespace starglow::python

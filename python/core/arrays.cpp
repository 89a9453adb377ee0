#include "arrays.hpp"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "starglow/base/error.hpp"
#include "starglow/base/marks.hpp"

namespace starglow::python {
namespace {

std::string shape_of(const AnyArray& a) {
  std::string text = "(";
  for (std::size_t i = 0; i < a.ndim(); ++i) text += (i > 0 ? ", " : "") + std::to_string(a.shape(i));
  return text + (a.ndim() == 1 ? ",)" : ")");
}

bool is(const AnyArray& a, nb::dlpack::dtype_code code, int bits) {
  return a.dtype().code == static_cast<std::uint8_t>(code) && a.dtype().bits == bits && a.dtype().lanes == 1;
}

constexpr std::array<std::pair<const char*, std::string Conventions::*>, 7> k_conventions{{
    {"APERTURE", &Conventions::aperture},
    {"MWCORR", &Conventions::mwcorr},
    {"MASKRULE", &Conventions::maskrule},
    {"CONTSRC", &Conventions::contsrc},
    {"LABELVER", &Conventions::labelver},
    {"FLUXSCAL", &Conventions::fluxscal},
    {"VACUUM", &Conventions::vacuum},
}};

}  // namespace

Reals::Reals(const char* name, AnyArray array, std::size_t n_dimensions) : array_(std::move(array)) {
  if (array_.ndim() != n_dimensions)
    throw Error(ErrorKind::input, std::string(name) + " has a wrong number of dimensions",
                {"shape " + shape_of(array_),
                 std::to_string(n_dimensions) + (n_dimensions == 1 ? " dimension" : " dimensions"), ""});
  single_ = is(array_, nb::dlpack::dtype_code::Float, 32);
  if (!single_ && !is(array_, nb::dlpack::dtype_code::Float, 64))
    throw Error(ErrorKind::input, std::string(name) + " is of a type that cannot be read",
                {"", "float32 or float64", ""});
}

template <class From, class To>
void Reals::copy(std::size_t first, std::size_t count, To* out) const {
  const std::int64_t across = array_.ndim() > 1 ? array_.stride(1) : 1, down = array_.stride(0);
  const std::size_t n = cols();
  const auto* from = static_cast<const From*>(array_.data()) + static_cast<std::int64_t>(first) * down;
  for (std::size_t i = 0; i < count; ++i, from += down)
    for (std::size_t j = 0; j < n; ++j) *out++ = static_cast<To>(from[static_cast<std::int64_t>(j) * across]);
}

template <class To>
void Reals::any(std::size_t first, std::size_t count, To* out) const {
  if (single_)
    copy<float>(first, count, out);
  else
    copy<double>(first, count, out);
}

void Reals::read(std::size_t first, std::size_t count, double* out) const { any(first, count, out); }
void Reals::read(std::size_t first, std::size_t count, float* out) const { any(first, count, out); }

Columns Columns::from(const nb::dict& arguments) {
  Columns c;
  const auto get = [&](const char* name) -> nb::object {
    return arguments.contains(name) ? nb::object(arguments[name]) : nb::none();
  };
  const auto reals = [&](const char* key, const char* name, std::size_t dimensions, std::size_t cols, Reals& into) {
    const nb::object given = get(key);
    if (given.is_none()) return;
    auto array = nb::cast<AnyArray>(given);
    if (dimensions == 2 && array.ndim() != 2)
      throw Error(ErrorKind::input, std::string(name) + " has a wrong number of dimensions",
                  {"shape " + shape_of(array), "(galaxies, " + std::to_string(cols) + ")",
                   array.ndim() == 1 ? "One galaxy is a row of one: array[None]." : ""});
    const bool further = cols == k_n_lines && array.ndim() == 2 && array.shape(1) == k_n_all_lines;
    if (dimensions == 2 && array.ndim() == 2 && array.shape(1) != cols && !further)
      throw Error(ErrorKind::input,
                  std::string(name) + " has a wrong number of " + (cols == k_n_bands ? "bands" : "lines"),
                  {"shape " + shape_of(array), "(galaxies, " + std::to_string(cols) + ")", ""});
    into = Reals(name, std::move(array), dimensions);
  };
  reals("band_flux", "BAND_FLUX", 2, k_n_bands, c.band_flux);
  reals("band_flux_ivar", "BAND_FLUX_IVAR", 2, k_n_bands, c.band_flux_ivar);
  reals("z", "Z", 1, 1, c.z);
  reals("z_err", "Z_ERR", 1, 1, c.z_err);
  reals("ebv", "EBV", 1, 1, c.ebv);
  reals("ew", "EW", 2, k_n_lines, c.ew);
  reals("ew_ivar", "EW_IVAR", 2, k_n_lines, c.ew_ivar);
  if (c.ew.given() && c.ew_ivar.given() && c.ew.cols() != c.ew_ivar.cols())
    throw Error(ErrorKind::input, "EW and EW_IVAR have different numbers of lines",
                {std::to_string(c.ew.cols()) + " and " + std::to_string(c.ew_ivar.cols()), "the same", ""});
  if (const nb::object given = get("inputs"); !given.is_none())
    for (const auto& [key, value] : nb::cast<nb::dict>(given)) {
      const auto name = nb::cast<std::string>(key);
      const auto found = std::ranges::find_if(
          k_column_inputs, [&](std::size_t input) { return k_inputs[input].column == std::string_view(name); });
      if (found == k_column_inputs.end()) {
        std::string known;
        for (const std::size_t input : k_column_inputs)
          known += (known.empty() ? "" : ", ") + std::string(k_inputs[input].column);
        throw Error(ErrorKind::usage, "no model has an input of this name", {"'" + name + "'", known, ""});
      }
      c.inputs[static_cast<std::size_t>(found - k_column_inputs.begin())] =
          Reals(name.c_str(), nb::cast<AnyArray>(value), 1);
    }
  if (const nb::object ids = get("targetid"); !ids.is_none()) {
    c.targetid = nb::cast<AnyArray>(ids);
    if (c.targetid.ndim() != 1 || !is(c.targetid, nb::dlpack::dtype_code::Int, 64))
      throw Error(ErrorKind::input, "TARGETID is not a column of 64-bit integers",
                  {"shape " + shape_of(c.targetid), "(galaxies,), int64",
                   "A TARGETID exceeds 2^53: as a float it is already damaged."});
  }
  for (const auto& [name, into] : {std::pair{"survey", &c.survey}, std::pair{"program", &c.program}})
    if (const nb::object words = get(name); !words.is_none())
      for (const nb::handle word : words) into->push_back(nb::cast<std::string>(word));
  if (const nb::object given = get("conventions"); !given.is_none())
    for (const auto& [key, value] : nb::cast<nb::dict>(given)) {
      const auto name = nb::cast<std::string>(key);
      const auto* found = std::find_if(k_conventions.begin(), k_conventions.end(),
                                       [&](const auto& known) { return name == known.first; });
      if (found == k_conventions.end())
        throw Error(ErrorKind::usage, "unknown convention",
                    {"'" + name + "'", "APERTURE, MWCORR, MASKRULE, CONTSRC, LABELVER, FLUXSCAL or VACUUM", ""});
      c.conventions.*(found->second) = nb::cast<std::string>(value);
    }
  // Every column that is given has as many rows as the first.
  bool known = false;
  std::string first;
  const auto length = [&](const char* name, bool given, std::size_t rows) {
    if (!given) return;
    if (known && rows != c.n)
      throw Error(ErrorKind::input, std::string(name) + " and " + first + " differ in length",
                  {std::to_string(rows), std::to_string(c.n) + " rows", ""});
    if (!known) first = name;
    known = true;
    c.n = rows;
  };
  const auto column = [&](const char* name, const Reals& values) {
    length(name, values.given(), values.given() ? values.rows() : 0);
  };
  column("BAND_FLUX", c.band_flux);
  column("BAND_FLUX_IVAR", c.band_flux_ivar);
  column("Z", c.z);
  column("Z_ERR", c.z_err);
  column("EBV", c.ebv);
  for (std::size_t k = 0; k < k_n_column_inputs; ++k)
    column(std::string(k_inputs[k_column_inputs[k]].column).c_str(), c.inputs[k]);
  column("EW", c.ew);
  column("EW_IVAR", c.ew_ivar);
  length("TARGETID", c.targetid.is_valid(), c.targetid.is_valid() ? c.targetid.shape(0) : 0);
  length("SURVEY", !c.survey.empty(), c.survey.size());
  length("PROGRAM", !c.program.empty(), c.program.size());
  return c;
}

Galaxies Columns::block(std::size_t first, std::size_t count) const {
  Galaxies g;
  g.n = count;
  g.conventions = conventions;
  const auto matrix = [&](const Reals& from, auto& into) {
    if (!from.given()) return;
    into = std::remove_reference_t<decltype(into)>(count, from.cols());
    from.read(first, count, into.data());
  };
  matrix(band_flux, g.band_flux);
  matrix(band_flux_ivar, g.band_flux_ivar);
  matrix(ew, g.ew);
  matrix(ew_ivar, g.ew_ivar);
  clear_marks(g);
  if (z.given()) {
    g.z.resize(count);
    z.read(first, count, g.z.data());
  }
  if (z_err.given()) {
    g.z_err.resize(count);
    z_err.read(first, count, g.z_err.data());
  }
  if (ebv.given()) {
    g.ebv.resize(count);
    ebv.read(first, count, g.ebv.data());
  }
  for (std::size_t k = 0; k < k_n_column_inputs; ++k) {
    if (!inputs[k].given()) continue;
    std::vector<double> values(count);
    inputs[k].read(first, count, values.data());
    if (g.inputs.empty()) g.inputs = Matrix<double>(count, k_n_column_inputs, std::nan(""));
    for (std::size_t i = 0; i < count; ++i) g.inputs(i, k) = values[i];
  }
  if (targetid.is_valid()) {
    g.targetid.resize(count);
    const auto* ids = static_cast<const std::int64_t*>(targetid.data());
    for (std::size_t i = 0; i < count; ++i)
      g.targetid[i] = ids[static_cast<std::int64_t>(first + i) * targetid.stride(0)];
  }
  const auto words = [&](const std::vector<std::string>& from, std::vector<std::string>& into) {
    if (!from.empty())
      into.assign(from.begin() + static_cast<std::ptrdiff_t>(first),
                  from.begin() + static_cast<std::ptrdiff_t>(first + count));
  };
  words(survey, g.survey);
  words(program, g.program);
  return g;
}

nb::dict to_dict(const Conventions& conventions) {
  nb::dict out;
  for (const auto& [name, member] : k_conventions) out[name] = conventions.*member;
  return out;
}

}  // namespace starglow::python

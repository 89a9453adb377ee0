#include "starglow/base/galaxies.hpp"

#include "starglow/base/random.hpp"

namespace starglow {
namespace {

template <class T>
std::vector<T> take(const std::vector<T>& from, std::span<const std::size_t> rows) {
  std::vector<T> out;
  if (from.empty()) return out;
  out.reserve(rows.size());
  for (const auto row : rows) out.push_back(from[row]);
  return out;
}

template <class T>
Matrix<T> take(const Matrix<T>& from, std::span<const std::size_t> rows) {
  if (from.empty()) return {};
  Matrix<T> out(rows.size(), from.cols());
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < from.cols(); ++j) out(i, j) = from(rows[i], j);
  return out;
}

}  // namespace

bool has_id(const Galaxies& g, std::size_t row) noexcept { return !g.targetid.empty() && g.targetid[row] != k_null_id; }

std::int64_t random_id(const Galaxies& g, std::size_t row, std::size_t first_row) {
  if (!has_id(g, row)) return static_cast<std::int64_t>(first_row + row);
  return object_id(g.targetid[row], g.survey.empty() ? "" : g.survey[row], g.program.empty() ? "" : g.program[row]);
}

Galaxies select_rows(const Galaxies& from, std::span<const std::size_t> rows) {
  Galaxies out;
  out.n = rows.size();
  out.targetid = take(from.targetid, rows);
  out.survey = take(from.survey, rows);
  out.program = take(from.program, rows);
  out.z = take(from.z, rows);
  out.z_err = take(from.z_err, rows);
  out.ebv = take(from.ebv, rows);
  out.band_flux = take(from.band_flux, rows);
  out.band_flux_ivar = take(from.band_flux_ivar, rows);
  out.ew = take(from.ew, rows);
  out.ew_ivar = take(from.ew_ivar, rows);
  out.inputs = take(from.inputs, rows);
  out.flags = take(from.flags, rows);
  out.sum_ew = take(from.sum_ew, rows);
  out.sum_ew_ivar = take(from.sum_ew_ivar, rows);
  out.table = take(from.table, rows);
  out.tables = from.tables;
  out.conventions = from.conventions;
  return out;
}

}  // namespace starglow

#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "files/fits/table_state.hpp"

namespace starglow {

using files::check_fits;

TableReader::TableReader(const std::filesystem::path& path) : state_(std::make_unique<State>(path)) {}
TableReader::~TableReader() = default;
TableReader::TableReader(TableReader&&) noexcept = default;
TableReader& TableReader::operator=(TableReader&&) noexcept = default;

std::size_t TableReader::rows() const noexcept { return state_->rows; }
const std::vector<ColumnInfo>& TableReader::columns() const noexcept { return state_->columns; }
const Conventions& TableReader::conventions() const noexcept { return state_->conventions; }
bool TableReader::has_column(std::string_view name) const noexcept {
  return state_->find(name) != 0 || (files::is_band_vector(name) && !state_->bands(name).empty());
}
const std::vector<std::string>& TableReader::notes() const noexcept { return state_->notes; }

Matrix<double> TableReader::read_column(std::string_view name, std::size_t first, std::size_t count) const {
  const State& s = *state_;
  s.check_range(first, count);
  if (files::is_band_vector(name) && s.bands(name).size() > 1) {
    Matrix<double> out(count, k_n_bands);
    s.vectors(s.bands(name), first, out.flat());
    return out;
  }
  const int column = s.require(name);
  Matrix<double> out(count, static_cast<std::size_t>(s.info(column).repeat));
  s.numbers(column, first, out.flat());
  return out;
}

std::vector<std::int64_t> TableReader::read_integers(std::string_view name, std::size_t first,
                                                     std::size_t count) const {
  const State& s = *state_;
  const int column = s.require(name);
  s.check_range(first, count);
  std::vector<std::int64_t> out(count * static_cast<std::size_t>(s.info(column).repeat));
  if (files::same_name(name, "TARGETID"))
    s.ids(column, first, out);
  else
    s.numbers(column, first, std::span(out));
  return out;
}

std::vector<std::string> TableReader::read_text(std::string_view name, std::size_t first, std::size_t count) const {
  const State& s = *state_;
  const int column = s.require(name);
  s.check_range(first, count);
  if (s.info(column).type != 'A')
    throw Error(ErrorKind::input, "'" + s.name + "': column " + s.info(column).name + " is not text",
                {std::string("type ") + s.info(column).type, "type A", ""});
  return files::read_texts(s.file.get(), column, first, count, s.cannot(column));
}

Galaxies TableReader::read(std::size_t first, std::size_t count, std::size_t lines) const {
  const State& s = *state_;
  s.check_range(first, count);
  Galaxies g;
  g.n = count;
  g.conventions = s.conventions;
  const int targetid = s.find("TARGETID"), flags = s.find("FLAGS"), z = s.find("Z"), z_err = s.find("Z_ERR"),
            ebv = s.find("EBV");
  const auto flux = s.bands("BAND_FLUX"), ivar = s.bands("BAND_FLUX_IVAR");
  g.targetid.resize(targetid != 0 ? count : 0);
  g.flags.resize(flags != 0 ? count : 0);
  g.z.resize(z != 0 ? count : 0);
  g.z_err.resize(z_err != 0 ? count : 0);
  g.ebv.resize(ebv != 0 ? count : 0);
  g.band_flux = Matrix<double>(flux.empty() ? 0 : count, k_n_bands);
  g.band_flux_ivar = Matrix<double>(ivar.empty() ? 0 : count, k_n_bands);
  struct Measured {
    int column;
    std::size_t line;
    Matrix<float>* into;
  };
  std::vector<Measured> measured;
  for (const char* suffix : {"_EW", "_EW_IVAR"}) {
    Matrix<float>& into = suffix[3] == '\0' ? g.ew : g.ew_ivar;
    for (std::size_t line = 0; line < lines; ++line) {
      const int column = s.find(std::string(k_all_lines[line].name) + suffix);
      if (column == 0) continue;
      if (into.empty() && count > 0) into = Matrix<float>(count, lines, suffix[3] == '\0' ? std::nanf("") : 0.0F);
      measured.push_back({column, line, &into});
    }
    Matrix<float>& sums = suffix[3] == '\0' ? g.sum_ew : g.sum_ew_ivar;
    for (std::size_t k = 0; k < k_n_line_sums; ++k)
      if (const int column = s.find(std::string(k_line_sums[k].name) + suffix); column != 0 && count > 0) {
        if (sums.empty()) sums = Matrix<float>(count, k_n_line_sums, suffix[3] == '\0' ? std::nanf("") : 0.0F);
        measured.push_back({column, k, &sums});
      }
  }
  std::array<int, k_n_column_inputs> inputs{};
  for (std::size_t k = 0; k < k_n_column_inputs; ++k) {
    inputs[k] = s.number(k_inputs[k_column_inputs[k]].column);
    if (inputs[k] != 0 && g.inputs.empty() && count > 0)
      g.inputs = Matrix<double>(count, k_n_column_inputs, std::nan(""));
  }
  // All columns of as many rows as the library's buffers hold: each byte of the file is then read once.
  int status = 0;
  long fits = 0;
  fits_get_rowsize(s.file.get(), &fits, &status);
  check_fits(status, ErrorKind::input, "'" + s.name + "' cannot be read");
  const std::size_t step = std::max<std::size_t>(1, static_cast<std::size_t>(std::max(fits, 1L)));
  std::vector<std::int64_t> integers(std::min(step, count));
  std::vector<float> values(std::min(step, count));
  for (std::size_t at = 0; at < count; at += step) {
    const std::size_t n = std::min(step, count - at), row = first + at;
    const auto rows_of = [&](auto&& column, std::size_t width) {
      return std::span(column).subspan(at * width, n * width);
    };
    if (targetid != 0) s.ids(targetid, row, rows_of(g.targetid, 1));
    if (flags != 0) {
      s.numbers(flags, row, std::span(integers).first(n));
      for (std::size_t i = 0; i < n; ++i)
        g.flags[at + i] = integers[i] == k_null_id ? 0 : static_cast<std::int32_t>(integers[i]);
    }
    if (z != 0) s.numbers(z, row, rows_of(g.z, 1));
    if (z_err != 0) s.numbers(z_err, row, rows_of(g.z_err, 1));
    if (ebv != 0) s.numbers(ebv, row, rows_of(g.ebv, 1));
    if (!flux.empty()) s.vectors(flux, row, rows_of(g.band_flux.flat(), k_n_bands));
    if (!ivar.empty()) s.vectors(ivar, row, rows_of(g.band_flux_ivar.flat(), k_n_bands));
    for (std::size_t k = 0; k < k_n_column_inputs; ++k) {
      if (inputs[k] == 0) continue;
      s.numbers(inputs[k], row, std::span(values).first(n));
      for (std::size_t i = 0; i < n; ++i) g.inputs(at + i, k) = static_cast<double>(values[i]);
    }
    for (const auto& m : measured) {
      s.numbers(m.column, row, std::span(values).first(n));
      for (std::size_t i = 0; i < n; ++i) (*m.into)(at + i, m.line) = values[i];
    }
    for (const char* name : {"SURVEY", "PROGRAM"})
      if (const int column = s.find(name); column != 0 && s.info(column).type == 'A') {
        auto& into = name[0] == 'S' ? g.survey : g.program;
        auto more = files::read_texts(s.file.get(), column, row, n, s.cannot(column));
        std::move(more.begin(), more.end(), std::back_inserter(into));
      }
  }
  clear_marks(g);
  return g;
}

Galaxies read_table(const std::filesystem::path& path) {
  const TableReader reader(path);
  return reader.read(0, reader.rows());
}

}  // namespace starglow

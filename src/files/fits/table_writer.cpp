#include <algorithm>
#include <optional>
#include <stdexcept>

#include "files/atomic_file.hpp"
#include "files/fits/fits_file.hpp"
#include "files/fits/fits_output.hpp"
#include "files/fits/row_buffer.hpp"
#include "starglow/files/table.hpp"

namespace starglow {
namespace {

using files::check_fits;

}  // namespace

struct TableWriter::State {
  State(const std::filesystem::path& path, std::vector<ColumnInfo> specs, bool overwrite)
      : output(path, overwrite),
        columns(std::move(specs)),
        what("'" + path.string() + "' cannot be written"),
        buffer(columns) {}

  std::size_t find(std::string_view name) const {
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (columns[i].name == name) return i;
    throw std::logic_error("no column " + std::string(name) + " in this output");
  }

  // Gathers the columns of a range of rows and writes whole rows in one piece; ranges whose columns come in another
  // type, or not all, go the library's way.
  template <class T>
  void write(std::string_view name, int type, std::size_t first, std::span<const T> values) {
    if (values.empty()) return;
    const std::size_t column = find(name);
    const auto& info = columns[column];
    const std::size_t per_row = info.type == 'A' ? 1 : static_cast<std::size_t>(info.repeat);
    if (values.size() % per_row != 0) throw std::logic_error("part of a row of column " + std::string(name));
    const std::size_t rows = values.size() / per_row;
    if (!buffer.empty() && (!buffer.holds(first, rows) || buffer.filled(column))) flush_columns();
    if (!files::RowBuffer::fits(info, values.data())) {
      flush_columns();
      write_through(column, type, first, values);
      return;
    }
    if (buffer.empty()) buffer.start(first, rows);
    buffer.put(column, values);
    if (buffer.complete()) flush_rows();
  }

  void write_through(std::size_t column, int type, std::size_t first, const void* values, std::size_t n) {
    summed_rows.reset();
    int status = 0;
    // The library takes a pointer to mutable numbers, which it does not change.
    fits_write_col(file.get(), type, static_cast<int>(column) + 1, static_cast<LONGLONG>(first) + 1, 1,
                   static_cast<LONGLONG>(n), const_cast<void*>(values), &status);
    check_fits(status, ErrorKind::output, what);
  }
  template <class T>
  void write_through(std::size_t column, int type, std::size_t first, std::span<const T> values) {
    write_through(column, type, first, values.data(), values.size());
  }
  void write_through(std::size_t column, int type, std::size_t first, std::span<const std::string> values) {
    std::vector<std::string> copy(values.begin(), values.end());
    std::vector<char*> pointers;
    for (auto& text : copy) pointers.push_back(text.data());
    write_through(column, type, first, pointers.data(), pointers.size());
  }

  void write_bytes(std::size_t row, std::size_t offset, std::span<const unsigned char> bytes) {
    int status = 0;
    fits_write_tblbytes(file.get(), static_cast<LONGLONG>(row) + 1, static_cast<LONGLONG>(offset) + 1,
                        static_cast<LONGLONG>(bytes.size()), const_cast<unsigned char*>(bytes.data()), &status);
    check_fits(status, ErrorKind::output, what);
  }
  void flush_rows() {
    write_bytes(buffer.first(), 0, buffer.bytes());
    if (summed_rows && *summed_rows == buffer.first()) {
      sum.add(buffer.bytes());
      *summed_rows += buffer.rows();
    } else {
      summed_rows.reset();
    }
    buffer.clear();
  }
  void flush_columns() {
    if (buffer.empty()) return;
    summed_rows.reset();
    for (std::size_t i = 0; i < buffer.rows(); ++i)
      for (std::size_t column = 0; column < columns.size(); ++column)
        if (buffer.filled(column))
          write_bytes(buffer.first() + i, buffer.offset(column),
                      buffer.bytes().subspan(i * buffer.row_bytes() + buffer.offset(column), buffer.width(column)));
    buffer.clear();
  }

  files::AtomicFile output;
  std::vector<ColumnInfo> columns;
  std::string what, notes;
  files::RowBuffer buffer;
  files::OnesSum sum;                          ///< of the rows so far
  std::optional<std::size_t> summed_rows = 0;  ///< how many; empty when they did not come whole and in order
  files::FitsFile file;
};

TableWriter::TableWriter(const std::filesystem::path& path, std::vector<ColumnInfo> columns, const Conventions& c,
                         bool overwrite)
    : state_(std::make_unique<State>(path, std::move(columns), overwrite)) {
  State& s = *state_;
  s.file = files::FitsFile::create(s.output.temporary());
  fitsfile* f = s.file.get();
  int status = 0;
  fits_create_img(f, BYTE_IMG, 0, nullptr, &status);
  check_fits(status, ErrorKind::output, s.what);
  files::create_galaxies(f, s.columns, c, 0, s.what);
}

TableWriter::~TableWriter() = default;

void TableWriter::write(std::string_view column, std::size_t first, std::span<const double> v) {
  state_->write(column, TDOUBLE, first, v);
}
void TableWriter::write(std::string_view column, std::size_t first, std::span<const float> v) {
  state_->write(column, TFLOAT, first, v);
}
void TableWriter::write(std::string_view column, std::size_t first, std::span<const std::int64_t> v) {
  state_->write(column, TLONGLONG, first, v);
}
void TableWriter::write(std::string_view column, std::size_t first, std::span<const std::int32_t> v) {
  state_->write(column, TINT, first, v);
}
void TableWriter::write(std::string_view column, std::size_t first, std::span<const std::string> v) {
  state_->write(column, TSTRING, first, v);
}

void TableWriter::note(std::string_view text) {
  State& s = *state_;
  s.notes += (s.notes.empty() ? "" : "; ") + std::string(text);
  files::write_notes(s.file.get(), s.notes, s.what);
}

bool TableWriter::can_copy(const ColumnInfo& column) noexcept {
  return column.repeat > 0 && std::string_view("BIJKEDA").find(column.type) != std::string_view::npos;
}

void TableWriter::copy(const TableReader& from, std::string_view name, std::size_t first, std::size_t count) {
  const ColumnInfo& column = state_->columns[state_->find(name)];
  if (!can_copy(column))
    throw Error(ErrorKind::input, "column " + std::string(name) + " cannot be copied",
                {std::string("type ") + column.type, "one of B I J K E D A", "Leave it out."});
  if (column.type == 'A')
    write(name, first, std::span<const std::string>(from.read_text(name, first, count)));
  else if (column.type == 'E' || column.type == 'D')
    write(name, first, std::span<const double>(from.read_column(name, first, count).flat()));
  else {
    auto values = from.read_integers(name, first, count);
    if (column.null) std::replace(values.begin(), values.end(), k_null_id, *column.null);
    write(name, first, std::span<const std::int64_t>(values));
  }
}

void TableWriter::commit(const Provenance& provenance) {
  State& s = *state_;
  fitsfile* f = s.file.get();
  s.flush_columns();
  files::write_checksums(f, s.output.temporary(), s.summed_rows ? std::optional(s.sum.value()) : std::nullopt, s.what);
  files::write_provenance(f, s.output.temporary(), provenance, s.what);
  s.file.close_checked(s.what);
  s.output.commit();
}

}  // namespace starglow

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <stdexcept>

#include "files/atomic_file.hpp"
#include "files/fits_file.hpp"
#include "files/row_buffer.hpp"
#include "starglow/table.hpp"
#include "starglow/version.hpp"

namespace starglow {
namespace {

using files::check_fits;

// CHECKSUM and DATASUM with fixed comments: the library's own carry the time of day, and equal runs must be equal
// bytes. `known`: the sum of the data where it was added up while they were written; else they are read again.
void write_checksums(fitsfile* file, const std::filesystem::path& path, std::optional<std::uint32_t> known,
                     const std::string& what) {
  int status = 0;
  unsigned long data = 0, whole = 0;
  fits_update_key_str(file, "CHECKSUM", "0000000000000000", "HDU checksum", &status);
  fits_update_key_str(file, "DATASUM", "0", "data unit checksum", &status);
  fits_flush_file(file, &status);  // writes NAXIS2, the END card behind the two new ones, and the fill
  if (known)
    data = *known;
  else
    fits_get_chksum(file, &data, &whole, &status);
  fits_update_key_str(file, "DATASUM", std::to_string(data).c_str(), "data unit checksum", &status);
  if (known) {
    fits_flush_file(file, &status);
    LONGLONG header_at = 0, data_at = 0, end = 0;
    fits_get_hduaddrll(file, &header_at, &data_at, &end, &status);
    check_fits(status, ErrorKind::output, what);
    std::vector<unsigned char> header(static_cast<std::size_t>(data_at - header_at));
    std::ifstream in(path, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(header_at));
    in.read(reinterpret_cast<char*>(header.data()), static_cast<std::streamsize>(header.size()));
    if (!in) throw Error(ErrorKind::output, what + ": its header cannot be read back");
    files::OnesSum sum;
    sum.add(header);
    const std::uint64_t both = std::uint64_t{sum.value()} + *known;
    whole = static_cast<unsigned long>((both & 0xFFFFFFFFU) + (both >> 32));
  } else {
    fits_get_chksum(file, &data, &whole, &status);
  }
  std::array<char, FLEN_VALUE> encoded{};
  fits_encode_chksum(whole, 1, encoded.data());
  fits_update_key_str(file, "CHECKSUM", encoded.data(), "HDU checksum", &status);
  check_fits(status, ErrorKind::output, what);
}

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
  std::string what;
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
  std::vector<std::string> names, forms, units;
  for (const auto& column : s.columns) {
    names.push_back(column.name);
    forms.push_back(std::to_string(column.repeat) + column.type);
    units.push_back(column.unit);
  }
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& text : texts) out.push_back(text.data());
    return out;
  };
  fits_create_tbl(f, BINARY_TBL, 0, static_cast<int>(s.columns.size()), pointers(names).data(), pointers(forms).data(),
                  pointers(units).data(), "GALAXIES", &status);
  const auto card = [&](const char* key, const std::string& value, const char* comment) {
    if (value != "unknown") fits_write_key_str(f, key, value.c_str(), comment, &status);
  };
  card("APERTURE", c.aperture, "fibre or total light");
  if (c.mwcorr == "T" || c.mwcorr == "F")
    fits_write_key_log(f, "MWCORR", c.mwcorr == "T" ? 1 : 0, "Galactic dust removed", &status);
  card("MASKRULE", c.maskrule, "how lines were masked");
  card("CONTSRC", c.contsrc, "what the continuum is");
  card("LABELVER", c.labelver, "catalogue release of the EWs");
  card("FLUXSCAL", c.fluxscal, "absolute or relative fluxes");
  fits_write_key_log(f, "VACUUM", c.vacuum == "F" ? 0 : 1, "vacuum wavelengths", &status);
  fits_write_key_dbl(f, "WAVELO", band_lo(0), -6, "[Angstrom] blue edge of the first band, rest frame", &status);
  fits_write_key_dbl(f, "WAVEHI", band_hi(k_n_bands - 1), -6, "[Angstrom] red edge of the last band, rest frame",
                     &status);
  fits_write_key_str(f, "DEPNAM00", "starglow", "program", &status);
  fits_write_key_str(f, "DEPVER00", std::string(version()).c_str(), "its version", &status);
  fits_write_key_lng(f, "NBAND", static_cast<LONGLONG>(k_n_bands), "bands of equal width", &status);
  check_fits(status, ErrorKind::output, s.what);
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

void TableWriter::commit(const Provenance& provenance) {
  State& s = *state_;
  fitsfile* f = s.file.get();
  s.flush_columns();
  write_checksums(f, s.output.temporary(), s.summed_rows ? std::optional(s.sum.value()) : std::nullopt, s.what);
  // What may differ between equal runs stands in an HDU of its own, behind the numbers.
  std::vector<std::string> keys, values;
  std::size_t key_width = 1, value_width = 1;
  for (auto& [key, value] : provenance.entries()) {
    key_width = std::max(key_width, key.size());
    value_width = std::max(value_width, value.size());
    keys.push_back(key);
    values.push_back(value);
  }
  std::string key_name = "KEY", value_name = "VALUE", key_form = std::to_string(key_width) + "A",
              value_form = std::to_string(value_width) + "A";
  std::array<char*, 2> names{key_name.data(), value_name.data()}, forms{key_form.data(), value_form.data()};
  int status = 0;
  fits_create_tbl(f, BINARY_TBL, 0, 2, names.data(), forms.data(), nullptr, "PROVENANCE", &status);
  std::vector<char*> key_pointers, value_pointers;
  for (auto& key : keys) key_pointers.push_back(key.data());
  for (auto& value : values) value_pointers.push_back(value.data());
  fits_write_col(f, TSTRING, 1, 1, 1, static_cast<LONGLONG>(keys.size()), key_pointers.data(), &status);
  fits_write_col(f, TSTRING, 2, 1, 1, static_cast<LONGLONG>(values.size()), value_pointers.data(), &status);
  check_fits(status, ErrorKind::output, s.what);
  write_checksums(f, s.output.temporary(), std::nullopt, s.what);
  s.file.close_checked(s.what);
  s.output.commit();
}

}  // namespace starglow

// Tables: the guard of the headers, the library behind it, the columns.
#include "files/fits/fits_guard.hpp"
#include "fuzz/target.hpp"
#include "starglow/files/table.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starglow;
  static const fuzz::File file;
  return fuzz::answer([&] {
    const TableReader reader(file.write(data, size));
    (void)reader.read(0, reader.rows() < 1000 ? reader.rows() : 1000);
    for (const auto& column : reader.columns())
      fuzz::answer([&] { (void)reader.read_column(column.name, 0, reader.rows() < 10 ? reader.rows() : 10); });
  });
}

#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "files/fits/fits_input.hpp"

namespace starglow::files {

/// Which galaxies the rows of a table are: TARGETID, and SURVEY and PROGRAM where the table has them, as TARGETID
/// repeats over surveys. Two tables are joined by these, never by row numbers; SURVEY and PROGRAM count where both have
/// them.
struct RowKeys {
  std::vector<std::int64_t> id;              ///< k_null_integer: no id; it belongs to no other row
  std::vector<std::string> survey, program;  ///< empty: no such column
};

inline constexpr std::size_t k_no_row = static_cast<std::size_t>(-1);

RowKeys keys_of(FitsInput& file, const std::string& extname, std::uint64_t first, std::uint64_t count);

/// Whether two tables have the same galaxies in the same rows.
bool same_rows(const RowKeys& a, const RowKeys& b);

/// For each row of `of` the row of the same galaxy in `in`, k_no_row where there is none. Tables of the same rows are
/// joined row by row, repeated ids and all. Error(input): a galaxy that is asked for is in `in` twice; `what` names
/// `in`.
std::vector<std::size_t> match_rows(const RowKeys& of, const RowKeys& in, const std::string& what);

}  // namespace starglow::files

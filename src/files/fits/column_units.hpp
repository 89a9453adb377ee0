#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "files/fits/fits_file.hpp"
#include "starglow/files/table.hpp"

namespace starglow::files {

/// The number, from 1, of the column of this name; else of the only one that differs from it in case alone; 0: none, or
/// more than one.
int find_column(const std::vector<ColumnInfo>& columns, std::string_view wanted);

/// Whether a column of this name holds one number a band: its numbers may lie in twelve columns NAME_0 to NAME_11.
bool is_band_vector(std::string_view name);

/// What brings each column to the units inside: other units of the same dimension are converted, with a note, and
/// `columns` then name the unit inside. An inverse variance without a unit has that of its column.
/// Error(input): a unit of another dimension, or an inverse variance of another scale than its column.
std::vector<double> column_scales(std::vector<ColumnInfo>& columns, const FitsFile& file, const std::string& where,
                                  std::vector<std::string>& notes);

}  // namespace starglow::files

#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "files/fits/fits_file.hpp"
#include "starglow/base/galaxies.hpp"
#include "starglow/files/provenance.hpp"
#include "starglow/files/table.hpp"

namespace starglow::files {

/// The parts that every FITS output of this project has. Errors are of kind output and begin with `what`.

/// The table GALAXIES with its conventions, of `rows` rows (0: it grows as it is written).
void create_galaxies(fitsfile* file, const std::vector<ColumnInfo>& columns, const Conventions& conventions,
                     std::size_t rows, const std::string& what);

/// The card NOTES of the current HDU, CONTINUEd where it is long; replaces what stood there.
void write_notes(fitsfile* file, const std::string& notes, const std::string& what);

/// CHECKSUM and DATASUM of the current HDU, with fixed comments: the library's own carry the time of day, and equal
/// runs must be equal bytes. `known`: the sum of the data where it was added up while they were written; else they are
/// read again from `path`.
void write_checksums(fitsfile* file, const std::filesystem::path& path, std::optional<std::uint32_t> known,
                     const std::string& what);

/// The HDU PROVENANCE at the end: what may differ between equal runs stands behind the numbers. Also CREATOR in the
/// primary header, by which verify_own() knows the file.
void write_provenance(fitsfile* file, const std::filesystem::path& path, const Provenance& provenance,
                      const std::string& what);

}  // namespace starglow::files

// Files of other formats, called by their names.
#include "files/formats.hpp"

#include "base/input_file.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <string>

namespace starglow::files {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes, name, remedy;
};

constexpr std::string_view k_parquet = "starglow.parquet in Python reads it (docs/catalogues.md).";
constexpr std::string_view k_pickle = "It is not read, for it could run code; write its table as FITS.";
constexpr std::array<Magic, 33> k_magics{{
    {"\x1f\x8b"sv, "a gzip file inside a gzip file", "Unpack it once: gunzip."},
    {"BZh"sv, "a bzip2 file", "Unpack it: bunzip2."},
    {"\xfd"
     "7zXZ"sv,
     "an xz file", "Unpack it: unxz."},
    {"\x28\xb5\x2f\xfd"sv, "a zstd file", "Unpack it: unzstd."},
    {"PK\x03\x04"sv, "a zip archive", "Unpack it: unzip."},
    {"\x1f\x9d"sv, "a compress (.Z) file", "Unpack it: uncompress."},
    {"\x89HDF\r\n\x1a\n"sv, "an HDF5 file",
     "Convert the table to FITS: astropy.table.Table.read(name, path=...).write('table.fits')."},
    {"PAR1"sv, "a Parquet file", k_parquet},
    {"\x93NUMPY"sv, "a NumPy file (.npy)", "In Python its arrays go to starglow.Model.predict."},
    {"#ASDF"sv, "an ASDF file", "Convert it to FITS."},
    {"# %ECSV"sv, "an ECSV table", "prep reads spectra in ECSV; other tables: astropy writes them as FITS."},
    {"<?xml"sv, "an XML file (a VOTable?)", "Convert it to FITS: astropy reads VOTables."},
    {"<VOTABLE"sv, "a VOTable", "Convert it to FITS with astropy."},
    {"<!DOCTYPE"sv, "a web page (a failed download?)", "Fetch the file again."},
    {"<html"sv, "a web page (a failed download?)", "Fetch the file again."},
    {"version https://git-lfs"sv, "a pointer of Git LFS, not the file itself", "git lfs pull fetches it."},
    {"CDF\x01"sv, "a NetCDF file", "Convert it to FITS."},
    {"\x89PNG"sv, "a picture (PNG)", ""},
    {"%PDF"sv, "a PDF file", ""},
    {"\xff\xd8\xff"sv, "a picture (JPEG)", ""},
    {"II*\0"sv, "a picture (TIFF)", ""},
    {"7z\xbc\xaf\x27\x1c"sv, "a 7z archive", "Unpack it: 7z x."},
    {"Rar!"sv, "a RAR archive", "Unpack it."},
    {"\x04\x22\x4d\x18"sv, "an LZ4 file", "Unpack it: unlz4."},
    {"\x80\x02"sv, "a Python pickle", k_pickle},
    {"\x80\x03"sv, "a Python pickle", k_pickle},
    {"\x80\x04"sv, "a Python pickle", k_pickle},
    {"\x80\x05"sv, "a Python pickle", k_pickle},
    {"ARROW1"sv, "an Arrow (Feather) file",
     "In Python: pyarrow.feather.read_table reads it, starglow.galaxies takes it."},
    {"MATLAB 5.0"sv, "a MATLAB file", "Convert it to FITS."},
    {"SR\0\4"sv, "an IDL save file", "Convert it to FITS."},
    {"root\0"sv, "a ROOT file", "Convert it to FITS."},
    {"SQLite format 3"sv, "an SQLite database", "Convert its table to FITS."},
}};

}  // namespace

ForeignFormat format_of(const std::filesystem::path& path) {
  std::array<char, 512> head{};
  check_input_file(path, "'" + path.string() + "'");
  std::ifstream in(path, std::ios::binary);
  in.read(head.data(), head.size());
  const std::string_view seen(head.data(), static_cast<std::size_t>(in.gcount()));
  if (seen.size() > 8 && seen[8] == '{' && seen.substr(3, 5) == "\0\0\0\0\0"sv)
    return {"a safetensors file (a model of starglow?)", "inspect says what it holds; --model and --map take models."};
  for (const auto& magic : k_magics)
    if (seen.starts_with(magic.bytes)) return {magic.name, magic.remedy};
  if (seen.size() == head.size() && seen.substr(257, 5) == "ustar") return {"a tar archive", "Unpack it: tar -xf."};
  if (seen.starts_with("SIMPLE  =") || seen.empty()) return {};
  if (seen.find_first_not_of('\0') == std::string_view::npos)
    return {"a file of zeros (a broken copy?)", "Fetch the file again."};
  const bool text = std::none_of(seen.begin(), seen.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < ' ' && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f;
  });
  if (text && (seen.find('\n') != std::string_view::npos || seen.size() < head.size()))
    return {"a text file", "Tables go in as FITS; astropy.table.Table.read(name, format='ascii').write('table.fits')."};
  return {};
}

}  // namespace starglow::files

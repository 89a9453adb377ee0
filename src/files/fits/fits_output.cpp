#include "files/fits/fits_output.hpp"

#include <algorithm>
#include <array>
#include <fstream>

#include "files/fits/row_buffer.hpp"
#include "starglow/base/version.hpp"
#include "starglow/files/columns.hpp"

namespace starglow::files {

void create_galaxies(fitsfile* f, const std::vector<ColumnInfo>& columns, const Conventions& c, std::size_t rows,
                     const std::string& what) {
  int status = 0;
  std::vector<std::string> names, forms, units;
  for (const auto& column : columns) {
    names.push_back(column.name);
    forms.push_back(std::to_string(column.repeat) + column.type);
    units.push_back(column.unit);
  }
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& text : texts) out.push_back(text.data());
    return out;
  };
  fits_create_tbl(f, BINARY_TBL, static_cast<LONGLONG>(rows), static_cast<int>(columns.size()), pointers(names).data(),
                  pointers(forms).data(), pointers(units).data(), "GALAXIES", &status);
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].null)
      fits_write_key_lng(f, ("TNULL" + std::to_string(i + 1)).c_str(), static_cast<LONGLONG>(*columns[i].null),
                         "no number", &status);
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (std::string about = about_column(columns[i].name); !about.empty())
      fits_write_key_str(f, ("TCOMM" + std::to_string(i + 1)).c_str(), about.c_str(), nullptr, &status);
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
  check_fits(status, ErrorKind::output, what);
}

void write_notes(fitsfile* f, const std::string& notes, const std::string& what) {
  int status = 0;
  std::string plain = notes;  // a header holds printable ASCII
  std::replace_if(plain.begin(), plain.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  fits_update_key_longstr(f, "NOTES", plain.c_str(), nullptr, &status);
  check_fits(status, ErrorKind::output, what);
}

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
    // A write that the system lost would make the sum that of an older header.
    const std::string card = "DATASUM = '" + std::to_string(data);
    if (std::search(header.begin(), header.end(), card.begin(), card.end()) == header.end())
      throw Error(ErrorKind::output, what + ": its header was not written");
    OnesSum sum;
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

void write_provenance(fitsfile* f, const std::filesystem::path& path, const Provenance& provenance,
                      const std::string& what) {
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
  check_fits(status, ErrorKind::output, what);
  write_checksums(f, path, std::nullopt, what);
  int type = 0;
  fits_movabs_hdu(f, 1, &type, &status);
  fits_update_key_str(f, "CREATOR", k_creator, "its HDUs have checksums", &status);
  check_fits(status, ErrorKind::output, what);
  write_checksums(f, path, std::nullopt, what);
}

}  // namespace starglow::files

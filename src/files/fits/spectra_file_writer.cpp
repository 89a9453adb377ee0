#include <algorithm>
#include <array>
#include <stdexcept>

#include "files/atomic_file.hpp"
#include "files/fits/fits_file.hpp"
#include "files/fits/fits_output.hpp"
#include "starglow/files/spectra_file.hpp"

namespace starglow {

using files::check_fits;

struct SpectraFileWriter::State {
  State(const std::filesystem::path& path, SpectraLayout given, bool overwrite)
      : output(path, overwrite), layout(std::move(given)), what("'" + path.string() + "' cannot be written") {}

  void create_image(const char* name, int bitpix, std::vector<std::size_t> shape, const char* unit) {
    std::vector<LONGLONG> axes(shape.rbegin(), shape.rend());
    int status = 0;
    fits_create_imgll(file.get(), bitpix, static_cast<int>(axes.size()), axes.data(), &status);
    fits_write_key_str(file.get(), "EXTNAME", name, "name of this image", &status);
    if (*unit != '\0') fits_write_key_str(file.get(), "BUNIT", unit, "unit", &status);
    check_fits(status, ErrorKind::output, what);
    images.push_back(name);
  }

  void move(std::string_view image) {
    const auto found = std::find(images.begin(), images.end(), image) - images.begin();
    int type = 0, status = 0;
    fits_movabs_hdu(file.get(), static_cast<int>(found) + 3, &type, &status);  // behind the primary HDU and GALAXIES
    check_fits(status, ErrorKind::output, what);
  }
  void move_to_table() {
    int type = 0, status = 0;
    fits_movabs_hdu(file.get(), 2, &type, &status);
    check_fits(status, ErrorKind::output, what);
  }

  template <class T>
  void write_image(std::string_view image, int type, std::size_t first_element, std::span<const T> values) {
    move(image);
    int status = 0;
    fits_write_img(file.get(), type, static_cast<LONGLONG>(first_element) + 1, static_cast<LONGLONG>(values.size()),
                   const_cast<T*>(values.data()), &status);
    check_fits(status, ErrorKind::output, what);
  }
  template <class T>
  void write_plane(const char* image, bool wanted, int type, std::size_t first, const Matrix<T>& values) {
    if (!wanted) return;
    if (values.rows() == 0) throw std::logic_error(std::string("a batch without ") + image);
    write_image(image, type, first * values.cols(), values.flat());
  }

  int column(std::string_view name) const {
    for (std::size_t i = 0; i < layout.columns.size(); ++i)
      if (layout.columns[i].name == name) return static_cast<int>(i) + 1;
    return 0;
  }
  void write_column(std::string_view name, int type, std::size_t first, std::size_t n, const void* values) {
    const int at = column(name);
    if (at == 0) throw std::logic_error("no column " + std::string(name) + " in this output");
    if (n == 0) return;
    move_to_table();
    int status = 0;
    // The library takes a pointer to mutable numbers, which it does not change.
    fits_write_col(file.get(), type, at, static_cast<LONGLONG>(first) + 1, 1, static_cast<LONGLONG>(n),
                   const_cast<void*>(values), &status);
    check_fits(status, ErrorKind::output, what);
  }

  files::AtomicFile output;
  SpectraLayout layout;
  std::string what;
  files::FitsFile file;
  std::vector<std::string> images;
  bool grid_written = false;
  std::size_t rows_written = 0;
};

SpectraFileWriter::SpectraFileWriter(const std::filesystem::path& path, SpectraLayout layout,
                                     const Conventions& conventions, bool overwrite)
    : state_(std::make_unique<State>(path, std::move(layout), overwrite)) {
  State& s = *state_;
  s.file = files::FitsFile::create(s.output.temporary());
  int status = 0;
  fits_create_img(s.file.get(), BYTE_IMG, 0, nullptr, &status);
  check_fits(status, ErrorKind::output, s.what);
  files::create_galaxies(s.file.get(), s.layout.columns, conventions, s.layout.rows, s.what);
  const std::size_t n = s.layout.rows, m = s.layout.pixels;
  const char *flux = "10**-17 erg s-1 cm-2 Angstrom-1", *ivar = "10**34 erg-2 s2 cm4 Angstrom2";
  const SpectraPlanes& planes = s.layout.planes;
  if (s.layout.one_grid)
    s.create_image("WAVE", DOUBLE_IMG, {m}, "Angstrom");
  else
    s.create_image("WAVE", DOUBLE_IMG, {n, m}, "Angstrom");
  fits_write_key_log(s.file.get(), "VACUUM", 1, "vacuum wavelengths, observed frame", &status);
  check_fits(status, ErrorKind::output, s.what);
  if (planes.flux) s.create_image("FLUX", FLOAT_IMG, {n, m}, flux);
  if (planes.ivar) s.create_image("IVAR", FLOAT_IMG, {n, m}, ivar);
  if (planes.mask) s.create_image("MASK", LONG_IMG, {n, m}, "");
  if (planes.continuum) s.create_image("CONTINUUM", FLOAT_IMG, {n, m}, flux);
  if (planes.lines) s.create_image("LINES", FLOAT_IMG, {n, m}, flux);
  if (planes.resolution) s.create_image("RESOLUTION", FLOAT_IMG, {n, k_n_diagonals, m}, "");
}

SpectraFileWriter::~SpectraFileWriter() = default;

void SpectraFileWriter::write(std::size_t first, const Spectra& batch) {
  State& s = *state_;
  if (batch.wave_obs.cols() != s.layout.pixels || (s.layout.one_grid && batch.wave_obs.rows() != 1))
    throw std::logic_error("a batch of another grid than its file");
  const std::size_t n = std::max({batch.size(), batch.continuum.rows(), batch.targetid.size()});
  if (first + n > s.layout.rows) throw std::logic_error("more spectra than the file was made for");
  if (s.layout.one_grid) {
    if (!s.grid_written) s.write_image("WAVE", TDOUBLE, 0, batch.wave_obs.row(0));
    s.grid_written = true;
  } else {
    s.write_plane("WAVE", true, TDOUBLE, first, batch.wave_obs);
  }
  const SpectraPlanes& planes = s.layout.planes;
  s.write_plane("FLUX", planes.flux, TDOUBLE, first, batch.flux);
  s.write_plane("IVAR", planes.ivar, TDOUBLE, first, batch.ivar);
  s.write_plane("MASK", planes.mask, TINT, first, batch.mask);
  s.write_plane("CONTINUUM", planes.continuum, TDOUBLE, first, batch.continuum);
  s.write_plane("LINES", planes.lines, TDOUBLE, first, batch.lines);
  s.write_plane("RESOLUTION", planes.resolution, TFLOAT, first, batch.resolution);
  const auto fill = [&](const char* name, const auto& values) {
    using T = typename std::decay_t<decltype(values)>::value_type;
    if (s.column(name) != 0 && !values.empty()) write(name, first, std::span<const T>(values));
  };
  fill("TARGETID", batch.targetid);
  fill("SURVEY", batch.survey);
  fill("PROGRAM", batch.program);
  fill("Z", batch.z);
  fill("EBV", batch.ebv);
  fill("SPECTYPE", batch.spectype);
  fill("FLAGS", batch.flags);
  s.rows_written += n;
}

void SpectraFileWriter::write(std::string_view column, std::size_t first, std::span<const double> v) {
  state_->write_column(column, TDOUBLE, first, v.size(), v.data());
}
void SpectraFileWriter::write(std::string_view column, std::size_t first, std::span<const float> v) {
  state_->write_column(column, TFLOAT, first, v.size(), v.data());
}
void SpectraFileWriter::write(std::string_view column, std::size_t first, std::span<const std::int64_t> v) {
  state_->write_column(column, TLONGLONG, first, v.size(), v.data());
}
void SpectraFileWriter::write(std::string_view column, std::size_t first, std::span<const std::int32_t> v) {
  state_->write_column(column, TINT, first, v.size(), v.data());
}
void SpectraFileWriter::write(std::string_view column, std::size_t first, std::span<const std::string> v) {
  std::vector<std::string> copy(v.begin(), v.end());
  std::vector<char*> pointers;
  for (auto& text : copy) pointers.push_back(text.data());
  state_->write_column(column, TSTRING, first, v.size(), pointers.data());
}

void SpectraFileWriter::commit(const Provenance& provenance) {
  State& s = *state_;
  if (s.rows_written != s.layout.rows) throw std::logic_error("fewer spectra than the file was made for");
  s.move_to_table();
  files::write_checksums(s.file.get(), s.output.temporary(), std::nullopt, s.what);
  for (const auto& image : s.images) {
    s.move(image);
    files::write_checksums(s.file.get(), s.output.temporary(), std::nullopt, s.what);
  }
  files::write_provenance(s.file.get(), s.output.temporary(), provenance, s.what);
  s.file.close_checked(s.what);
  s.output.commit();
}

}  // namespace starglow

#include <algorithm>
#include <cmath>

#include "files/fits/fits_file.hpp"
#include "files/fits/fits_guard.hpp"
#include "files/unit_text.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/spectra_file.hpp"

namespace starglow {

using files::check_fits;

struct SpectraFileReader::State {
  explicit State(const std::filesystem::path& path) : name(path.string()), plain(path), table(plain.path()) {
    summary = files::guard_fits(plain.path());
    file = files::FitsFile::open(plain.path());
    notes = table.notes();
    rows = table.rows();
    const auto* wave = find("WAVE");
    if (wave == nullptr || !find_any({"FLUX", "CONTINUUM"}) || !has_table())
      refuse("is no file of spectra", "HDUs " + names(), "GALAXIES, WAVE, and FLUX or CONTINUUM",
             "prep --spectra and paint write such files; survey files go through prep.");
    one_grid = wave->naxis.size() == 1;
    pixels = wave->naxis.empty() ? 0 : static_cast<std::size_t>(wave->naxis[0]);
    if (pixels < 2) refuse("has a grid of too few pixels", std::to_string(pixels), "at least 2", "");
    expect_shape("WAVE", one_grid ? std::vector<std::uint64_t>{pixels} : std::vector<std::uint64_t>{pixels, rows});
    check_unit("WAVE", true);
    if (card("VACUUM") == "F" || table.conventions().vacuum == "F")
      refuse("has wavelengths in air", "VACUUM = F", "vacuum", "Convert them first.");
    planes.flux = plane("FLUX");
    planes.ivar = plane("IVAR");
    planes.mask = plane("MASK");
    planes.continuum = plane("CONTINUUM");
    planes.lines = plane("LINES");
    if (find("RESOLUTION") != nullptr) {
      expect_shape("RESOLUTION", {pixels, k_n_diagonals, rows});
      verify();
      planes.resolution = true;
    }
    for (const char* image : {"FLUX", "CONTINUUM", "LINES"})
      if (find(image) != nullptr) check_unit(image, false);
    if (one_grid) {
      grid.resize(pixels);
      read_image("WAVE", TDOUBLE, 0, std::span<double>(grid));
      check_wavelengths(grid, "'" + name + "'");
    }
  }

  [[noreturn]] void refuse(const std::string& what, std::string seen, std::string wanted, std::string remedy) const {
    throw Error(ErrorKind::input, "'" + name + "' " + what, {std::move(seen), std::move(wanted), std::move(remedy)});
  }
  std::string names() const {
    std::string out;
    for (const auto& hdu : summary.hdus)
      out += (out.empty() ? "" : ", ") + (hdu.extname.empty() ? hdu.kind : hdu.extname);
    return out;
  }
  bool has_table() const {
    return std::any_of(summary.hdus.begin(), summary.hdus.end(),
                       [](const auto& hdu) { return hdu.extname == "GALAXIES" && hdu.kind == "BINTABLE"; });
  }
  const files::HduSummary* find(std::string_view image) const {
    for (const auto& hdu : summary.hdus)
      if (hdu.extname == image && hdu.kind == "IMAGE") return &hdu;
    return nullptr;
  }
  bool find_any(std::initializer_list<const char*> images) const {
    return std::any_of(images.begin(), images.end(), [&](const char* image) { return find(image) != nullptr; });
  }

  void move(std::string_view image) const {
    const auto at = find(image) - summary.hdus.data();
    int type = 0, status = 0;
    fits_movabs_hdu(file.get(), static_cast<int>(at) + 1, &type, &status);
    check_fits(status, ErrorKind::input, "'" + name + "': " + std::string(image) + " cannot be read");
  }
  std::string card(const char* key) const {
    move("WAVE");
    return file.card(key);
  }
  void expect_shape(const char* image, const std::vector<std::uint64_t>& wanted) {
    const auto text = [](const std::vector<std::uint64_t>& axes) {
      std::string out;
      for (auto i = axes.size(); i-- > 0;) out += std::to_string(axes[i]) + (i > 0 ? " x " : "");
      return out;
    };
    const auto* hdu = find(image);
    if (hdu->naxis != wanted)
      refuse(std::string("has an image ") + image + " of another shape", text(hdu->naxis), text(wanted), "");
    move(image);
  }
  bool plane(const char* image) {
    if (find(image) == nullptr) return false;
    expect_shape(image, {pixels, rows});
    verify();
    return true;
  }
  void verify() {
    int data = 0, whole = 0, status = 0;
    fits_verify_chksum(file.get(), &data, &whole, &status);
    check_fits(status, ErrorKind::input, "'" + name + "': checksum cannot be computed");
    if (data < 0 || whole < 0)
      refuse("was changed after it was written", "DATASUM or CHECKSUM does not match", "matching sums",
             "Fetch or write the file again.");
  }
  void check_unit(const char* image, bool wave) {
    move(image);
    if (wave) verify();
    const std::string unit = file.card("BUNIT");
    const std::string wanted = wave ? "Angstrom" : "10**-17 erg s-1 cm-2 Angstrom-1";
    if (unit.empty()) {
      notes.push_back(std::string(image) + " has no unit; " + wanted + " is assumed");
    } else if (files::parse_unit(unit) != files::parse_unit(wanted)) {
      refuse(std::string("has an image ") + image + " in another unit", "'" + unit + "'", wanted, "");
    }
  }

  template <class T>
  void read_image(const char* image, int type, std::size_t first, std::span<T> into) const {
    if (into.empty()) return;
    move(image);
    int status = 0, any = 0;
    fits_read_img(file.get(), type, static_cast<LONGLONG>(first) + 1, static_cast<LONGLONG>(into.size()), nullptr,
                  into.data(), &any, &status);
    check_fits(status, ErrorKind::input, "'" + name + "': " + image + " cannot be read");
  }

  std::string name;
  files::PlainFile plain;
  TableReader table;
  files::FitsSummary summary;
  files::FitsFile file;
  std::vector<std::string> notes;
  std::size_t rows = 0, pixels = 0;
  bool one_grid = true;
  std::vector<double> grid;
  SpectraPlanes planes{.flux = false};
};

SpectraFileReader::SpectraFileReader(const std::filesystem::path& path) : state_(std::make_unique<State>(path)) {}
SpectraFileReader::~SpectraFileReader() = default;
SpectraFileReader::SpectraFileReader(SpectraFileReader&&) noexcept = default;
SpectraFileReader& SpectraFileReader::operator=(SpectraFileReader&&) noexcept = default;

std::size_t SpectraFileReader::rows() const noexcept { return state_->rows; }
std::size_t SpectraFileReader::pixels() const noexcept { return state_->pixels; }
bool SpectraFileReader::one_grid() const noexcept { return state_->one_grid; }
const SpectraPlanes& SpectraFileReader::planes() const noexcept { return state_->planes; }
const TableReader& SpectraFileReader::table() const noexcept { return state_->table; }
const std::vector<std::string>& SpectraFileReader::notes() const noexcept { return state_->notes; }

Spectra SpectraFileReader::read(std::size_t first, std::size_t count, bool resolution) const {
  const State& s = *state_;
  if (first > s.rows || count > s.rows - first)
    throw Error(ErrorKind::usage, "rows outside the spectra",
                {std::to_string(first) + " + " + std::to_string(count), "at most " + std::to_string(s.rows), ""});
  Spectra out;
  const Galaxies g = s.table.read(first, count);
  out.targetid = g.targetid;
  out.survey = g.survey;
  out.program = g.program;
  out.z = g.z;
  out.flags = g.flags;
  if (s.table.has_column("EBV")) {
    const auto ebv = s.table.read_column("EBV", first, count);
    out.ebv.assign(ebv.flat().begin(), ebv.flat().end());
  }
  const std::size_t m = s.pixels;
  if (s.one_grid) {
    out.wave_obs = Matrix<double>(1, m);
    std::copy(s.grid.begin(), s.grid.end(), out.wave_obs.data());
  } else {
    out.wave_obs = Matrix<double>(count, m);
    s.read_image("WAVE", TDOUBLE, first * m, out.wave_obs.flat());
    for (std::size_t i = 0; i < count; ++i)
      check_wavelengths(out.wave_obs.row(i), "'" + s.name + "', row " + std::to_string(first + i));
  }
  const auto take = [&](const char* image, bool there, Matrix<double>& into) {
    if (!there) return;
    into = Matrix<double>(count, m);
    s.read_image(image, TDOUBLE, first * m, into.flat());
  };
  take("FLUX", s.planes.flux, out.flux);
  take("IVAR", s.planes.ivar, out.ivar);
  take("CONTINUUM", s.planes.continuum, out.continuum);
  take("LINES", s.planes.lines, out.lines);
  for (double& ivar : out.ivar.flat())
    if (!(ivar > 0 && std::isfinite(ivar))) ivar = 0;
  if (s.planes.mask) {
    out.mask = Matrix<std::int32_t>(count, m);
    s.read_image("MASK", TINT, first * m, out.mask.flat());
  }
  if (resolution && s.planes.resolution) {
    out.resolution = Matrix<float>(count, k_n_diagonals * m);
    s.read_image("RESOLUTION", TFLOAT, first * k_n_diagonals * m, out.resolution.flat());
  }
  return out;
}

}  // namespace starglow

#include <algorithm>
#include <cmath>

#include "files/fits/fits_file.hpp"
#include "files/fits/fits_guard.hpp"
#include "files/surveys/spectra_source.hpp"
#include "files/unit_text.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/spectra_file.hpp"
#include "starglow/spectra/air.hpp"

namespace starglow {

struct SpectraFileReader::State {
  explicit State(const std::filesystem::path& path)
      : file(path), name(file.name()), table(file.plain_path()), conventions(table.conventions()) {
    notes = table.notes();
    rows = table.rows();
    if (!file.has("WAVE") || !file.has("GALAXIES") || (!file.has("FLUX") && !file.has("CONTINUUM")))
      file.fail("is no file of spectra", "HDUs " + names(), "GALAXIES, WAVE, and FLUX or CONTINUUM",
                "prep --spectra and paint write such files; survey files go through prep.");
    const auto wave = file.shape("WAVE");
    one_grid = wave.size() == 1;
    pixels = wave.empty() ? 0 : static_cast<std::size_t>(wave.back());
    if (pixels < 2) file.fail("has a grid of too few pixels", std::to_string(pixels), "at least 2");
    expect_shape("WAVE", one_grid ? std::vector<std::uint64_t>{pixels} : std::vector<std::uint64_t>{rows, pixels});
    wave_factor = factor("WAVE", files::Quantity::length);
    air = files::is_air(file, {"WAVE", file.has("FLUX") ? "FLUX" : "CONTINUUM"}) || conventions.vacuum == "F";
    if (air) notes.push_back("'" + name + "': air wavelengths are converted to vacuum");
    conventions.vacuum = air ? "T" : conventions.vacuum;
    planes.flux = plane("FLUX", files::Quantity::flux_density, flux_factor);
    planes.ivar = plane("IVAR", files::Quantity::flux_density_ivar, ivar_factor);
    planes.continuum = plane("CONTINUUM", files::Quantity::flux_density, continuum_factor);
    planes.lines = plane("LINES", files::Quantity::flux_density, lines_factor);
    if ((planes.mask = file.has("MASK"))) {
      expect_shape("MASK", {rows, pixels});
      file.verify("MASK");
    }
    if (file.has("RESOLUTION")) {
      planes.resolution = file.shape("RESOLUTION") == std::vector<std::uint64_t>{rows, k_n_diagonals, pixels};
      if (planes.resolution)
        file.verify("RESOLUTION");
      else
        notes.push_back("'" + name + "': RESOLUTION is not used: its shape is not galaxies x 11 x pixels");
    }
    if (one_grid) {
      grid.resize(pixels);
      read_wave(0, grid);
      check_wavelengths(grid, "'" + name + "'");
    }
  }

  std::string names() const {
    std::string out;
    for (const auto& hdu : file.summary().hdus)
      out += (out.empty() ? "" : ", ") + (hdu.extname.empty() ? hdu.kind : hdu.extname);
    return out;
  }
  void expect_shape(const char* image, const std::vector<std::uint64_t>& wanted) {
    const auto text = [](const std::vector<std::uint64_t>& axes) {
      std::string out;
      for (const auto n : axes) out += (out.empty() ? "" : " x ") + std::to_string(n);
      return out;
    };
    const auto seen = file.shape(image);
    if (seen != wanted) file.fail(std::string("has an image ") + image + " of another shape", text(seen), text(wanted));
  }
  // An absent unit is that of the layout, and is reported; that of IVAR belongs to FLUX.
  double factor(const char* image, files::Quantity quantity) {
    file.verify(image);
    if (quantity == files::Quantity::flux_density_ivar && file.has("FLUX"))
      return file.ivar_factor(image, flux_factor, "FLUX");
    if (file.card(image, "BUNIT").empty()) {
      notes.push_back(std::string(image) + " has no unit; " + std::string(files::unit_of(quantity)) + " is assumed");
      return 1;
    }
    return file.unit_factor(image, quantity);
  }
  bool plane(const char* image, files::Quantity quantity, double& by) {
    if (!file.has(image)) return false;
    expect_shape(image, {rows, pixels});
    by = factor(image, quantity);
    return true;
  }

  void read_wave(std::size_t first, std::span<double> into) {
    file.read_image("WAVE", first, into);
    if (wave_factor != 1)
      for (double& w : into) w *= wave_factor;
    if (air) to_vacuum(into);
  }

  files::FitsInput file;
  std::string name;
  TableReader table;
  Conventions conventions;
  std::vector<std::string> notes;
  std::size_t rows = 0, pixels = 0;
  bool one_grid = true, air = false;
  double wave_factor = 1, flux_factor = 1, ivar_factor = 1, continuum_factor = 1, lines_factor = 1;
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
const Conventions& SpectraFileReader::conventions() const noexcept { return state_->conventions; }
const std::vector<std::string>& SpectraFileReader::notes() const noexcept { return state_->notes; }

Spectra SpectraFileReader::read(std::size_t first, std::size_t count, bool resolution) const {
  State& s = *state_;
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
    s.read_wave(first * m, out.wave_obs.flat());
    for (std::size_t i = 0; i < count; ++i)
      check_wavelengths(out.wave_obs.row(i), "'" + s.name + "', row " + std::to_string(first + i));
  }
  const auto take = [&](const char* image, bool there, double by, Matrix<double>& into) {
    if (!there) return;
    into = Matrix<double>(count, m);
    s.file.read_image(image, first * m, into.flat());
    if (by != 1)
      for (double& x : into.flat()) x *= by;
  };
  take("FLUX", s.planes.flux, s.flux_factor, out.flux);
  take("IVAR", s.planes.ivar, s.ivar_factor, out.ivar);
  take("CONTINUUM", s.planes.continuum, s.continuum_factor, out.continuum);
  take("LINES", s.planes.lines, s.lines_factor, out.lines);
  for (double& ivar : out.ivar.flat())
    if (!(ivar > 0 && std::isfinite(ivar))) ivar = 0;
  if (s.planes.mask) {
    out.mask = Matrix<std::int32_t>(count, m);
    s.file.read_mask("MASK", first * m, out.mask.flat());
  }
  if (resolution && s.planes.resolution) {
    out.resolution = Matrix<float>(count, k_n_diagonals * m);
    s.file.read_image("RESOLUTION", first * k_n_diagonals * m, out.resolution.flat());
  }
  return out;
}

}  // namespace starglow

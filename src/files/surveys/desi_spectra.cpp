// DESI coadd and spectra files with their redrock file.
#include <cmath>
#include <limits>
#include <unordered_map>

#include "files/surveys/spectra_source.hpp"
#include "files/unit_text.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/spectra/merge.hpp"

namespace starglow::files {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

constexpr double k_typical_sigma = 0.75;  // A, of DESI's cameras: for files without their resolution

struct Camera {
  std::string prefix;
  std::vector<double> wave;
  std::size_t offset = 0;
  bool mask = false, resolution = false;
};

struct Redshift {
  double z = k_nan;
  bool warned = true;
  std::string spectype;
};

class Desi final : public SpectraSource {
 public:
  Desi(const std::filesystem::path& coadd, const std::filesystem::path& redrock, const SpectraReaderOptions& options,
       bool check)
      : file_(coadd), options_(options) {
    rows = file_.table_rows("FIBERMAP");
    ids_ = file_.integers("FIBERMAP", "TARGETID", 0, rows);
    if (check) file_.verify("FIBERMAP");
    for (const char* name : {"B_", "R_", "Z_"}) add_camera(name, check);
    if (cameras_.empty()) file_.fail("no camera has spectra", "no B_FLUX, R_FLUX or Z_FLUX", "one of them at least");
    read_redshifts(redrock, check);
    conventions = {"fibre", "F", "unknown", "masked data", "unknown", "absolute", "T"};
  }

  Spectra read(std::size_t first, std::size_t count) override {
    Spectra s = empty_batch(count, k_n_desi_pixels);
    for (std::size_t i = 0; i < k_n_desi_pixels; ++i) s.wave_obs(0, i) = desi_wave(i);
    s.sigma_instrument = Matrix<double>(count, k_n_desi_pixels, k_nan);
    if (options_.resolution) s.resolution = Matrix<float>(count, k_n_diagonals * k_n_desi_pixels);
    s.targetid.assign(ids_.begin() + static_cast<std::ptrdiff_t>(first),
                      ids_.begin() + static_cast<std::ptrdiff_t>(first + count));
    for (std::size_t i = 0; i < count; ++i) {
      const Redshift& r = redshifts_[first + i];
      s.z.push_back(r.z);
      s.spectype.push_back(r.spectype);
      if (r.warned) s.flags[i] |= k_zwarn;
    }
    s.ebv = file_.has_column("FIBERMAP", "EBV") ? file_.doubles("FIBERMAP", "EBV", first, count)
                                                : std::vector<double>(count, k_nan);
    for (const auto& camera : cameras_) read_camera(camera, first, count, s);
    return s;
  }

 private:
  void add_camera(const std::string& prefix, bool check) {
    Camera c;
    c.prefix = prefix;
    if (!file_.has(prefix + "FLUX")) {
      notes.push_back("'" + file_.name() + "' has no camera " + prefix.substr(0, 1) + "; its pixels are no data");
      return;
    }
    const auto grid = file_.shape(prefix + "WAVELENGTH");
    if (grid.size() != 1)
      file_.fail("HDU " + prefix + "WAVELENGTH is no grid", std::to_string(grid.size()) + " axes", "one");
    const std::size_t n = grid[0];
    c.wave.resize(n);
    file_.read_image(prefix + "WAVELENGTH", 0, std::span<double>(c.wave));
    c.offset = desi_offset(c.wave, "'" + file_.name() + "': " + prefix + "WAVELENGTH");
    c.mask = file_.has(prefix + "MASK");
    c.resolution = file_.has(prefix + "RESOLUTION");
    if (check) {
      refuse_air(file_, prefix + "WAVELENGTH");
      const std::string unit = file_.card(prefix + "FLUX", "BUNIT");
      if (!is_flux_unit(unit))
        file_.fail(prefix + "FLUX has another unit or none", unit.empty() ? "no BUNIT" : "BUNIT = " + unit,
                   "10**-17 erg/(s cm2 Angstrom)");
      for (const char* name : {"WAVELENGTH", "FLUX", "IVAR", "MASK", "RESOLUTION"}) {
        const std::string extname = prefix + name;
        if (!file_.has(extname)) {
          if (extname == prefix + "IVAR") file_.fail("no HDU " + extname, "", "the noise of " + prefix + "FLUX");
          continue;
        }
        const auto shape = file_.shape(extname);
        std::vector<std::uint64_t> wanted{rows, n};
        if (extname == prefix + "WAVELENGTH") wanted = {n};
        if (extname == prefix + "RESOLUTION") wanted = {rows, k_n_diagonals, n};
        if (shape != wanted) {
          std::string seen, want;
          for (const auto d : shape) seen += (seen.empty() ? "" : " x ") + std::to_string(d);
          for (const auto d : wanted) want += (want.empty() ? "" : " x ") + std::to_string(d);
          file_.fail("HDU " + extname + " has a shape that does not fit", seen, want);
        }
        file_.verify(extname);
      }
    }
    cameras_.push_back(std::move(c));
  }

  void read_redshifts(const std::filesystem::path& path, bool check) {
    FitsInput file(path);
    const char* hdu = file.has("REDSHIFTS") ? "REDSHIFTS" : "ZBEST";
    if (check) file.verify(hdu);
    const std::size_t n = file.table_rows(hdu);
    const auto ids = file.integers(hdu, "TARGETID", 0, n);
    const auto z = file.doubles(hdu, "Z", 0, n);
    const auto zwarn =
        file.has_column(hdu, "ZWARN") ? file.integers(hdu, "ZWARN", 0, n) : std::vector<std::int64_t>(n, 0);
    const auto type =
        file.has_column(hdu, "SPECTYPE") ? file.texts(hdu, "SPECTYPE", 0, n) : std::vector<std::string>(n);
    const auto of = [&](std::size_t r) { return Redshift{z[r], zwarn[r] != 0, type[r]}; };
    redshifts_.assign(rows, {});
    if (ids == ids_) {
      for (std::size_t i = 0; i < rows; ++i) redshifts_[i] = of(i);
      return;
    }
    std::unordered_map<std::int64_t, std::size_t> row_of;
    for (std::size_t r = 0; r < n; ++r)
      if (!row_of.emplace(ids[r], r).second)
        file.fail("TARGETID " + std::to_string(ids[r]) + " has two redshifts",
                  "rows " + std::to_string(row_of[ids[r]]) + " and " + std::to_string(r),
                  "one row an id, or the same rows as the spectra");
    std::size_t missing = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const auto found = row_of.find(ids_[i]);
      if (found == row_of.end())
        ++missing;
      else
        redshifts_[i] = of(found->second);
    }
    if (missing == rows && rows > 0)
      file.fail("none of its redshifts belongs to '" + file_.name() + "'", "no common TARGETID",
                "the redrock file of these spectra");
    if (missing > 0)
      notes.push_back("'" + path.string() + "' has no redshift for " + std::to_string(missing) +
                      " spectra; they are flagged");
  }

  void read_camera(const Camera& c, std::size_t first, std::size_t count, Spectra& s) {
    const std::size_t n = c.wave.size();
    std::vector<float> flux(count * n), ivar(count * n), resolution;
    std::vector<std::int32_t> mask;
    file_.read_image(c.prefix + "FLUX", first * n, std::span<float>(flux));
    file_.read_image(c.prefix + "IVAR", first * n, std::span<float>(ivar));
    if (c.mask) {
      mask.resize(count * n);
      file_.read_image(c.prefix + "MASK", first * n, std::span<std::int32_t>(mask));
    }
    if (c.resolution) {
      resolution.resize(count * n * k_n_diagonals);
      file_.read_image(c.prefix + "RESOLUTION", first * n * k_n_diagonals, std::span<float>(resolution));
    }
    for (std::size_t i = 0; i < count; ++i) {
      CameraSpectrum camera;
      camera.wave_obs = c.wave;
      camera.flux = {flux.data() + i * n, n};
      camera.ivar = {ivar.data() + i * n, n};
      if (c.mask) camera.mask = {mask.data() + i * n, n};
      if (c.resolution) camera.resolution = {resolution.data() + i * n * k_n_diagonals, n * k_n_diagonals};
      if (merge_camera(camera, c.offset, s, i) > 0) s.flags[i] |= k_bad_pixels;
      const auto sigma =
          c.resolution ? instrument_sigma(camera.resolution, n, 0.8) : std::vector<double>(n, k_typical_sigma);
      for (std::size_t p = 0; p < n; ++p) {  // where cameras overlap: the mean of their profiles
        double& into = s.sigma_instrument(i, c.offset + p);
        into = std::isnan(into) ? sigma[p] : 0.5 * (into + sigma[p]);
      }
    }
  }

  FitsInput file_;
  SpectraReaderOptions options_;
  std::vector<std::int64_t> ids_;
  std::vector<Camera> cameras_;
  std::vector<Redshift> redshifts_;
};

}  // namespace

std::unique_ptr<SpectraSource> open_desi(const std::filesystem::path& coadd, const std::filesystem::path& redrock,
                                         const SpectraReaderOptions& options, bool check) {
  return std::make_unique<Desi>(coadd, redrock, options, check);
}

}  // namespace starglow::files

// DESI coadd and spectra files with their redshifts, in a file of their own or inside.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "files/fits/join.hpp"
#include "files/surveys/spectra_source.hpp"
#include "files/unit_text.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/spectra/air.hpp"
#include "starglow/spectra/merge.hpp"

namespace starglow::files {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

constexpr double k_typical_sigma = 0.75;  // A, of DESI's cameras: for files without their resolution
constexpr double k_bluest = 1000;         // A: no galaxy is seen below
constexpr double k_same_pixel = 1e-3;     // A

struct Camera {
  std::string prefix;
  std::vector<double> wave;
  std::size_t offset = 0;          // on the survey's grid
  std::vector<std::size_t> place;  // else: of each pixel on the joined grid
  std::size_t diagonals = 0;       // of RESOLUTION; 0: none
  bool mask = false;
  double flux_factor = 1, ivar_factor = 1;
};

class Desi final : public SpectraSource {
 public:
  Desi(const std::filesystem::path& coadd, const std::filesystem::path& redrock, const SpectraReaderOptions& options,
       bool check)
      : file_(coadd), options_(options) {
    rows = file_.table_rows("FIBERMAP");
    keys_ = keys_of(file_, "FIBERMAP", 0, rows);
    if (check) file_.verify("FIBERMAP");
    for (const auto& prefix : desi_cameras(file_)) add_camera(prefix, check);
    if (cameras_.empty()) file_.fail("no camera has spectra", "no B_FLUX, R_FLUX or Z_FLUX", "one of them at least");
    if (cameras_[0].prefix.size() == 2)
      for (const char* name : {"B_", "R_", "Z_"})
        if (!file_.has(std::string(name) + "FLUX"))
          notes.push_back("'" + file_.name() + "' has no camera " + std::string(name).substr(0, 1) +
                          "; its pixels are missing");
    join_grids();
    read_redshifts(redrock, check);
    keep(file_, "FIBERMAP",
         {{"SURVEY", "SURVEY"},
          {"PROGRAM", "PROGRAM"},
          {"OBJTYPE", "OBJTYPE"},
          {"COADD_FIBERSTATUS", "COADD_FIBERSTATUS"},
          {"COADD_FIBERSTATUS", "FIBERSTATUS"},
          {"RA", "TARGET_RA"},
          {"RA", "RA"},
          {"DEC", "TARGET_DEC"},
          {"DEC", "DEC"}});
    conventions = {"fibre", "F", "unknown", "masked data", "unknown", "absolute", "T"};
  }

  Spectra read(std::size_t first, std::size_t count) override {
    const std::size_t m = grid_.size();
    Spectra s = empty_batch(count, m);
    std::copy(grid_.begin(), grid_.end(), s.wave_obs.data());
    s.sigma_instrument = Matrix<double>(count, m, k_nan);
    if (options_.resolution && survey_grid) s.resolution = Matrix<float>(count, k_n_diagonals * m);
    std::vector<std::size_t> own(count);
    std::iota(own.begin(), own.end(), first);
    const auto part = [&](const auto& from) {
      return std::remove_cvref_t<decltype(from)>(
          from.begin() + static_cast<std::ptrdiff_t>(std::min(first, from.size())),
          from.begin() + static_cast<std::ptrdiff_t>(std::min(first + count, from.size())));
    };
    s.targetid = part(keys_.id);
    s.survey = part(keys_.survey);
    s.program = part(keys_.program);
    s.z = part(z_);
    s.z_err = part(z_err_);
    s.zwarn = part(zwarn_);
    s.spectype = part(spectype_);
    s.ebv = numbers_if(file_, "FIBERMAP", {"EBV"}, own, k_nan);
    if (s.ebv.empty()) s.ebv.assign(count, k_nan);
    s.objtype = texts_if(file_, "FIBERMAP", {"OBJTYPE"}, own);
    s.fiberstatus = integers_if(file_, "FIBERMAP", {"COADD_FIBERSTATUS", "FIBERSTATUS"}, own, 0);
    s.ra = numbers_if(file_, "FIBERMAP", {"TARGET_RA", "RA"}, own, k_nan);
    s.dec = numbers_if(file_, "FIBERMAP", {"TARGET_DEC", "DEC"}, own, k_nan);
    for (std::size_t i = 0; i < count; ++i)
      if (from_[first + i] == k_no_row) s.flags[i] |= k_zwarn;
    flag_targets(s);
    for (const auto& camera : cameras_) read_camera(camera, first, count, s);
    return s;
  }

 private:
  void add_camera(const std::string& prefix, bool check) {
    Camera c;
    c.prefix = prefix;
    const auto grid = file_.shape(prefix + "WAVELENGTH");
    if (grid.size() != 1)
      file_.fail("HDU " + prefix + "WAVELENGTH is no grid", std::to_string(grid.size()) + " axes", "one");
    const std::size_t n = grid[0];
    c.wave.resize(n);
    file_.read_image(prefix + "WAVELENGTH", 0, std::span<double>(c.wave));
    const double wave_factor = file_.unit_factor(prefix + "WAVELENGTH", Quantity::length, 1.0);
    for (double& w : c.wave) w *= wave_factor;
    if (is_air(file_, {prefix + "WAVELENGTH", prefix + "FLUX"})) {
      to_vacuum(c.wave);
      if (check) notes.push_back("'" + file_.name() + "': air wavelengths are converted to vacuum");
    }
    check_wavelengths(c.wave, "'" + file_.name() + "': " + prefix + "WAVELENGTH");
    c.flux_factor = file_.unit_factor(prefix + "FLUX", Quantity::flux_density);
    if (!file_.has(prefix + "IVAR")) file_.fail("no HDU " + prefix + "IVAR", "", "the noise of " + prefix + "FLUX");
    c.ivar_factor = file_.ivar_factor(prefix + "IVAR", c.flux_factor, prefix + "FLUX");
    c.mask = file_.has(prefix + "MASK");
    read_diagonals(c, check);
    if (check)
      for (const char* name : {"WAVELENGTH", "FLUX", "IVAR", "MASK"}) {
        const std::string extname = prefix + name;
        if (!file_.has(extname)) continue;
        const auto shape = file_.shape(extname);
        const auto wanted =
            extname == prefix + "WAVELENGTH" ? std::vector<std::uint64_t>{n} : std::vector<std::uint64_t>{rows, n};
        if (shape != wanted) file_.fail("HDU " + extname + " has a shape that does not fit", axes(shape), axes(wanted));
        file_.verify(extname);
      }
    cameras_.push_back(std::move(c));
  }

  static std::string axes(const std::vector<std::uint64_t>& shape) {
    std::string out;
    for (const auto d : shape) out += (out.empty() ? "" : " x ") + std::to_string(d);
    return out;
  }

  // RESOLUTION is optional: what cannot be used of it is left out, and said.
  void read_diagonals(Camera& c, bool check) {
    const std::string extname = c.prefix + "RESOLUTION";
    if (!file_.has(extname)) return;
    const auto shape = file_.shape(extname);
    if (shape.size() == 3 && shape[0] == rows && shape[1] % 2 == 1 && shape[2] == c.wave.size()) {
      c.diagonals = shape[1];
      if (check) file_.verify(extname);
    } else if (check) {
      notes.push_back("'" + file_.name() + "': " + extname + " is not used: " + axes(shape) +
                      ", not spectra x an odd number of diagonals x pixels; 0.75 A is taken");
    }
  }

  // All cameras on the survey's grid; else the pixels of all, in order, on one grid of this file.
  void join_grids() {
    survey_grid = std::all_of(cameras_.begin(), cameras_.end(), [&](Camera& c) {
      try {
        c.offset = desi_offset(c.wave, "");
        return true;
      } catch (const Error&) {
        return false;
      }
    });
    if (survey_grid) {
      for (std::size_t i = 0; i < k_n_desi_pixels; ++i) grid_.push_back(desi_wave(i));
      return;
    }
    for (const auto& c : cameras_)
      if (c.wave.front() < k_bluest)
        file_.fail(c.prefix + "WAVELENGTH is no grid of wavelengths in Angstrom", std::to_string(c.wave.front()) + " A",
                   "3600 + 0.8 i A, or another grid above 1000 A",
                   "BUNIT says the unit of wavelengths where it is another.");
    notes.push_back("'" + file_.name() + "' is not on DESI's grid (3600 + 0.8 i A): its own grid is kept");
    std::vector<double> all;
    for (const auto& c : cameras_) all.insert(all.end(), c.wave.begin(), c.wave.end());
    std::sort(all.begin(), all.end());
    for (const double w : all)
      if (grid_.empty() || w - grid_.back() > k_same_pixel) grid_.push_back(w);
    for (auto& c : cameras_)
      for (const double w : c.wave)
        c.place.push_back(
            static_cast<std::size_t>(std::lower_bound(grid_.begin(), grid_.end(), w - k_same_pixel) - grid_.begin()));
  }

  void read_redshifts(const std::filesystem::path& path, bool check) {
    FitsInput file(path);
    const char* hdu = file.has("REDSHIFTS") ? "REDSHIFTS" : "ZBEST";
    if (check) file.verify(hdu);
    const std::size_t n = file.table_rows(hdu);
    from_ = match_rows(keys_, keys_of(file, hdu, 0, n), "'" + file.name() + "', " + hdu);
    const auto missing = static_cast<std::size_t>(std::count(from_.begin(), from_.end(), k_no_row));
    if (missing == rows && rows > 0)
      file.fail("none of its redshifts belongs to '" + file_.name() + "'", "no common TARGETID",
                "the redrock file of these spectra");
    if (missing > 0)
      notes.push_back("'" + path.string() + "' has no redshift for " + std::to_string(missing) +
                      " spectra; they are flagged");
    if (file.has_column(hdu, "Z")) {
      const auto factor = factor_of(file.column_unit(hdu, "Z"), Quantity::pure);
      if (!factor) file.fail("Z has another unit", file.column_unit(hdu, "Z"), "a redshift, a pure number");
    }
    z_ = numbers_if(file, hdu, {"Z"}, from_, k_nan);
    if (z_.empty() && rows > 0) file.fail(std::string("HDU ") + hdu + " has no column Z", "", "a column Z");
    z_err_ = numbers_if(file, hdu, {"ZERR", "Z_ERR"}, from_, k_nan);
    zwarn_ = integers_if(file, hdu, {"ZWARN"}, from_, 0);
    spectype_ = texts_if(file, hdu, {"SPECTYPE"}, from_);
    keep(file, hdu, {{"SPECTYPE", "SPECTYPE"}, {"ZWARN", "ZWARN"}, {"Z_ERR", "ZERR"}, {"Z_ERR", "Z_ERR"}});
    if (spectype_.empty()) spectype_.assign(rows, "");
  }

  // Pixels of a camera at their places on a grid of this file's own.
  static std::size_t merge_places(const CameraSpectrum& c, const std::vector<std::size_t>& place, Spectra& s,
                                  std::size_t i) {
    std::size_t strange = 0;
    for (std::size_t j = 0; j < place.size(); ++j) {
      const std::size_t p = place[j];
      const auto f = static_cast<double>(c.flux[j]), w = static_cast<double>(c.ivar[j]);
      const bool odd = !std::isfinite(f) || !std::isfinite(w) || w < 0;
      strange += odd ? 1U : 0U;
      if (odd || !(w > 0) || (!c.mask.empty() && c.mask[j] != 0)) {
        if (!(s.ivar(i, p) > 0)) s.mask(i, p) |= c.mask.empty() ? 0 : c.mask[j];
        continue;
      }
      const double before = s.ivar(i, p);
      s.flux(i, p) = (s.flux(i, p) * before + f * w) / (before + w);
      s.ivar(i, p) = before + w;
      s.mask(i, p) = 0;
    }
    return strange;
  }

  void read_camera(const Camera& c, std::size_t first, std::size_t count, Spectra& s) {
    const std::size_t n = c.wave.size();
    std::vector<float> flux(count * n), ivar(count * n), resolution;
    std::vector<std::int32_t> mask;
    file_.read_image(c.prefix + "FLUX", first * n, std::span<float>(flux));
    file_.read_image(c.prefix + "IVAR", first * n, std::span<float>(ivar));
    if (c.flux_factor != 1)
      for (float& f : flux) f = static_cast<float>(static_cast<double>(f) * c.flux_factor);
    if (c.ivar_factor != 1)
      for (float& w : ivar) w = static_cast<float>(static_cast<double>(w) * c.ivar_factor);
    if (c.mask) {
      mask.resize(count * n);
      file_.read_mask(c.prefix + "MASK", first * n, std::span<std::int32_t>(mask));
    }
    const std::size_t per = n * c.diagonals;
    resolution.resize(count * per);
    file_.read_image(c.prefix + "RESOLUTION", first * per, std::span<float>(resolution));
    const double step = n > 1 ? (c.wave.back() - c.wave.front()) / static_cast<double>(n - 1) : 0.8;
    for (std::size_t i = 0; i < count; ++i) {
      CameraSpectrum camera;
      camera.wave_obs = c.wave;
      camera.flux = {flux.data() + i * n, n};
      camera.ivar = {ivar.data() + i * n, n};
      if (c.mask) camera.mask = {mask.data() + i * n, n};
      const std::span<const float> diagonals(resolution.data() + i * per, per);
      if (c.diagonals == k_n_diagonals) camera.resolution = diagonals;
      const auto strange = survey_grid ? merge_camera(camera, c.offset, s, i) : merge_places(camera, c.place, s, i);
      if (strange > 0) s.flags[i] |= k_bad_pixels;
      const auto sigma =
          c.diagonals > 0 ? instrument_sigma(diagonals, n, step) : std::vector<double>(n, k_typical_sigma);
      for (std::size_t p = 0; p < n; ++p) {  // where cameras overlap: the mean of their profiles
        double& into = s.sigma_instrument(i, survey_grid ? c.offset + p : c.place[p]);
        into = std::isnan(into) ? sigma[p] : 0.5 * (into + sigma[p]);
      }
    }
  }

  FitsInput file_;
  SpectraReaderOptions options_;
  std::vector<Camera> cameras_;
  std::vector<double> grid_;
  RowKeys keys_;
  std::vector<std::size_t> from_;  // the row of each spectrum among the redshifts
  std::vector<double> z_, z_err_;
  std::vector<std::int64_t> zwarn_;
  std::vector<std::string> spectype_;
};

}  // namespace

std::unique_ptr<SpectraSource> open_desi(const std::filesystem::path& coadd, const std::filesystem::path& redrock,
                                         const SpectraReaderOptions& options, bool check) {
  return std::make_unique<Desi>(coadd, redrock, options, check);
}

}  // namespace starglow::files

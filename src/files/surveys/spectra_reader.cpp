#include "starglow/files/spectra_reader.hpp"

#include <algorithm>

#include "files/surveys/spectra_source.hpp"
#include "starglow/base/error.hpp"

namespace starglow {
namespace fs = std::filesystem;
namespace files {

Layout layout_of(const FitsInput& file) {
  if (file.has("GALAXIES") && file.has("WAVE")) return Layout::own;
  if (file.has("FASTSPEC")) return Layout::fastspec;
  if (file.has("REDSHIFTS") || file.has("ZBEST")) return Layout::redrock;
  for (const char* camera : {"B_FLUX", "R_FLUX", "Z_FLUX"})
    if (file.has(camera)) return Layout::desi;
  if (file.has("COADD") && (file.has("SPECOBJ") || file.has("SPALL"))) return Layout::sdss;
  return Layout::unknown;
}

Spectra empty_batch(std::size_t count, std::size_t pixels) {
  Spectra s;
  s.wave_obs = Matrix<double>(1, pixels);
  s.flux = Matrix<double>(count, pixels);
  s.ivar = Matrix<double>(count, pixels);
  s.mask = Matrix<std::int32_t>(count, pixels);
  s.flags.assign(count, 0);
  return s;
}

void refuse_air(FitsInput& file, std::string_view extname) {
  const std::string air = file.card(extname, "AIRORVAC"), vacuum = file.card(extname, "VACUUM");
  if (air == "air" || air == "AIR" || vacuum == "F")
    file.fail("wavelengths in air", air.empty() ? "VACUUM = F" : "AIRORVAC = " + air, "vacuum wavelengths",
              "Convert them first.");
}

}  // namespace files

struct SpectraReader::State {
  struct Part {
    fs::path path, redshifts;
    files::Layout layout;
    std::size_t first = 0, rows = 0;
  };

  std::unique_ptr<files::SpectraSource> open(const Part& part, bool check) const {
    switch (part.layout) {
      case files::Layout::own:
        return files::open_own(part.path, options);
      case files::Layout::desi:
        return files::open_desi(part.path, part.redshifts, options, check);
      case files::Layout::sdss:
        return files::open_sdss(part.path, check);
      default:
        return files::open_fastspec(part.path, check);
    }
  }

  void add_note(const std::string& note) {
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
  }

  void merge(const Conventions& c, bool first) {
    const auto one = [&](const char* key, std::string& mine, const std::string& theirs) {
      if (first) {
        mine = theirs;
      } else if (mine != theirs) {
        throw Error(ErrorKind::input, "files of different conventions in one run",
                    {std::string(key) + " = " + mine + " and " + theirs, "equal " + std::string(key),
                     "Run prep on each kind of file."});
      }
    };
    one("APERTURE", conventions.aperture, c.aperture);
    one("MWCORR", conventions.mwcorr, c.mwcorr);
    one("CONTSRC", conventions.contsrc, c.contsrc);
    one("FLUXSCAL", conventions.fluxscal, c.fluxscal);
    one("VACUUM", conventions.vacuum, c.vacuum);
    if (first)
      conventions.labelver = c.labelver;
    else if (conventions.labelver != c.labelver)
      conventions.labelver = "mixed";
  }

  SpectraReaderOptions options;
  std::vector<Part> parts;
  std::size_t rows = 0, current = static_cast<std::size_t>(-1);
  std::unique_ptr<files::SpectraSource> source;
  Conventions conventions;
  bool catalogue_ew = false, flux = false, models = true, one_grid = true;
  std::vector<std::string> notes;
};

SpectraReader::SpectraReader(const std::vector<fs::path>& inputs, const SpectraReaderOptions& options)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.options = options;
  if (inputs.empty()) throw Error(ErrorKind::usage, "no spectra given");
  std::vector<fs::path> redshifts;
  std::vector<std::size_t> coadds;
  for (const auto& path : inputs) {
    const files::FitsInput file(path);
    for (const auto& warning : file.summary().warnings) s.add_note("'" + path.string() + "': " + warning);
    const files::Layout layout = files::layout_of(file);
    if (layout == files::Layout::unknown)
      file.fail("no spectra in a known layout", std::to_string(file.summary().hdus.size()) + " HDUs of other names",
                "DESI (B_FLUX ...), redrock (REDSHIFTS), SDSS (COADD, SPECOBJ), FastSpecFit (FASTSPEC) or a spectra "
                "file (GALAXIES, WAVE)");
    if (layout == files::Layout::redrock) {
      redshifts.push_back(path);
      continue;
    }
    if (layout == files::Layout::desi) coadds.push_back(s.parts.size());
    s.parts.push_back({path, {}, layout, 0, 0});
  }
  if (coadds.size() != redshifts.size())
    throw Error(ErrorKind::input, "each file of DESI spectra needs its file of redshifts",
                {std::to_string(coadds.size()) + " coadd and " + std::to_string(redshifts.size()) + " redrock files",
                 "as many of both, in the same order",
                 "starglow prep coadd-1.fits redrock-1.fits coadd-2.fits redrock-2.fits ..."});
  for (std::size_t i = 0; i < coadds.size(); ++i) s.parts[coadds[i]].redshifts = redshifts[i];
  for (auto& part : s.parts) {
    const auto source = s.open(part, true);
    part.first = s.rows;
    part.rows = source->rows;
    s.merge(source->conventions, s.rows == 0 && part.path == s.parts.front().path);
    s.rows += part.rows;
    s.catalogue_ew = s.catalogue_ew || source->has_catalogue_ew;
    s.flux = s.flux || source->has_flux;
    s.models = s.models && source->has_models;
    // Two files share a grid only where it is the survey's own.
    const bool survey = part.layout == files::Layout::desi || part.layout == files::Layout::fastspec;
    s.one_grid = s.one_grid && source->one_grid && (survey || s.parts.size() == 1);
    for (const auto& note : source->notes) s.add_note(note);
  }
}

SpectraReader::~SpectraReader() = default;
SpectraReader::SpectraReader(SpectraReader&&) noexcept = default;
SpectraReader& SpectraReader::operator=(SpectraReader&&) noexcept = default;

std::size_t SpectraReader::rows() const noexcept { return state_->rows; }
const Conventions& SpectraReader::conventions() const noexcept { return state_->conventions; }
bool SpectraReader::has_catalogue_ew() const noexcept { return state_->catalogue_ew; }
bool SpectraReader::has_flux() const noexcept { return state_->flux; }
bool SpectraReader::one_grid() const noexcept { return state_->one_grid; }
bool SpectraReader::models_only() const noexcept { return state_->models; }
const std::vector<std::string>& SpectraReader::notes() const noexcept { return state_->notes; }

Spectra SpectraReader::read(std::size_t first, std::size_t count) {
  State& s = *state_;
  if (first >= s.rows)
    throw Error(ErrorKind::usage, "rows outside the spectra",
                {std::to_string(first), "below " + std::to_string(s.rows), ""});
  for (std::size_t k = 0; k < s.parts.size(); ++k) {
    const auto& part = s.parts[k];
    if (first < part.first || first >= part.first + part.rows) continue;
    if (s.current != k) {
      s.source.reset();
      s.source = s.open(part, false);
      s.current = k;
    }
    return s.source->read(first - part.first, std::min(count, part.first + part.rows - first));
  }
  throw std::logic_error("a row between two files");
}

}  // namespace starglow

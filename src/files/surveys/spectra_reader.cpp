#include "starglow/files/spectra_reader.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "files/surveys/spectra_source.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/marks.hpp"

namespace starglow {
namespace fs = std::filesystem;
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
      case files::Layout::fastspec:
        return files::open_fastspec(part.path, check);
      default:
        return files::open_general(part.path, options, check);
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
  std::vector<std::string> notes, kept;
  std::vector<SpectraReader::Failure> failures;
};

namespace {

// Which of the redrock files has the redshifts of a coadd: that with the most of its ids; the n-th for the n-th coadd
// where several have as many.
class RedshiftFiles {
 public:
  void add(const fs::path& path) { paths_.push_back(path); }
  std::size_t size() const noexcept { return paths_.size(); }
  const fs::path& of(const fs::path& coadd, std::size_t n) {
    if (n < paths_.size() && shared(coadd, n)) return paths_[n];
    read_all();
    std::vector<std::size_t> votes(paths_.size(), 0);
    for (const auto id : ids(coadd, "FIBERMAP"))
      if (const auto found = by_id_.find(id); found != by_id_.end())
        for (const std::size_t k : found->second) ++votes[k];
    const auto best = std::max_element(votes.begin(), votes.end());
    if (best == votes.end() || *best == 0)
      throw Error(ErrorKind::input, "'" + coadd.string() + "' has no file of redshifts",
                  {std::to_string(paths_.size()) + " redrock files, none with its TARGETIDs", "its redrock file",
                   "starglow prep coadd-1.fits redrock-1.fits coadd-2.fits redrock-2.fits ..."});
    return paths_[static_cast<std::size_t>(best - votes.begin())];
  }

 private:
  static std::vector<std::int64_t> ids(const fs::path& path, const char* hdu) {
    files::FitsInput file(path);
    return file.ids(hdu, "TARGETID", 0, file.table_rows(hdu));
  }
  static std::vector<std::int64_t> redshift_ids(const fs::path& path) {
    const files::FitsInput file(path);
    return ids(path, file.has("REDSHIFTS") ? "REDSHIFTS" : "ZBEST");
  }
  bool shared(const fs::path& coadd, std::size_t n) const {
    auto a = ids(coadd, "FIBERMAP"), b = redshift_ids(paths_[n]);
    std::sort(b.begin(), b.end());
    return a.empty() ||
           std::any_of(a.begin(), a.end(), [&](auto id) { return std::binary_search(b.begin(), b.end(), id); });
  }
  void read_all() {
    for (; read_ < paths_.size(); ++read_)
      for (const auto id : redshift_ids(paths_[read_])) by_id_[id].push_back(read_);
  }
  std::vector<fs::path> paths_;
  std::unordered_map<std::int64_t, std::vector<std::size_t>> by_id_;
  std::size_t read_ = 0;
};

// Fluxes beyond any galaxy's are marks of absence (1e20, which NumPy puts under a mask; 1e30): no data.
void drop_impossible(Spectra& s) {
  for (std::size_t i = 0; i < s.flux.rows(); ++i)
    for (std::size_t p = 0; p < s.flux.cols(); ++p) {
      if (!(std::fabs(s.flux(i, p)) > k_most_flux)) continue;
      s.flux(i, p) = s.ivar.empty() ? std::numeric_limits<double>::quiet_NaN() : 0;
      if (!s.ivar.empty()) s.ivar(i, p) = 0;
      s.flags[i] |= k_bad_pixels;
    }
}

// Folders stand for the FITS and ECSV files in them, in the order of their names.
std::vector<fs::path> expand(const std::vector<fs::path>& inputs) {
  std::vector<fs::path> out;
  for (const auto& path : inputs) {
    std::error_code failed;
    if (!fs::is_directory(path, failed)) {
      out.push_back(path);
      continue;
    }
    const std::size_t before = out.size();
    for (const auto& entry : fs::directory_iterator(path, failed)) {
      const std::string name = entry.path().filename().string();
      const auto ends = [&](const char* with) { return name.ends_with(with); };
      if (entry.is_regular_file(failed) && !name.starts_with(".") &&
          (ends(".fits") || ends(".fit") || ends(".fits.gz") || ends(".fits.fz") || ends(".ecsv")))
        out.push_back(entry.path());
    }
    if (failed || out.size() == before)
      throw Error(ErrorKind::input, "the folder '" + path.string() + "' holds no spectra",
                  {failed ? failed.message() : "no such file", "*.fits, *.fits.gz, *.fits.fz or *.ecsv", ""});
    std::sort(out.begin() + static_cast<std::ptrdiff_t>(before), out.end());
  }
  return out;
}

}  // namespace

SpectraReader::SpectraReader(const std::vector<fs::path>& given, const SpectraReaderOptions& options)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.options = options;
  if (given.empty()) throw Error(ErrorKind::usage, "no spectra given");
  const auto inputs = expand(given);
  RedshiftFiles redshifts;
  std::vector<State::Part> parts;
  std::vector<bool> own_redshifts;
  const auto skip = [&](const fs::path& path, const Error& e) {
    if (!options.skip_bad || inputs.size() < 2 || e.kind() != ErrorKind::input) throw e;
    s.failures.push_back({path, e.what()});
  };
  for (const auto& path : inputs) try {
      if (files::is_ecsv(path)) {
        parts.push_back({path, {}, files::Layout::general, 0, 0});
        continue;
      }
      const files::FitsInput file(path);
      for (const auto& warning : file.summary().warnings) s.add_note("'" + path.string() + "': " + warning);
      const files::Layout layout = files::layout_of(file);
      if (layout == files::Layout::redrock)
        redshifts.add(path);
      else
        parts.push_back({path, {}, layout, 0, 0});
      if (layout == files::Layout::desi && (file.has("REDSHIFTS") || file.has("ZBEST"))) parts.back().redshifts = path;
    } catch (const Error& e) {
      skip(path, e);
    }
  const auto coadds = static_cast<std::size_t>(
      std::count_if(parts.begin(), parts.end(), [](const auto& p) { return p.layout == files::Layout::desi; }));
  const auto without = static_cast<std::size_t>(std::count_if(parts.begin(), parts.end(), [](const auto& p) {
    return p.layout == files::Layout::desi && p.redshifts.empty();
  }));
  const std::size_t wanted = redshifts.size() == coadds ? coadds : without;
  if (s.failures.empty() && redshifts.size() != wanted)
    throw Error(ErrorKind::input, "each file of DESI spectra needs its file of redshifts",
                {std::to_string(coadds) + " coadd and " + std::to_string(redshifts.size()) + " redrock files",
                 "one redrock file for each coadd, which may have its redshifts inside (REDSHIFTS)",
                 "starglow prep coadd-1.fits redrock-1.fits coadd-2.fits redrock-2.fits ..."});
  std::size_t n = 0;
  bool took_z = false;
  for (auto& part : parts) {
    std::unique_ptr<files::SpectraSource> source;
    try {
      if (part.layout == files::Layout::desi && (part.redshifts.empty() || redshifts.size() == coadds))
        part.redshifts = redshifts.of(part.path, n++);
      source = s.open(part, true);
    } catch (const Error& e) {
      skip(part.path, e);
      continue;
    }
    part.first = s.rows;
    part.rows = source->rows;
    s.merge(source->conventions, s.parts.empty());
    s.rows += part.rows;
    s.catalogue_ew = s.catalogue_ew || source->has_catalogue_ew;
    s.flux = s.flux || source->has_flux;
    s.models = s.models && source->has_models;
    took_z = took_z || source->took_z;
    // Two files share a grid only where it is the survey's own.
    s.one_grid = s.one_grid && source->one_grid && (source->survey_grid || parts.size() == 1);
    for (const auto& note : source->notes) s.add_note(note);
    for (const auto& name : source->kept)
      if (std::find(s.kept.begin(), s.kept.end(), name) == s.kept.end()) s.kept.push_back(name);
    s.parts.push_back(part);
  }
  if (options.z && !took_z && !s.parts.empty())
    s.add_note("the redshift that was given (--z) is not used: the files have their own");
  if (s.parts.empty()) {
    if (s.failures.empty())
      throw Error(ErrorKind::input, "files of redshifts alone hold no spectra",
                  {std::to_string(redshifts.size()) + " redrock files", "each with its coadd", ""});
    throw Error(ErrorKind::input, "none of the files can be read", {s.failures[0].what, "files of spectra", ""});
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
const std::vector<SpectraReader::Failure>& SpectraReader::failures() const noexcept { return state_->failures; }
bool SpectraReader::keeps(std::string_view column) const noexcept {
  return std::find(state_->kept.begin(), state_->kept.end(), column) != state_->kept.end();
}
std::vector<fs::path> SpectraReader::inputs() const {
  std::vector<fs::path> out;
  for (const auto& part : state_->parts) {
    out.push_back(part.path);
    if (!part.redshifts.empty() && part.redshifts != part.path) out.push_back(part.redshifts);
  }
  return out;
}
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
    Spectra batch = s.source->read(first - part.first, std::min(count, part.first + part.rows - first));
    drop_impossible(batch);
    return batch;
  }
  throw std::logic_error("a row between two files");
}

}  // namespace starglow

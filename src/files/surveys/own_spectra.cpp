// The project's own spectra files (spectra_file.hpp) as a source among the surveys' layouts.
#include <cmath>
#include <limits>

#include "files/surveys/spectra_source.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/files/spectra_file.hpp"

namespace starglow::files {
namespace {

class Own final : public SpectraSource {
 public:
  Own(const std::filesystem::path& path, const SpectraReaderOptions& options) : file_(path), options_(options) {
    rows = file_.rows();
    conventions = file_.conventions();
    notes = file_.notes();
    one_grid = file_.one_grid();
    for (const char* name : {"SURVEY", "PROGRAM", "SPECTYPE", "OBJTYPE", "COADD_FIBERSTATUS", "ZWARN", "Z_ERR", "RA",
                             "DEC", "ORIGINAL_ID"})
      if (file_.table().has_column(name)) kept.emplace_back(name);
    if (!file_.planes().flux) notes.push_back("'" + path.string() + "' has no FLUX: CONTINUUM alone is measured");
  }

  Spectra read(std::size_t first, std::size_t count) override {
    Spectra s = file_.read(first, count, options_.resolution);
    if (s.flux.empty()) s.flux = s.continuum;
    const double nan = std::numeric_limits<double>::quiet_NaN();
    if (s.z.empty()) s.z.assign(count, nan);
    if (s.ebv.empty()) s.ebv.assign(count, nan);
    if (s.flags.empty()) s.flags.assign(count, 0);
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t p = 0; p < s.flux.cols(); ++p)
        if (!std::isfinite(s.flux(i, p)) && (s.ivar.empty() || s.ivar(i, p) > 0)) {
          s.flags[i] |= k_bad_pixels;
          break;
        }
    keep_targets(s, first, count);
    if (s.targetid.empty()) s.targetid.assign(count, k_null_id);
    if (!s.resolution.empty() && s.sigma_instrument.empty()) {
      const std::size_t n = file_.pixels();
      s.sigma_instrument = Matrix<double>(count, n);
      for (std::size_t i = 0; i < count; ++i) {
        const auto wave = s.view(i).wave_obs;
        const auto sigma =
            instrument_sigma(s.resolution.row(i), n, (wave.back() - wave.front()) / static_cast<double>(n - 1));
        std::copy(sigma.begin(), sigma.end(), s.sigma_instrument.row(i).begin());
      }
    }
    return s;
  }

 private:
  // What prep keeps of other files, where this one has it.
  void keep_targets(Spectra& s, std::size_t first, std::size_t count) const {
    const TableReader& table = file_.table();
    const auto numbers = [&](const char* name, std::vector<double>& into) {
      if (!table.has_column(name)) return;
      const auto values = table.read_column(name, first, count);
      into.assign(values.flat().begin(), values.flat().end());
    };
    numbers("Z_ERR", s.z_err);
    numbers("RA", s.ra);
    numbers("DEC", s.dec);
    for (const auto& [name, into] : {std::pair{"ZWARN", &s.zwarn}, std::pair{"COADD_FIBERSTATUS", &s.fiberstatus}})
      if (table.has_column(name)) *into = table.read_integers(name, first, count);
    for (const auto& [name, into] : {std::pair{"SPECTYPE", &s.spectype}, std::pair{"OBJTYPE", &s.objtype},
                                     std::pair{"ORIGINAL_ID", &s.original_id}})
      if (table.has_column(name)) *into = table.read_text(name, first, count);
    flag_targets(s);
  }

  SpectraFileReader file_;
  SpectraReaderOptions options_;
};

}  // namespace

std::unique_ptr<SpectraSource> open_own(const std::filesystem::path& path, const SpectraReaderOptions& options) {
  return std::make_unique<Own>(path, options);
}

}  // namespace starglow::files

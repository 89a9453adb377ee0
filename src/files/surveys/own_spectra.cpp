// The project's own spectra files (spectra_file.hpp) as a source among the surveys' layouts.
#include <limits>

#include "files/surveys/spectra_source.hpp"
#include "starglow/files/spectra_file.hpp"

namespace starglow::files {
namespace {

class Own final : public SpectraSource {
 public:
  Own(const std::filesystem::path& path, const SpectraReaderOptions& options) : file_(path), options_(options) {
    rows = file_.rows();
    conventions = file_.table().conventions();
    notes = file_.notes();
    one_grid = file_.one_grid();
    if (!file_.planes().flux) notes.push_back("'" + path.string() + "' has no FLUX: CONTINUUM alone is measured");
  }

  Spectra read(std::size_t first, std::size_t count) override {
    Spectra s = file_.read(first, count, options_.resolution);
    if (s.flux.empty()) s.flux = s.continuum;
    const double nan = std::numeric_limits<double>::quiet_NaN();
    if (s.z.empty()) s.z.assign(count, nan);
    if (s.ebv.empty()) s.ebv.assign(count, nan);
    if (s.flags.empty()) s.flags.assign(count, 0);
    if (s.targetid.empty())
      for (std::size_t i = 0; i < count; ++i) s.targetid.push_back(static_cast<std::int64_t>(first + i));
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
  SpectraFileReader file_;
  SpectraReaderOptions options_;
};

}  // namespace

std::unique_ptr<SpectraSource> open_own(const std::filesystem::path& path, const SpectraReaderOptions& options) {
  return std::make_unique<Own>(path, options);
}

}  // namespace starglow::files

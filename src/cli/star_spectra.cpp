#include "cli/star_spectra.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "starglow/base/error.hpp"

namespace starglow::cli {
namespace {

constexpr std::size_t k_spectra_chunk = 256;
constexpr double k_c = 2.99792458e18;  // A/s

}  // namespace

SpectraOutput::SpectraOutput(const Settings& settings, const SspGrid& grid, const StarMocker& maker, std::size_t rows)
    : lo_(static_cast<std::size_t>(std::lower_bound(grid.wave.begin(), grid.wave.end(), settings.number("spectra_lo")) -
                                   grid.wave.begin())),
      hi_(static_cast<std::size_t>(std::upper_bound(grid.wave.begin(), grid.wave.end(), settings.number("spectra_hi")) -
                                   grid.wave.begin())) {
  if (hi_ < lo_ + 2)
    throw Error(ErrorKind::usage, "the SSP grid has no spectra in this range",
                {settings.text("spectra_lo") + " to " + settings.text("spectra_hi") + " A",
                 fmt::format("within {:.0f} to {:.0f} A", grid.wave.front(), grid.wave.back()), ""});
  wave_.assign(grid.wave.begin() + static_cast<std::ptrdiff_t>(lo_),
               grid.wave.begin() + static_cast<std::ptrdiff_t>(hi_));
  const MatrixView<const double> flux(grid.flux.data() + lo_, grid.flux.rows(), hi_ - lo_, grid.flux.cols());
  synthesis_.emplace(grid.lgmet, grid.lg_age_gyr, maker.times(), flux);
  std::vector<double> micron;
  for (const double w : wave_) micron.push_back(w * 1e-4);
  screen_.emplace(micron, parse_dust_law(settings.text("dust_law")));
  SpectraLayout layout;
  layout.rows = rows;
  layout.pixels = wave_.size();
  layout.one_grid = false;
  layout.planes = {.flux = false, .continuum = true};
  writer_.emplace(settings.text("spectra"), layout, maker.conventions(), settings.flag("overwrite"));
}

void SpectraOutput::write(std::size_t first, const StarMock& c, WorkerPool& pool) {
  const std::size_t n = c.galaxies.n, pixels = wave_.size();
  for (std::size_t from = 0; from < n; from += k_spectra_chunk) {
    const std::size_t count = std::min(k_spectra_chunk, n - from);
    StarInputs part;
    part.sfr = Matrix<double>(count, c.sample.inputs.sfr.cols());
    for (std::size_t i = 0; i < count; ++i)
      std::copy_n(c.sample.inputs.sfr.row(from + i).data(), part.sfr.cols(), part.sfr.row(i).data());
    const auto cut = [&](const auto& all) {
      return std::decay_t<decltype(all)>(all.begin() + static_cast<std::ptrdiff_t>(from),
                                         all.begin() + static_cast<std::ptrdiff_t>(from + count));
    };
    part.t_obs = cut(c.sample.inputs.t_obs);
    part.lgmet = cut(c.sample.inputs.lgmet);
    part.lgmet_scatter = cut(c.sample.inputs.lgmet_scatter);
    if (!c.sample.inputs.burst.empty()) part.burst = cut(c.sample.inputs.burst);
    Spectra batch;
    batch.continuum = Matrix<double>(count, pixels);
    std::vector<std::int32_t> flags(count);
    std::vector<double> mass(count);
    synthesis_->synthesise(part, batch.continuum.view(), flags, mass, pool);
    batch.flux = Matrix<double>(count, pixels);
    batch.wave_obs = Matrix<double>(count, pixels);
    batch.targetid = cut(c.galaxies.targetid);
    batch.z = cut(c.galaxies.z);
    batch.flags = cut(c.light.flags);
    std::vector<double> t(pixels);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t g = from + i;
      const double z = c.galaxies.z[g];
      const double fibre = c.sample.parameters(g, static_cast<std::size_t>(StarDraw::fibre_fraction));
      const double dilution = flux_per_luminosity(c.distance[g], z) * c.scale[g] * fibre;
      screen_->transmission(c.sample.dust[g], t);
      for (std::size_t k = 0; k < pixels; ++k) {
        batch.wave_obs(i, k) = wave_[k] * (1 + z);
        batch.continuum(i, k) *= dilution * t[k] * k_c / (wave_[k] * wave_[k]);
        batch.flux(i, k) = batch.continuum(i, k);
      }
    }
    writer_->write(first + from, batch);
  }
}
}  // namespace starglow::cli

#include "starglow/report/spectrum_figure.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "starglow/base/error.hpp"

namespace starglow {
namespace {

TEST(SpectrumFigure, ShowsDataModelsBandsAndTheZoomsOnTheSpectrum) {
  std::vector<double> wave(7781), flux(7781, 2.0), ivar(7781, 4.0), continuum(7781, 2.0), lines(7781, 0.0),
      bands(12, 2.0);
  std::vector<std::int32_t> mask(7781, 0);
  for (std::size_t i = 0; i < wave.size(); ++i) wave[i] = desi_wave(i);
  for (std::size_t i = 100; i < 104; ++i) mask[i] = 1;
  flux[200] = std::nan("");
  SpectrumPlot plot{.continuum = continuum, .lines = lines, .band_flux = bands};
  plot.data.wave_obs = wave;
  plot.data.flux = flux;
  plot.data.ivar = ivar;
  plot.data.mask = mask;
  plot.data.z = 0.3;
  plot.data.targetid = 7;
  const Figure f = spectrum_figure(plot);
  EXPECT_EQ(f.kind, "spectrum");
  ASSERT_EQ(f.panels.size(), 6U);
  const auto& series = f.panels[0].series;
  ASSERT_EQ(series.size(), 6U);  // noise, observed, masked, painted, starlight, bands
  EXPECT_EQ(series[0].style, "band");
  // Four pixels of ivar 4: sigma 1/4.
  EXPECT_DOUBLE_EQ(series[0].y_high[0] - series[0].y_low[0], 0.5);
  EXPECT_TRUE(std::isnan(series[1].y[25]));
  EXPECT_EQ(series[2].x.size(), 1U);
  EXPECT_EQ(series[1].y[50], 2.0);  // three good pixels
  EXPECT_EQ(series[5].x.size(), series[5].y.size() + 1);
  EXPECT_EQ(f.panels[4].title, "Hα, [N II]");
  // At z = 0.47 Halpha is left, [SII] is off.
  plot.data.z = 0.47;
  EXPECT_EQ(spectrum_figure(plot).panels.size(), 5U);
  plot.data.z = std::nan("");
  EXPECT_THROW((void)spectrum_figure(plot), Error);
}

}  // namespace
}  // namespace starglow

#include "model/label_gates.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "starglow/model/train.hpp"
#include "support/example_galaxies.hpp"

namespace starglow {
namespace {

// Doublets as the atoms make them, all with S/N 10.
Galaxies atomic(std::size_t n) {
  Galaxies g = test::example_galaxies(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (const auto& d : k_doublets)
      g.ew(i, static_cast<std::size_t>(d.weak)) =
          g.ew(i, static_cast<std::size_t>(d.strong)) / static_cast<float>(d.ew_ratio);
    for (std::size_t line = 0; line < k_n_lines; ++line) g.ew_ivar(i, line) = 100 / (g.ew(i, line) * g.ew(i, line));
  }
  return g;
}

TEST(LabelGates, FindWhatCannotBeAndNothingElse) {
  Galaxies g = atomic(200);
  EXPECT_TRUE(find_bad_labels(g).entries.empty());
  EXPECT_EQ(find_bad_labels(g).text(2000), "");
  g.ew(3, 6) = 27370;  // a catalogue's outlier
  g.ew(5, 4) *= 2.2F;  // a broken doublet
  g.ew(7, 4) *= 1.9F;  // still possible
  g.ew(9, 7) *= 3;     // impossible, but not well measured
  g.ew_ivar(9, 5) = 1e-6F;
  const LabelGates found = find_bad_labels(g);
  EXPECT_EQ(found.extreme, 1U);
  EXPECT_EQ(found.doublet, 2U);
  EXPECT_EQ(found.overlap, 0U);
  ASSERT_EQ(found.entries.size(), 3U);
  EXPECT_EQ(found.entries[0].row, 3U);
  EXPECT_EQ(found.entries[0].line, 6U);
  EXPECT_EQ(found.entries[1].line, 3U);
  EXPECT_EQ(found.entries[2].line, 4U);
  EXPECT_NE(found.text(2000).find("3 of 2000 labels not used: 1 beyond 5000 A"), std::string::npos);
  const Galaxies clean = without_labels(g, found);
  EXPECT_TRUE(std::isnan(clean.ew(3, 6)));  // missing: not the same as EW 0, which was looked for
  EXPECT_EQ(clean.ew_ivar(5, 4), 0.0F);
  EXPECT_EQ(clean.ew(7, 4), g.ew(7, 4));
}

TEST(LabelGates, CameraOverlapsOfTheDefectiveReleaseOnly) {
  Galaxies g = atomic(4);
  const double halpha = k_lines[6].wave_vac;
  g.z = {7570 / halpha - 1, 7519 / halpha - 1, 7621 / halpha - 1, 0.5};
  for (const char* release : {"FastSpecFit fuji v3.1", "unknown"}) {
    g.conventions.labelver = release;
    EXPECT_EQ(find_bad_labels(g).overlap, 0U);
  }
  g.conventions.labelver = "FastSpecFit fuji v3.0";
  const LabelGates found = find_bad_labels(g);
  std::size_t halphas = 0;
  for (const auto& e : found.entries) halphas += e.line == 6 ? 1U : 0U;
  EXPECT_EQ(halphas, 1U);
  for (const auto& e : found.entries) {
    const double at = k_lines[e.line].wave_vac * (1 + g.z[e.row]);
    EXPECT_TRUE((at >= 5760 && at <= 5800) || (at >= 7520 && at <= 7620)) << at;
  }
}

TEST(LabelGates, ATableWithOtherDoubletsKeepsItsLabelsAndIsTold) {
  Galaxies g = atomic(100);
  for (std::size_t i = 0; i < 30; ++i) g.ew(i, 4) *= 3;
  const LabelGates found = find_bad_labels(g);
  EXPECT_TRUE(found.entries.empty());
  EXPECT_NE(found.text(1000).find("not the atomic ones"), std::string::npos);
}

TEST(LabelGates, TrainingLeavesThemOutUnlessToldOtherwise) {
  Galaxies g = atomic(300);
  g.ew(3, 6) = 27370;
  TrainConfig c = train_preset("point");
  c.sibling = false;
  c.hidden = {4};
  c.members = c.epochs = 1;
  WorkerPool pool(1);
  const Model gated = train(g, c, pool);
  EXPECT_NE(gated.parts().metadata.at("label_gates").find("1 of 3000"), std::string::npos);
  EXPECT_EQ(gated.parts().metadata.at("n_labels"), "2399");  // of the eight independent lines
  c.label_gates = false;
  const Model all = train(g, c, pool);
  EXPECT_EQ(all.parts().metadata.count("label_gates"), 0U);
  EXPECT_EQ(all.parts().metadata.at("n_labels"), "2400");
}

}  // namespace
}  // namespace starglow

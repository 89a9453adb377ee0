#include "starglow/model/train.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>
#include <string_view>

#include "model/fit_network.hpp"
#include "model/optimiser.hpp"
#include "model/training_set.hpp"
#include "starglow/base/error.hpp"
#include "starglow/judge/evaluate.hpp"
#include "support/example_galaxies.hpp"
#include "support/expect_derivative.hpp"

namespace starglow {
namespace {

TrainConfig small() {
  TrainConfig c = train_preset("point");
  c.masks = false;
  c.sibling_members = 2;
  c.sibling_epochs = 30;
  c.hidden = {16, 16};
  c.members = 2;
  c.epochs = 30;
  c.batch = 64;
  return c;
}

TEST(Train, LearnsALawAndKeepsTheLearningCurve) {
  const Galaxies g = test::example_galaxies(1500);
  WorkerPool pool(2);
  int calls = 0;
  const Model model = train(g, small(), pool, [&](const TrainProgress& p) {
    ++calls;
    EXPECT_LE(p.epochs_done, p.epochs);
  });
  EXPECT_EQ(calls, 4 * 30);
  const Galaxies test_set = test::example_galaxies(500, 50000000000000000);
  const auto ew = model.predict(test_set, pool).ew;
  const Evaluation e = evaluate(test_set, {{"new", ew}}, 0, 1, pool);
  EXPECT_GT(e.lines[0][6].all[0].value, 0.85);  // the law's own scatter allows .93
  EXPECT_NEAR(e.lines[0][6].all[3].value, 1.0, 0.1);
  const auto& m = model.parts().metadata;
  EXPECT_NE(m.at("learning_curve.full").find("30:"), std::string::npos);
  EXPECT_EQ(m.at("n_galaxies"), "1500");
  EXPECT_EQ(m.at("aperture"), "fibre");
  EXPECT_EQ(m.at("train.hidden"), "16,16");
  EXPECT_TRUE(model.parts().noise);
}

TEST(Train, BitEqualForAnyThreadsAndOtherForAnotherSeed) {
  const Galaxies g = test::example_galaxies(400);
  TrainConfig c = small();
  c.epochs = c.sibling_epochs = 5;
  c.input_noise = 0.01;
  c.gradient_clip = 0.5;
  WorkerPool one(1), three(3);
  const Model a = train(g, c, one), b = train(g, c, three);
  EXPECT_EQ(a.hash(), b.hash());
  c.seed = 2;
  EXPECT_NE(train(g, c, one).hash(), a.hash());
}

TEST(Train, OutliersAndUnlabelledRowsDoNoHarm) {
  Galaxies g = test::example_galaxies(1500);
  WorkerPool pool(2);
  for (std::size_t i = 0; i < g.n; i += 50) {
    g.ew(i, 6) = 27370.0F;
    g.ew(i + 1, 6) = std::nanf("");
    g.ew(i + 2, 6) = 0.0F;
    g.ew_ivar(i + 2, 6) = 0.0F;
    g.ew_ivar(i + 3, 6) = std::nanf("");
    g.band_flux(i + 4, 3) = -1.0;
    g.z[i + 5] = std::nan("");
  }
  const Model model = train(g, small(), pool);
  const Galaxies test_set = test::example_galaxies(500, 50000000000000000);
  const Evaluation e = evaluate(test_set, {{"new", model.predict(test_set, pool).ew}}, 0, 1, pool);
  EXPECT_GT(e.lines[0][6].all[0].value, 0.85);
  EXPECT_EQ(model.parts().metadata.at("n_galaxies"), std::to_string(1500 - 60));
}

TEST(Train, TheK24PresetGivesTenNetworksAndStopsEarly) {
  const Galaxies g = test::example_galaxies(500);
  TrainConfig c = train_preset("k24");
  EXPECT_EQ(c.hidden, (std::vector<std::int32_t>{64, 128, 64}));
  c.epochs = 40;
  c.patience = 2;
  c.sibling = false;
  WorkerPool pool(2);
  const Model model = train(g, c, pool);
  EXPECT_EQ(model.parts().kind, "k24");
  EXPECT_EQ(model.parts().full->n_nets, 10U);
  EXPECT_EQ(model.n_params(), 174730U);
  EXPECT_FALSE(model.parts().metadata.at("validation_curve.full").empty());
  EXPECT_THROW(train_preset("best"), Error);
}

TEST(Train, WhatCannotBeTrainedIsSaid) {
  WorkerPool pool(1);
  EXPECT_THROW(train(test::example_galaxies(10), small(), pool), Error);
  for (int column = 0; column < 4; ++column) {
    Galaxies g = test::example_galaxies(100);
    if (column == 0) g.band_flux = {};
    if (column == 1) g.z.clear();
    if (column == 2) g.ew = {};
    if (column == 3) g.ew_ivar = {};
    EXPECT_THROW(train(g, small(), pool), Error);
  }
  Galaxies g = test::example_galaxies(100);
  for (std::size_t i = 0; i < g.n; ++i) g.ew_ivar(i, 2) = 0.0F;
  EXPECT_THROW(train(g, small(), pool), Error);  // a line without any label
}

TEST(Train, AnExceptionInProgressStopsIt) {
  WorkerPool pool(2);
  TrainConfig c = small();
  c.epochs = 100000;
  EXPECT_THROW(
      train(test::example_galaxies(200), c, pool, [](const TrainProgress&) { throw std::runtime_error("stop"); }),
      std::runtime_error);
}

// Stops the training at every few epochs and goes on from the state that was kept.
std::string hash_of_interrupted(const Galaxies& g, const TrainConfig& c, unsigned threads, int epochs_a_go,
                                int& interruptions) {
  TrainingCheckpoint checkpoint;
  for (interruptions = 0; interruptions < 200; ++interruptions) {
    WorkerPool pool(threads);
    int epochs = 0;
    try {
      return train(
                 g, c, pool,
                 [&](const TrainProgress& p) {
                   EXPECT_LE(p.epochs_done, p.epochs);
                   if (++epochs == epochs_a_go) throw std::runtime_error("stop");
                 },
                 &checkpoint)
          .hash();
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "stop");
    }
  }
  return "never done";
}

TEST(Train, AnInterruptedTrainingEndsWithTheSameBits) {
  TrainConfig point = small();
  point.epochs = point.sibling_epochs = 6;
  point.gradient_clip = 0.5;
  TrainConfig stopped_early = train_preset("k24");
  stopped_early.hidden = {8};
  stopped_early.epochs = 12;
  stopped_early.patience = 1;
  stopped_early.sibling = false;
  TrainConfig joint = train_preset("joint");
  joint.hidden = {8};
  joint.members = joint.sibling_members = 2;
  joint.epochs = joint.sibling_epochs = 3;
  joint.point_members = joint.sibling_point_members = 3;
  joint.joint_epochs = joint.sibling_joint_epochs = joint.width_epochs = 3;
  joint.calibration_folds = 2;
  const Galaxies g = test::example_galaxies(120);
  for (const TrainConfig& c : {point, stopped_early, joint}) {
    WorkerPool pool(2);
    const std::string whole = train(g, c, pool).hash();
    for (const unsigned threads : {1U, 2U}) {
      int interruptions = 0;
      EXPECT_EQ(hash_of_interrupted(g, c, threads, 7, interruptions), whole) << c.preset;
      EXPECT_GT(interruptions, 2);
    }
  }
}

TEST(Train, AStateOfAnotherTrainingIsRefusedWithWhatDiffers) {
  Galaxies g = test::example_galaxies(100);
  TrainConfig c = small();
  c.epochs = c.sibling_epochs = 2;
  WorkerPool pool(1);
  TrainingCheckpoint checkpoint;
  (void)train(g, c, pool, {}, &checkpoint);
  const TrainingState state = checkpoint.state;
  EXPECT_EQ(state.networks.size(), 4U);
  const auto refused = [&](const Galaxies& table, const TrainConfig& config, const std::string& says) {
    checkpoint.state = state;
    try {
      (void)train(table, config, pool, {}, &checkpoint);
      FAIL() << says;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::model);
      EXPECT_NE(std::string(e.what()).find(says), std::string::npos) << e.what();
    }
  };
  TrainConfig other = c;
  other.seed = 9;
  refused(g, other, "seed: 1 in the checkpoint, 9 here");
  other = c;
  other.epochs = 3;
  refused(g, other, "epochs: 2 in the checkpoint, 3 here");
  g.ew(50, 3) += 0.01F;
  refused(g, c, "table: ");
  g.ew(50, 3) -= 0.01F;
  checkpoint.state = state;
  checkpoint.state.identity["version"] = "0.0.1";
  EXPECT_THROW((void)train(g, c, pool, {}, &checkpoint), Error);
}

TEST(TrainConfig, FieldsReadBackAndRefuseNonsense) {
  TrainConfig c;
  for (const auto& field : train_config_fields()) {
    const std::string text = field.get(c);
    TrainConfig d;
    field.set(d, text);
    EXPECT_EQ(field.get(d), text) << field.key;
    // Texts about tables may be empty, and a name of a table is any text.
    if (field.key == "unmeasured") continue;
    const bool text_of_tables =
        std::set<std::string_view>{"selection", "error_scale", "peaks", "dust", "evolution"}.contains(field.key);
    EXPECT_THROW(field.set(d, "nonsense"), Error) << field.key;
    if (!text_of_tables) {
      EXPECT_THROW(field.set(d, ""), Error) << field.key;
    }
    EXPECT_THROW(field.set(d, "nan"), Error) << field.key;
  }
}

TEST(BatchLoss, IsASquareThenALineWithTheRightSlope) {
  for (const double huber : {0.0, 0.7}) {
    test::Operation op;
    const Matrix<float> target(2, 2, 0.25F);
    Matrix<float> weight(2, 2, 1.0F);
    weight(1, 0) = 0.5F;
    const auto run = [&](const test::Vector& y, bool slope) {
      Matrix<float> m(2, 2), dy(2, 2);
      for (std::size_t i = 0; i < 4; ++i) m.flat()[i] = static_cast<float>(y[i]);
      const double sum = batch_loss(m, target, weight, huber, dy.view());
      return slope ? test::Vector(dy.flat().begin(), dy.flat().end()) : test::Vector{sum / 4};
    };
    op.value = [&](const test::Vector& y) { return run(y, false); };
    op.jacobian = [&](const test::Vector& y) { return run(y, true); };
    test::DerivativeOptions options;
    options.step = 1e-3;  // float32 inputs
    options.difference_tolerance = 1e-4;
    test::expect_derivative(op, {0.5, -2.0, 3.0, 0.3}, options);
  }
  Matrix<float> y(1, 1, std::nanf("")), target(1, 1, std::nanf("")), none(1, 1, 0.0F), dy(1, 1);
  EXPECT_EQ(batch_loss(y, target, none, 0, dy.view()), 0.0);  // weight 0: whatever the numbers
  EXPECT_EQ(dy(0, 0), 0.0F);
}

TEST(AdamW, FirstStepsByHand) {
  AdamW optimiser(2);
  std::vector<float> p{1.0F, 1.0F};
  const std::vector<std::uint8_t> decayed{1, 0};
  optimiser.step(p, std::vector<float>{0.5F, -2.0F}, decayed, 0.1, 0.01);
  EXPECT_NEAR(static_cast<double>(p[0]), 1.0 - 0.1 - 0.1 * 0.01,
              1e-6);  // bias correction: the first step has length `rate`
  EXPECT_NEAR(static_cast<double>(p[1]), 1.0 + 0.1, 1e-6);
  optimiser.step(p, std::vector<float>{0.5F, 0.0F}, decayed, 0.1, 0.0);
  EXPECT_NEAR(static_cast<double>(p[0]), 0.899 - 0.1, 1e-6);
  // m = 0.9 (-0.2) / (1 - 0.81), v = 0.999 0.004 / (1 - 0.998001)
  EXPECT_NEAR(static_cast<double>(p[1]), 1.1 + 0.1 * (0.18 / 0.19) / std::sqrt(0.003996 / 0.001999), 1e-5);
}

TEST(AdamW, ScalesOfTheRate) {
  AdamW plain(3), scaled(3);
  std::vector<float> p{1.0F, 1.0F, 1.0F}, q = p;
  const std::vector<std::uint8_t> decayed{1, 1, 1};
  const std::vector<float> gradient{0.5F, -2.0F, 3.0F}, scales{0.0F, 1.0F, 2.0F};
  for (int step = 0; step < 3; ++step) {
    plain.step(p, gradient, decayed, 0.1, 0.0);
    scaled.step(q, gradient, decayed, 0.1, 0.0, scales);
    for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(q[k] - 1, scales[k] * (p[k] - 1), 1e-6F);
  }
  scaled.step(q, gradient, decayed, 0.1, 0.5, scales);
  EXPECT_EQ(q[0], 1.0F);  // nor is it decayed
}

TEST(Schedule, RisesThenFallsAlongACosine) {
  EXPECT_NEAR(schedule(0, 1000, 0.1, 0), 0.005, 1e-3);
  EXPECT_NEAR(schedule(100, 1000, 0.1, 0), 1.0, 1e-3);
  EXPECT_NEAR(schedule(550, 1000, 0.1, 0), 0.5, 1e-2);
  EXPECT_NEAR(schedule(999, 1000, 0.1, 0.2), 0.2, 1e-3);
}

}  // namespace
}  // namespace starglow

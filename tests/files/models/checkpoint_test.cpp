#include "starglow/model/checkpoint.hpp"
#include "starglow/files/models.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "starglow/base/error.hpp"
#include "starglow/model/model.hpp"
#include "support/shared_data.hpp"

namespace starglow {
namespace {

TrainingState example() {
  TrainingState state;
  state.identity = {{"seed", "1"}, {"table", "4000 rows"}, {"hidden", ""}};
  state.networks["0.0"] = {true, 3, 1, {1.5F, -2.0F}, {}, {}, {}, 12, {0.5, 0.25, 0.125}, {0.1, 0.2, 0.3}, {}, 0};
  state.networks["0.10"] = {false, 1, 0, {1.0F}, {2.0F}, {3.0F}, {4.0F}, 4, {0.1}, {}, {5.0F, 6.0F}, 7};
  state.steps["1.line0"] = {0.25, 1.5};
  return state;
}

TEST(Checkpoint, ReadsBackWhatWasWritten) {
  const test::TempFolder folder;
  const TrainingState a = example();
  save(a, folder / "c");
  save(a, folder / "c");  // an older one is replaced
  EXPECT_EQ(folder.files(), 1U);
  const TrainingState b = load_training_state(folder / "c");
  EXPECT_EQ(a.identity, b.identity);
  EXPECT_EQ(a.steps, b.steps);
  ASSERT_EQ(b.networks.size(), 2U);
  for (const auto& [name, n] : a.networks) {
    const NetworkState& m = b.networks.at(name);
    EXPECT_EQ(std::tie(n.finished, n.epochs, n.best_epoch, n.params, n.best, n.m, n.v, n.steps, n.loss, n.validation,
                       n.own, n.own_steps),
              std::tie(m.finished, m.epochs, m.best_epoch, m.params, m.best, m.m, m.v, m.steps, m.loss, m.validation,
                       m.own, m.own_steps));
  }
  EXPECT_TRUE(differences(a.identity, b.identity).empty());
}

TEST(Checkpoint, ACutOrAFlippedBitAnywhereIsFound) {
  const test::TempFolder folder;
  save(example(), folder / "c");
  const std::string whole = test::read_all(folder / "c");
  const auto load = [&](const std::string& bytes) {
    std::ofstream(folder / "d", std::ios::binary) << bytes;
    return load_training_state(folder / "d");
  };
  for (std::size_t at = 0; at < whole.size(); at += 11) {
    EXPECT_THROW(load(whole.substr(0, at)), Error) << at;
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 8);
    try {
      const TrainingState state = load(bytes);
      // Blanks between the header and the data, or the order of the header, may change without harm.
      EXPECT_EQ(state.steps, example().steps) << at;
      EXPECT_EQ(state.networks.at("0.10").own, example().networks.at("0.10").own) << at;
      EXPECT_EQ(state.identity, example().identity) << at;
    } catch (const Error&) {
    }
  }
  std::string data = whole;
  data.back() = static_cast<char>(data.back() ^ 1);
  EXPECT_THROW(load(data), Error);
}

TEST(Checkpoint, OtherFilesAreRefused) {
  const test::TempFolder folder;
  save(Model::shipped(), folder / "model");
  try {
    (void)load_training_state(folder / "model");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::model);
  }
  EXPECT_THROW((void)load_training_state(folder / "absent"), Error);
  save(example(), folder / "c");
  EXPECT_THROW((void)Model::load(folder / "c"), Error);
}

TEST(Checkpoint, DifferencesNameBothValues) {
  const auto list = differences({{"a", "1"}, {"b", "2"}, {"d", ""}}, {{"a", "1"}, {"b", "3"}, {"c", "4"}, {"d", ""}});
  EXPECT_EQ(list, (std::vector<std::string>{"b: 2 in the checkpoint, 3 here", "c: absent in the checkpoint, 4 here"}));
}

}  // namespace
}  // namespace starglow

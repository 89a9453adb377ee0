// Files of ours are whole or refused: flipped bits, cut files, numbers that cannot be, files of the first format.
#include "files/models/whole.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <map>

#include "files/models/model_io.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/models.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/map/map.hpp"
#include "starglow/model/checkpoint.hpp"
#include "starglow/model/population.hpp"
#include "starglow/spectra/templates.hpp"
#include "support/example_galaxies.hpp"
#include "support/shared_data.hpp"

namespace starglow::files {
namespace {

using test::TempFolder;

// One small file of each kind, by the library's own writers.
std::map<std::string, std::string> one_of_each() {
  const TempFolder folder;
  std::map<std::string, std::string> out;
  const auto take = [&](const char* kind, const std::function<void(const std::filesystem::path&)>& save) {
    save(folder / kind);
    out[kind] = test::read_all(folder / kind);
  };
  take("joint", [](const auto& path) { save(Model::shipped(), path); });
  take("population", [](const auto& path) { save(shipped_population(), path); });
  take("map", [](const auto& path) {
    WorkerPool pool(1);
    MapOptions options;
    options.neighbours = 5;
    options.epochs = 2;
    save(GalaxyMap::fit(test::example_galaxies(60), options, pool), path);
  });
  take("checkpoint", [](const auto& path) {
    TrainingState state;
    state.identity = {{"seed", "1"}};
    state.networks["0.0"] = {true, 3, 1, {1.5F, -2.0F}, {}, {}, {}, 12, {0.5, 0.25}, {}, {}, 0};
    save(state, path);
  });
  for (const char* name : {"ssp", "templates"}) {
    const auto bytes = embedded_model(name);
    out[name] = std::string(bytes.begin(), bytes.end());
  }
  return out;
}

// What is read from a file, as one sum; empty where it is refused.
std::string read_back(const std::filesystem::path& path) {
  try {
    SafeTensors content = read_whole(path);
    const std::string kind = content.text("kind");
    if (kind == "checkpoint") {
      (void)load_training_state(path);
    } else if (kind == "map") {
      (void)load_map(path);
    } else if (kind == "population") {
      (void)load_population(path);
    } else if (kind == "templates") {
      (void)load_templates(path);
    } else if (kind == "joint") {
      (void)Model::load(path);
    }
    EXPECT_EQ(content.metadata.count("read.note"), 0U);
    return content_hash(content);
  } catch (const Error& e) {
    EXPECT_TRUE(e.kind() == ErrorKind::input || e.kind() == ErrorKind::model) << e.what();
    return "";
  }
}

TEST(WholeFiles, AFlippedBitIsNoticedOrChangesNothing) {
  const TempFolder folder;
  std::size_t flips = 0, noticed = 0;
  std::uint64_t x = 12345;
  for (const auto& [kind, whole] : one_of_each()) {
    test::write_all(folder / "f", whole);
    const std::string right = read_back(folder / "f");
    ASSERT_FALSE(right.empty()) << kind;
    const int times = kind == "joint" || kind == "templates" ? 30 : 300;
    for (int k = 0; k < times; ++k, ++flips) {
      x = x * 6364136223846793005U + 1442695040888963407U;
      // Half of them in the header, which is small and holds the structure.
      std::uint64_t head = 0;
      std::memcpy(&head, whole.data(), 8);
      const std::size_t at = (x >> 20) % (k % 2 == 0 ? whole.size() : static_cast<std::size_t>(head) + 8);
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << (x >> 61)));
      test::write_all(folder / "f", bytes);
      const std::string seen = read_back(folder / "f");
      EXPECT_TRUE(seen.empty() || seen == right) << kind << ": bit " << (x >> 61) << " of byte " << at;
      noticed += seen.empty() ? 1U : 0U;
    }
  }
  EXPECT_GE(100 * noticed, 99 * flips);  // a few change nothing: a letter of an escape, a blank behind the header
}

TEST(WholeFiles, ACutFileIsRefused) {
  const TempFolder folder;
  for (const auto& [kind, whole] : one_of_each())
    for (std::size_t k = 0; k < 16; ++k) {
      test::write_all(folder / "f", whole.substr(0, k * whole.size() / 16));
      EXPECT_EQ(read_back(folder / "f"), "") << kind << " " << k;
    }
}

TEST(WholeFiles, ShippedFilesCarryTheirSum) {
  for (const char* name : {"starglow", "population", "ssp", "templates"}) {
    const SafeTensors content = parse_safetensors(embedded_model(name), name);
    EXPECT_EQ(content.text("format_version"), "2") << name;
    EXPECT_EQ(content.text("sha256"), content_hash(content)) << name;
    EXPECT_EQ(content.text("layout_hash"), layout_hash(content)) << name;
    EXPECT_NO_THROW(check_numbers(content, name)) << name;
  }
}

TEST(WholeFiles, TheNameOfTheShippedModelIsItsOwn) {
  EXPECT_EQ(Model::shipped().hash(), Model(Model::shipped().parts()).hash());  // the second is computed
}

TEST(WholeFiles, TheFirstFormatIsReadWithANote) {
  const TempFolder folder;
  SafeTensors old = model_to_tensors(Model::shipped().parts());
  old.metadata.erase("sha256");
  old.metadata["format_version"] = "1";
  old.metadata["layout_hash"] = layout_hash(old);
  test::write_all(folder / "old", format_safetensors(old));
  const Model model = Model::load(folder / "old");
  ASSERT_FALSE(model.compare({}).notes.empty());
  EXPECT_NE(model.compare({}).notes[0].find("format 1"), std::string::npos);
  EXPECT_EQ(model.hash(), Model::shipped().hash());  // the note is no part of the model
  save(model, folder / "new");
  EXPECT_EQ(Model::load(folder / "new").parts().metadata.count("read.note"), 0U);
  // The new format without its sum is not the old one.
  SafeTensors none = model_to_tensors(Model::shipped().parts());
  none.metadata.erase("sha256");
  test::write_all(folder / "none", format_safetensors(none));
  EXPECT_THROW((void)Model::load(folder / "none"), Error);
}

TEST(WholeFiles, NumbersThatCannotStandThereAreRefusedAlthoughTheSumFits) {
  const TempFolder folder;
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const auto refused = [&](SafeTensors content, const std::string& name, std::size_t at, double value,
                           const auto& load) {
    Tensor& tensor = content.tensors.at(name);
    if (tensor.dtype == "F32") {
      const auto narrow = static_cast<float>(value);
      std::memcpy(tensor.bytes.data() + 4 * at, &narrow, 4);
    } else {
      std::memcpy(tensor.bytes.data() + 8 * at, &value, 8);
    }
    write_whole(folder / "f", content, true);
    try {
      load(folder / "f");
      ADD_FAILURE() << name << " = " << value << " is taken";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::model) << e.what();
    }
  };
  const SafeTensors model = model_to_tensors(Model::shipped().parts());
  const auto load_model = [](const auto& path) { (void)Model::load(path); };
  for (const auto& [name, tensor] : model.tensors)
    refused(model, name, tensor.elements() / 2,
            name.size() % 3 == 0   ? nan
            : name.size() % 3 == 1 ? -inf
                                   : 1e38,
            load_model);
  for (const char* name : {"full.y_scale", "partial.y_scale", "full.x_scale", "full.joint_slope"})
    for (const double value : {-1.0, 0.0}) refused(model, name, 1, value, load_model);
  const SafeTensors population = parse_safetensors(embedded_model("population"), "population");
  for (const auto& [name, tensor] : population.tensors)
    refused(population, name, 0, nan, [](const auto& path) { (void)load_population(path); });
  refused(population, "population.weight", 0, -0.1, [](const auto& path) { (void)load_population(path); });
}

TEST(WholeFiles, HalfPrecisionInfinityIsFound) {
  SafeTensors content;
  content.tensors["full.params"] = {"F16", {3}, {0, 0x3c, 0, 0x40, 0xff, 0x7b}};  // 1, 2, 65504
  EXPECT_NO_THROW(check_numbers(content, "f"));
  content.tensors["full.params"].bytes = {0, 0x3c, 0, 0x7c, 0, 0};  // infinity
  EXPECT_THROW(check_numbers(content, "f"), Error);
  content.tensors["full.params"].bytes = {0, 0x3c, 1, 0x7e, 0, 0};  // NaN
  EXPECT_THROW(check_numbers(content, "f"), Error);
}

}  // namespace
}  // namespace starglow::files

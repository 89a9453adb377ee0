#include "starglow/files/import_k24.hpp"
#include "starglow/files/models.hpp"

#include <gtest/gtest.h>

#include "files/models/pickle.hpp"
#include "starglow/base/error.hpp"
#include "support/pickle_writer.hpp"
#include "support/shared_data.hpp"

namespace starglow {
namespace {

using test::npy;
using test::PickleWriter;

NetworkBank parse(const std::string& bytes) {
  return parse_k24(std::span(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()), "test.npy");
}
std::string reason(const std::string& bytes) {
  try {
    parse(bytes);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    return e.what();
  }
  return "accepted";
}
std::string replace(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(ImportK24, ReadsASyntheticFileOfTheSameConstructs) {
  for (const bool luminosity : {true, false}) {
    const NetworkBank bank = parse(npy(test::k24_pickle(luminosity)));
    EXPECT_EQ(bank.shape.sizes, (std::vector<std::int32_t>{luminosity ? 12 : 11, 64, 128, 64, 1}));
    EXPECT_EQ(bank.n_nets, 10U);
    EXPECT_EQ(bank.params.size(), 10 * bank.shape.n_params());
    EXPECT_FLOAT_EQ(bank.params[0], -0.04F);
    EXPECT_FLOAT_EQ(bank.params[1], -0.03F);
    EXPECT_DOUBLE_EQ(bank.x_mean(9, 10), 0.06);
    EXPECT_DOUBLE_EQ(bank.x_scale(3, 0), 0.1);
  }
}

TEST(ImportK24, ForeignContentIsNamedAndRefused) {
  const std::string good = test::k24_pickle(true);
  const auto hostile = [](const PickleWriter& w) { return npy(w.out); };
  PickleWriter system;
  system.global("os", "system").text("touch /tmp/starglow-was-here").op('\x85').op('R').op('.');
  EXPECT_NE(reason(hostile(system)).find("'os system'"), std::string::npos) << reason(hostile(system));
  PickleWriter builtin;
  builtin.global("builtins", "eval").op('.');
  EXPECT_NE(reason(hostile(builtin)).find("'builtins eval'"), std::string::npos);
  PickleWriter call;
  call.global("numpy", "ndarray").op(')').op('R').op('.');
  EXPECT_NE(reason(hostile(call)).find("calls what is not allowed: 'numpy ndarray'"), std::string::npos);
  PickleWriter object;
  object.global("numpy", "ndarray").op(')').op('\x81').op('.');
  EXPECT_NE(reason(hostile(object)).find("not a StandardScaler()"), std::string::npos);
  PickleWriter frame;
  frame.op('\x95').op('.');
  EXPECT_NE(reason(hostile(frame)).find("0x95"), std::string::npos);
  PickleWriter memo;
  memo.get(200).op('.');
  EXPECT_NE(reason(hostile(memo)).find("memo 200"), std::string::npos);
  PickleWriter fortran;
  fortran.array("f4", {1}, test::payload<float>(1, 0, 0), true).op('.');
  EXPECT_NE(reason(hostile(fortran)).find("Fortran"), std::string::npos);
  PickleWriter length;
  length.array("f4", {3}, test::payload<float>(2, 0, 0)).op('.');
  EXPECT_NE(reason(hostile(length)).find("8 bytes where its shape needs 12"), std::string::npos);
  PickleWriter huge;
  huge.op('(').op('B').raw("\xff\xff\xff\x7f").op('.');
  EXPECT_NE(reason(hostile(huge)).find("cut short"), std::string::npos);
  PickleWriter circle;  // a list that holds itself would never be freed
  circle.op(']').put().get(0).op('a').op('.');
  EXPECT_NE(reason(hostile(circle)).find("twice"), std::string::npos) << reason(hostile(circle));
  PickleWriter nest;
  for (int i = 0; i < 100000; ++i) nest.op(']');
  nest.op('.');
  EXPECT_NE(reason(hostile(nest)).find("100000 values"), std::string::npos);
  EXPECT_NE(reason(npy(replace(good, "StandardScaler", "StandardXcaler"))).find("StandardXcaler"), std::string::npos);
  EXPECT_NE(reason(npy(replace(good, "HGAMMA", "HDELTA"))).find("'HDELTA'"), std::string::npos);
  EXPECT_NE(reason(npy(replace(good, "mean_", "meen_"))).find("no 'mean_'"), std::string::npos);
  EXPECT_NE(reason(npy(good + "x")).find("after its end"), std::string::npos);
  EXPECT_NE(reason(npy(good, "{'descr': '<f8', 'fortran_order': False, 'shape': (), }")).find("not that of one object"),
            std::string::npos);
  EXPECT_NE(reason("PK\x03\x04 not npy").find("NPY 1.0"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists("/tmp/starglow-was-here"));
}

TEST(ImportK24, EveryTruncationIsRefused) {
  const std::string good = npy(test::k24_pickle(false));
  for (std::size_t n = 0; n < good.size(); n += n < 3000 ? 1 : 997)
    EXPECT_NE(reason(good.substr(0, n)), "accepted") << n;
}

TEST(ImportK24, FlippedBytesNeverCrash) {
  const std::string good = npy(test::k24_pickle(false));
  for (std::size_t at = 0; at < 4000; ++at)
    for (const char flip : {'\x01', '\x80'}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ flip);
      try {
        parse(bad);
      } catch (const Error& e) {
        ASSERT_EQ(e.kind(), ErrorKind::input);
      }
    }
}

TEST(ImportK24, ExchangedFilesAreAUsageError) {
  const test::TempFolder folder;
  test::write_all(folder / "with.npy", npy(test::k24_pickle(true)));
  test::write_all(folder / "without.npy", npy(test::k24_pickle(false)));
  const Model model = import_k24(folder / "with.npy", folder / "without.npy");
  EXPECT_EQ(model.n_params(), 10U * (17473 + 17409));
  try {
    import_k24(folder / "without.npy", std::nullopt);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
  }
  EXPECT_THROW(import_k24(std::nullopt, std::nullopt), Error);
  EXPECT_THROW(import_k24(folder / "absent.npy", std::nullopt), Error);
  save(model, folder / "k24.safetensors");
  const Model back = Model::load(folder / "k24.safetensors");
  EXPECT_EQ(back.hash(), model.hash());
  EXPECT_EQ(back.parts().full->params, model.parts().full->params);
}

}  // namespace
}  // namespace starglow

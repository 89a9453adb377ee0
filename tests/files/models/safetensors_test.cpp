#include "files/models/safetensors.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "starglow/base/error.hpp"

namespace starglow::files {
namespace {

std::string with_header(const std::string& header, std::size_t data, std::uint64_t claim = 0) {
  const std::uint64_t length = claim > 0 ? claim : header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + header + std::string(data, '\0');
}
SafeTensors parse(const std::string& bytes) {
  return parse_safetensors(std::span(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()), "test");
}

SafeTensors example() {
  SafeTensors s;
  s.metadata = {{"kind", "test"}, {"quote", "a \"b\" \n"}};
  s.tensors["b"] = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  s.tensors["a"] = Tensor::from(std::vector<double>{0.5}, {1});
  s.tensors["empty"] = Tensor::from(std::vector<double>{}, {0});
  return s;
}

TEST(SafeTensors, RoundTripAndEqualBytes) {
  const std::string bytes = format_safetensors(example());
  EXPECT_EQ(bytes, format_safetensors(parse(bytes)));
  const auto back = parse(bytes);
  EXPECT_EQ(back.metadata.at("quote"), "a \"b\" \n");
  EXPECT_EQ(back.get("b", {2, 3}).floats()[5], 6.0F);
  EXPECT_EQ(back.get("a", {0}).doubles()[0], 0.5);
  EXPECT_THROW(back.get("b", {3, 2}), Error);
  EXPECT_THROW(back.get("c", {1}), Error);
  EXPECT_THROW(back.get("a", {1}).floats(), Error);
  EXPECT_THROW(back.text("none"), Error);
}

TEST(SafeTensors, EveryTruncationAndExtensionIsRefused) {
  const std::string bytes = format_safetensors(example());
  for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_THROW(parse(bytes.substr(0, n)), Error) << n;
  EXPECT_THROW(parse(bytes + "x"), Error);
}

TEST(SafeTensors, BrokenFilesAreRefusedWithTheReason) {
  const std::string deep(100000, '[');
  const struct {
    std::string bytes;
    const char* says;
  } cases[]{
      {with_header("{}", 0, 200'000'000), "header too long"},
      {with_header("{}", 0, 3000), "header cut short"},
      {with_header("[]", 0), "does not begin with '{'"},
      {with_header("{", 0), "not JSON"},
      {with_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4), "bytes for a shape"},
      {with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                   R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                   4),
       "occurs twice"},
      {with_header(R"({"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}})", 4), "occurs twice"},
      {with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8), "a hole"},
      {with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                   R"("b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                   4),
       "overlap"},
      {with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8), "differ in size"},
      {with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,9]}})", 4), "outside the file"},
      {with_header(R"({"a":{"dtype":"Q7","shape":[1],"data_offsets":[0,4]}})", 4), "Q7"},
      {with_header(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4), "whole numbers"},
      {with_header(R"({"a":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,4]}})", 4),
       "impossible size"},
      {with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", 4), "or has more"},
      {with_header(R"({"__metadata__":{"a":1}})", 0), "not a string"},
      {with_header("{\"a\":" + deep, 0), "too deeply"},
  };
  for (const auto& c : cases) {
    try {
      parse(c.bytes);
      FAIL() << c.says;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      EXPECT_NE(std::string(e.what()).find(c.says), std::string::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace starglow::files

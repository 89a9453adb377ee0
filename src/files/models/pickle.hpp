#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace starglow::files {

/// A value read from a pickle. Only what a table of arrays needs: no code, no classes but the five below.
struct PickleValue;
using PicklePtr = std::shared_ptr<PickleValue>;

struct PickleGlobal {
  std::string name;  ///< "module name"
};
struct PickleDtype {
  std::string code;  ///< "f4", "f8", "i8", "O8"
  bool built = false;
};
struct PickleArray {
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::string bytes;  ///< little endian, C order
  PicklePtr object;   ///< of the 0-d object array: its list
  bool built = false;
};
struct PickleScaler {
  std::map<std::string, PicklePtr> fields;
};
struct PickleScalar {
  std::int64_t value = 0;
};
struct PickleTuple {
  std::vector<PicklePtr> items;
};
struct PickleList {
  std::vector<PicklePtr> items;
};
struct PickleDict {
  std::vector<std::pair<std::string, PicklePtr>> items;  ///< in the file's order
  const PicklePtr* find(const std::string& key) const;
};

struct PickleValue {
  std::variant<std::monostate, bool, std::int64_t, std::string, PickleGlobal, PickleDtype, PickleArray, PickleScaler,
               PickleScalar, PickleTuple, PickleList, PickleDict>
      data;
  bool is_bytes = false;  ///< of a string: from a bytes opcode
};

/// Reads the pickle at `offset` of the file's bytes by a closed list of opcodes and globals; nothing is executed.
/// Error(input) names what was found and where.
PicklePtr read_pickle(std::span<const unsigned char> file, std::size_t offset, const std::string& name);

}  // namespace starglow::files

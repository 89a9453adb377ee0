#include "files/models/pickle.hpp"

#include <algorithm>
#include <cstring>

#include "starglow/base/error.hpp"

namespace starglow::files {
namespace {

constexpr std::size_t k_max_values = 1'000'000;    // the published files make about 1,500
constexpr std::uint64_t k_max_elements = 1 << 24;  // of one array; the largest has 8,192

constexpr const char* k_reconstruct = "numpy.core.multiarray _reconstruct";
constexpr const char* k_scalar = "numpy.core.multiarray scalar";
constexpr const char* k_ndarray = "numpy ndarray";
constexpr const char* k_dtype = "numpy dtype";
constexpr const char* k_scaler = "sklearn.preprocessing._data StandardScaler";

class Machine {
 public:
  Machine(std::span<const unsigned char> file, std::size_t offset, const std::string& name)
      : file_(file), at_(offset), name_(name) {}

  PicklePtr run() {
    if (byte() != 0x80 || byte() != 3) refuse("does not begin with PROTO 3");
    for (;;) {
      op_ = at_;
      const unsigned char code = byte();
      switch (code) {
        case '.': {
          if (stack_.size() != 1 || !marks_.empty())
            refuse("ends with a stack of " + std::to_string(stack_.size()) + " values");
          if (at_ != file_.size()) refuse("has " + std::to_string(file_.size() - at_) + " bytes after its end");
          return stack_.back();
        }
        case 'c':
          global();
          break;
        case '(':
          marks_.push_back(stack_.size());
          break;
        case 'R':
          reduce();
          break;
        case 'b':
          build();
          break;
        case 0x81:
          new_object();
          break;
        case ']':
          push(PickleList{});
          break;
        case 'a':
          append_items(1);
          break;
        case 'e':
          append_items(since_mark());
          break;
        case '}':
          push(PickleDict{});
          break;
        case 'u':
          set_items();
          break;
        case ')':
          push(PickleTuple{});
          break;
        case 't':
          make_tuple(since_mark());
          break;
        case 0x85:
          make_tuple(1);
          break;
        case 0x86:
          make_tuple(2);
          break;
        case 0x87:
          make_tuple(3);
          break;
        case 'J':
          push(static_cast<std::int64_t>(static_cast<std::int32_t>(little(4))));
          break;
        case 'K':
          push(static_cast<std::int64_t>(byte()));
          break;
        case 'X':
          push(text(little(4)));
          break;
        case 'B':
          push(text(little(4)), true);
          break;
        case 'C':
          push(text(byte()), true);
          break;
        case 'N':
          push(std::monostate{});
          break;
        case 0x88:
          push(true);
          break;
        case 0x89:
          push(false);
          break;
        case 'q':
          memo_put(byte());
          break;
        case 'r':
          memo_put(little(4));
          break;
        case 'h':
          memo_get(byte());
          break;
        default: {
          static const char* hex = "0123456789abcdef";
          refuse(std::string("holds an opcode that is not allowed: 0x") + hex[code >> 4] + hex[code & 15]);
        }
      }
    }
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorKind::input, "'" + name_ + "': the pickle " + what + " (byte " + std::to_string(op_) + ")",
                {"", "", "Only the published K24 weight files are understood; nothing was executed."});
  }

  unsigned char byte() {
    if (at_ >= file_.size()) refuse("is cut short");
    return file_[at_++];
  }
  std::uint32_t little(int n) {
    std::uint32_t v = 0;
    for (int i = 0; i < n; ++i) v |= std::uint32_t{byte()} << (8 * i);
    return v;
  }
  std::string text(std::uint32_t n) {
    if (n > file_.size() - at_) refuse("is cut short in a text of " + std::to_string(n) + " bytes");
    std::string out(reinterpret_cast<const char*>(file_.data()) + at_, n);
    at_ += n;
    return out;
  }
  std::string line() {
    std::string out;
    for (char c = static_cast<char>(byte()); c != '\n'; c = static_cast<char>(byte())) {
      out += c;
      if (out.size() > 200) refuse("names a global of over 200 characters");
    }
    return out;
  }

  template <class T>
  void push(T&& value, bool is_bytes = false) {
    if (++made_ > k_max_values) refuse("holds too many values");
    auto p = std::make_shared<PickleValue>();
    p->data = std::forward<T>(value);
    p->is_bytes = is_bytes;
    stack_.push_back(std::move(p));
  }
  PicklePtr pop() {
    if (stack_.empty() || (!marks_.empty() && stack_.size() <= marks_.back()))
      refuse("takes a value that is not there");
    auto top = stack_.back();
    stack_.pop_back();
    return top;
  }
  template <class T>
  T* top(const char* what) {
    T* found = stack_.empty() ? nullptr : std::get_if<T>(&stack_.back()->data);
    if (found == nullptr) refuse(std::string("needs ") + what);
    return found;
  }
  template <class T>
  const T& as(const PicklePtr& p, const char* what) const {
    const T* found = std::get_if<T>(&p->data);
    if (found == nullptr) refuse(std::string("needs ") + what);
    return *found;
  }
  std::size_t since_mark() {
    if (marks_.empty()) refuse("uses a mark that is not there");
    const std::size_t n = stack_.size() - marks_.back();
    marks_.pop_back();
    return n;
  }
  std::vector<PicklePtr> take(std::size_t n) {
    std::vector<PicklePtr> items(n);
    for (std::size_t i = n; i-- > 0;) items[i] = pop();
    return items;
  }

  void global() {
    const std::string module = line();
    const std::string full = module + " " + line();
    for (const char* allowed : {k_reconstruct, k_scalar, k_ndarray, k_dtype, k_scaler})
      if (full == allowed) return push(PickleGlobal{full});
    refuse("names a global that is not allowed: '" + full + "'");
  }

  void make_tuple(std::size_t n) { push(PickleTuple{take(n)}); }

  void append_items(std::size_t n) {
    auto items = take(n);
    auto* list = top<PickleList>("a list to append to");
    list->items.insert(list->items.end(), items.begin(), items.end());
  }

  void set_items() {
    const auto items = take(since_mark());
    if (items.size() % 2 != 0) refuse("sets a key without a value");
    auto* dict = top<PickleDict>("a dictionary to fill");
    for (std::size_t i = 0; i < items.size(); i += 2) {
      const auto& key = as<std::string>(items[i], "a text as key");
      if (dict->find(key) != nullptr) refuse("sets the key '" + key + "' twice");
      dict->items.emplace_back(key, items[i + 1]);
    }
  }

  void memo_put(std::uint32_t index) {
    if (index != memo_.size()) refuse("numbers its memo out of order");
    if (stack_.empty()) refuse("takes a value that is not there");
    memo_.push_back(stack_.back());
  }
  void memo_get(std::uint32_t index) {
    if (index >= memo_.size()) refuse("uses memo " + std::to_string(index) + ", which is not there");
    if (++made_ > k_max_values) refuse("holds too many values");
    // Of what can still be changed a second hold could close a circle, which reference counts never free.
    const auto& data = memo_[index]->data;
    if (std::holds_alternative<PickleList>(data) || std::holds_alternative<PickleDict>(data) ||
        std::holds_alternative<PickleArray>(data) || std::holds_alternative<PickleScaler>(data))
      refuse("uses a list, dictionary, array or scaler twice");
    stack_.push_back(memo_[index]);
  }

  void new_object() {
    const auto arguments = pop(), type = pop();
    if (!as<PickleTuple>(arguments, "a tuple of arguments").items.empty() ||
        as<PickleGlobal>(type, "a class").name != k_scaler)
      refuse("makes an object that is not a StandardScaler()");
    push(PickleScaler{});
  }

  void reduce() {
    const auto arguments = pop(), callable = pop();
    const auto& args = as<PickleTuple>(arguments, "a tuple of arguments").items;
    const std::string& name = as<PickleGlobal>(callable, "a callable").name;
    if (name == k_reconstruct) {
      if (args.size() != 3 || as<PickleGlobal>(args[0], "ndarray").name != k_ndarray)
        refuse("reconstructs something else than an array");
      push(PickleArray{});
    } else if (name == k_dtype) {
      if (args.size() != 3) refuse("makes a dtype of " + std::to_string(args.size()) + " arguments");
      const auto& code = as<std::string>(args[0], "a dtype name");
      if (code != "f4" && code != "f8" && code != "i8" && code != "O8")
        refuse("holds a dtype that is not allowed: '" + code + "'");
      push(PickleDtype{code});
    } else if (name == k_scalar) {
      if (args.size() != 2 || as<PickleDtype>(args[0], "a dtype").code != "i8")
        refuse("holds a scalar that is no int64");
      const auto& bytes = as<std::string>(args[1], "bytes");
      if (bytes.size() != 8) refuse("holds an int64 of " + std::to_string(bytes.size()) + " bytes");
      PickleScalar scalar;
      std::memcpy(&scalar.value, bytes.data(), 8);
      push(scalar);
    } else {
      refuse("calls what is not allowed: '" + name + "'");
    }
  }

  void build() {
    const auto state = pop();
    if (stack_.empty()) refuse("takes a value that is not there");
    auto& target = stack_.back()->data;
    if (auto* array = std::get_if<PickleArray>(&target)) {
      build_array(*array, as<PickleTuple>(state, "the state of an array").items);
    } else if (auto* dtype = std::get_if<PickleDtype>(&target)) {
      const auto& items = as<PickleTuple>(state, "the state of a dtype").items;
      const std::string wanted = dtype->code == "O8" ? "|" : "<";
      if (items.size() != 8 || as<std::string>(items[1], "a byte order") != wanted)
        refuse("holds a dtype of another byte order");
      dtype->built = true;
    } else if (auto* scaler = std::get_if<PickleScaler>(&target)) {
      for (const auto& [key, value] : as<PickleDict>(state, "the fields of a scaler").items)
        scaler->fields[key] = value;
    } else {
      refuse("builds something that is not an array, dtype or scaler");
    }
  }

  void build_array(PickleArray& array, const std::vector<PicklePtr>& items) {
    if (items.size() != 5 || array.built) refuse("holds an array with a strange state");
    std::uint64_t elements = 1;
    for (const auto& item : as<PickleTuple>(items[1], "a shape").items) {
      const auto n = as<std::int64_t>(item, "a whole number in a shape");
      if (n < 0 || static_cast<std::uint64_t>(n) > k_max_elements ||
          elements * static_cast<std::uint64_t>(n) > k_max_elements)
        refuse("holds an array of impossible shape");
      array.shape.push_back(static_cast<std::uint64_t>(n));
      elements *= static_cast<std::uint64_t>(n);
    }
    const auto& dtype = as<PickleDtype>(items[2], "a dtype");
    if (!dtype.built) refuse("uses a dtype before its byte order is known");
    array.dtype = dtype.code;
    if (as<bool>(items[3], "the order of an array")) refuse("holds an array in Fortran order");
    if (array.dtype == "O8") {
      if (!array.shape.empty()) refuse("holds an object array with a shape");
      (void)as<PickleList>(items[4], "the list of an object array");
      array.object = items[4];
    } else {
      if (!items[4]->is_bytes) refuse("holds an array without bytes");
      array.bytes = as<std::string>(items[4], "the bytes of an array");
      const std::uint64_t width = array.dtype == "f4" ? 4 : 8;
      if (array.bytes.size() != elements * width)
        refuse("holds an array of " + std::to_string(array.bytes.size()) + " bytes where its shape needs " +
               std::to_string(elements * width));
    }
    array.built = true;
  }

  std::span<const unsigned char> file_;
  std::size_t at_, op_ = 0, made_ = 0;
  std::string name_;
  std::vector<PicklePtr> stack_, memo_;
  std::vector<std::size_t> marks_;
};

}  // namespace

const PicklePtr* PickleDict::find(const std::string& key) const {
  for (const auto& item : items)
    if (item.first == key) return &item.second;
  return nullptr;
}

PicklePtr read_pickle(std::span<const unsigned char> file, std::size_t offset, const std::string& name) {
  return Machine(file, offset, name).run();
}

}  // namespace starglow::files

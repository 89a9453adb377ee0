#pragma once
// Writes pickles of the constructs that the published K24 weight files use, so that the reader is tested without them.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "starglow/base/lines.hpp"

namespace starglow::test {

class PickleWriter {
 public:
  std::string out = std::string("\x80\x03", 2);

  PickleWriter& op(char c) {
    out += c;
    return *this;
  }
  PickleWriter& put() {
    if (memo_ < 256) {
      out += 'q';
      out += static_cast<char>(memo_++);
    } else {
      out += 'r';
      little(memo_++, 4);
    }
    return *this;
  }
  PickleWriter& get(int index) { return op('h').op(static_cast<char>(index)); }
  PickleWriter& global(const std::string& module, const std::string& name) {
    out += "c" + module + "\n" + name + "\n";
    return put();
  }
  PickleWriter& text(const std::string& s) {
    out += 'X';
    little(s.size(), 4);
    out += s;
    return put();
  }
  PickleWriter& bytes(const std::string& s) {
    out += s.size() < 256 ? 'C' : 'B';
    little(s.size(), s.size() < 256 ? 1 : 4);
    out += s;
    return put();
  }
  PickleWriter& integer(int v) {
    out += v < 256 ? 'K' : 'J';
    little(static_cast<std::uint64_t>(v), v < 256 ? 1 : 4);
    return *this;
  }
  PickleWriter& dtype(const std::string& code) {
    global("numpy", "dtype").text(code).op('\x89').op('\x88').op('\x87').put().op('R').put();
    op('(').integer(3).text(code == "O8" ? "|" : "<").op('N').op('N').op('N');
    for (int i = 0; i < 2; ++i) op('J').raw(std::string(4, '\xff'));
    return integer(0).op('t').put().op('b');
  }
  PickleWriter& array(const std::string& code, const std::vector<int>& shape, const std::string& payload,
                      bool fortran = false) {
    open_array();
    op('(').integer(1).op('(');
    for (const int n : shape) integer(n);
    op('t').put().dtype(code).op(fortran ? '\x88' : '\x89').bytes(payload);
    return op('t').put().op('b');
  }
  PickleWriter& open_array() {
    return global("numpy.core.multiarray", "_reconstruct")
        .global("numpy", "ndarray")
        .integer(0)
        .op('\x85')
        .put()
        .bytes("b")
        .op('\x87')
        .put()
        .op('R')
        .put();
  }
  PickleWriter& raw(const std::string& s) {
    out += s;
    return *this;
  }

 private:
  void little(std::uint64_t v, int n) {
    for (int i = 0; i < n; ++i) out += static_cast<char>(v >> (8 * i));
  }
  unsigned memo_ = 0;
};

template <class T>
std::string payload(std::size_t n, double start, double step) {
  std::vector<T> v(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = static_cast<T>(start + step * static_cast<double>(i % 97));
  std::string bytes(n * sizeof(T), '\0');
  std::memcpy(bytes.data(), v.data(), bytes.size());
  return bytes;
}

/// The container of an object array around a pickle.
inline std::string npy(const std::string& pickle,
                       std::string header = "{'descr': '|O', 'fortran_order': False, 'shape': (), }") {
  header.resize(117, ' ');
  header += '\n';
  return std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + pickle;
}

/// A whole weight file: ten lines, four layers, scalers.
inline std::string k24_pickle(bool luminosity, double scale = 0.01) {
  PickleWriter w;
  w.open_array().op('(').integer(1).op(')').dtype("O8").op('\x89').op(']').put().op('}').put().op('(');
  const int n_in = luminosity ? 12 : 11;
  const std::vector<int> sizes{n_in, 64, 128, 64, 1};
  for (std::size_t k = 0; k < k_n_lines; ++k) {
    w.text(std::string(k_lines[k].name)).op('}').put().op('(').text("params").op(']').put().op('(');
    for (std::size_t l = 0; l < 4; ++l) {
      const int in = sizes[l], out = sizes[l + 1];
      w.op(']')
          .put()
          .op('(')
          .array("f4", {out, in}, payload<float>(static_cast<std::size_t>(in * out), -0.4 * scale * 10, scale))
          .array("f4", {out}, payload<float>(static_cast<std::size_t>(out), 0.0, 0.001))
          .op('e');
    }
    w.op('e');
    const auto scaler = [&](const std::string& name, int n) {
      w.text(name)
          .global("sklearn.preprocessing._data", "StandardScaler")
          .op(')')
          .op('\x81')
          .put()
          .op('}')
          .put()
          .op('(');
      w.text("with_mean")
          .op('\x88')
          .text("n_samples_seen_")
          .global("numpy.core.multiarray", "scalar")
          .dtype("i8")
          .bytes(payload<std::int64_t>(1, 84334, 0))
          .op('\x86')
          .put()
          .op('R')
          .put();
      w.text("mean_").array("f8", {n}, payload<double>(static_cast<std::size_t>(n), 0.05, 0.001));
      w.text("scale_").array("f8", {n}, payload<double>(static_cast<std::size_t>(n), 0.1, 0.01));
      w.text("_sklearn_version").text("1.3.0").op('u').op('b');
    };
    scaler("color_scaler", 11);
    if (luminosity) scaler("luminosity_scaler", 1);
    w.op('u');
  }
  w.op('u').op('a').op('t').put().op('b').op('.');
  return w.out;
}

}  // namespace starglow::test

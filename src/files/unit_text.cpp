#include "files/unit_text.hpp"

#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace starglow::files {
namespace {

constexpr int k_max_power = 99;

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  UnitText run() {
    out_.understood = group(1, 0) && at_ == text_.size();
    for (auto it = out_.powers.begin(); it != out_.powers.end();)
      it = it->second == 0 ? out_.powers.erase(it) : std::next(it);
    return out_;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void blanks() {
    while (peek() == ' ' || peek() == '.' || (peek() == '*' && text_.substr(at_, 2) != "**")) ++at_;
  }

  // A sign and digits after "**", "^" or nothing; possibly in parentheses. 1 when there is none.
  bool exponent(int& power) {
    const std::size_t start = at_;
    if (text_.substr(at_, 2) == "**")
      at_ += 2;
    else if (peek() == '^')
      ++at_;
    const bool marked = at_ != start;
    const bool closed = marked && peek() == '(';
    if (closed) ++at_;
    const std::size_t sign_at = at_;
    int sign = 1;
    if (peek() == '-' || peek() == '+') sign = text_[at_++] == '-' ? -1 : 1;
    int value = 0;
    if (!is_digit(peek())) {  // from_chars would take a second sign
      power = 1;
      at_ = sign_at;
      return !marked;
    }
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc{} || value > k_max_power) return false;
    at_ = static_cast<std::size_t>(end - text_.data());
    power = sign * value;
    if (closed) {
      if (peek() != ')') return false;
      ++at_;
    }
    return true;
  }

  bool number(int side) {
    std::size_t end = at_;
    while (end < text_.size() && (is_digit(text_[end]) || text_[end] == '.')) ++end;
    if (end + 1 < text_.size() && (text_[end] == 'e' || text_[end] == 'E') &&
        (is_digit(text_[end + 1]) || text_[end + 1] == '-' || text_[end + 1] == '+')) {
      end += 2;
      while (end < text_.size() && is_digit(text_[end])) ++end;
    }
    const double value = std::strtod(std::string(text_.substr(at_, end - at_)).c_str(), nullptr);
    at_ = end;
    int power = 1;
    if (!(value > 0) || !exponent(power)) return false;
    out_.log10_factor += side * power * std::log10(value);
    return true;
  }

  // side: +1 above, -1 below the fraction bar. After '/', one factor (or a parenthesis) is below.
  bool group(int side, int depth) {
    if (depth > 8) return false;
    int next = side;
    for (;;) {
      blanks();
      const char c = peek();
      if (c == '\0' || c == ')') return true;
      if (c == '/') {
        ++at_;
        next = -side;
        continue;
      }
      if (c == '(') {
        ++at_;
        if (!group(next, depth + 1) || peek() != ')') return false;
        ++at_;
      } else if (is_digit(c)) {
        if (!number(next)) return false;
      } else if (is_letter(c)) {
        std::string name;
        while (is_letter(peek())) name += static_cast<char>(std::tolower(static_cast<unsigned char>(text_[at_++])));
        if (name == "a" || name == "aa" || name == "angstroms" || name == "ang") name = "angstrom";
        int power = 1;
        if (!exponent(power)) return false;
        out_.powers[name] += next * power;
      } else {
        return false;
      }
      next = side;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  UnitText out_;
};

}  // namespace

UnitText parse_unit(std::string_view text) { return Reader(text).run(); }

bool is_flux_unit(std::string_view unit) {
  const auto u = parse_unit(unit);
  return u.understood && std::fabs(u.log10_factor + 17) < 1e-9 &&
         u.powers == std::map<std::string, int>{{"angstrom", -1}, {"cm", -2}, {"erg", 1}, {"s", -1}};
}

}  // namespace starglow::files

#include "files/fits/fits_guard.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>

#include "files/formats.hpp"
#include "starglow/base/error.hpp"

namespace starglow::files {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t k_block = 2880;
constexpr std::size_t k_card = 80;
constexpr std::size_t k_max_header_blocks = 2000;  // 72,000 cards
constexpr std::size_t k_max_hdus = 10000;

class Guard {
 public:
  Guard(const fs::path& path, const fs::path& name) : path_(path), name_(name) {}

  FitsSummary run() {
    std::error_code failed;
    const auto status = fs::status(path_, failed);
    if (!fs::exists(status)) refuse("cannot be opened", "no such file", "a FITS file");
    if (!fs::is_regular_file(status))
      refuse("cannot be opened", fs::is_directory(status) ? "a folder" : "a device, pipe or socket", "a regular file");
    size_ = fs::file_size(path_, failed);
    if (failed) refuse("cannot be opened", failed.message(), "a readable file");
    in_.open(path_, std::ios::binary);
    if (!in_) refuse("cannot be opened", "no permission to read", "a readable file");
    if (const auto format = format_of(path_); !format.name.empty())
      throw Error(ErrorKind::input, "'" + name_.string() + "' is not a FITS file",
                  {std::string(format.name), "a FITS file, or a gzipped one", std::string(format.remedy)});
    if (size_ < k_block)
      refuse("is not a FITS file, or is truncated", std::to_string(size_) + " bytes", "at least 2880 bytes");
    std::uint64_t at = 0;
    while (at < size_) {
      if (summary_.hdus.size() >= k_max_hdus) refuse("has too many HDUs", "more than 10000", "at most 10000");
      if (!summary_.hdus.empty() && !starts_hdu(at)) {
        summary_.warnings.push_back(std::to_string(size_ - at) + " bytes after the last HDU are ignored");
        break;
      }
      at = hdu(at);
    }
    return std::move(summary_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what, const std::string& seen, const std::string& wanted) const {
    const std::string where = summary_.hdus.empty() ? "" : ", HDU " + std::to_string(summary_.hdus.size());
    throw Error(ErrorKind::input, "'" + name_.string() + "'" + where + " " + what, {seen, wanted, ""});
  }

  bool starts_hdu(std::uint64_t at) {
    std::array<char, 8> word{};
    in_.clear();
    in_.seekg(static_cast<std::streamoff>(at));
    in_.read(word.data(), word.size());
    return in_.gcount() == 8 && std::string_view(word.data(), 8) == "XTENSION";
  }

  static std::string trim(std::string text) {
    while (!text.empty() && text.back() == ' ') text.pop_back();
    while (!text.empty() && text.front() == ' ') text.erase(text.begin());
    return text;
  }

  // Value of "KEYWORD = value / comment": the text of a string without quotes, or the token.
  static std::string value_of(const std::string& card) {
    std::string rest = trim(card.substr(10));
    if (!rest.empty() && rest[0] == '\'') {
      std::string text;
      for (std::size_t i = 1; i < rest.size(); ++i) {
        if (rest[i] == '\'') {
          if (i + 1 < rest.size() && rest[i + 1] == '\'')
            ++i;
          else
            break;
        }
        text += rest[i];
      }
      return trim(text);
    }
    return trim(rest.substr(0, rest.find('/')));
  }

  std::optional<std::int64_t> number(const std::string& key) const {
    const auto found = cards_.find(key);
    if (found == cards_.end()) return std::nullopt;
    std::int64_t value = 0;
    const auto& text = found->second;
    const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
    const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
      refuse("has a bad header card", key + " = " + text.substr(0, 40), "a whole number");
    return value;
  }

  std::uint64_t required(const std::string& key, std::int64_t low, std::int64_t high) const {
    const auto value = number(key);
    if (!value) refuse("lacks a required header card", "no " + key, key);
    if (*value < low || *value > high)
      refuse("has an impossible header card", key + " = " + std::to_string(*value),
             std::to_string(low) + " to " + std::to_string(high));
    return static_cast<std::uint64_t>(*value);
  }

  // Reads the cards of the header at `at`; returns where the data begin.
  std::uint64_t header(std::uint64_t at) {
    cards_.clear();
    std::array<char, k_block> block;
    in_.clear();
    in_.seekg(static_cast<std::streamoff>(at));
    for (std::size_t blocks = 0;; ++blocks) {
      if (blocks >= k_max_header_blocks) refuse("has an endless header", "72000 cards without END", "an END card");
      in_.read(block.data(), k_block);
      if (in_.gcount() != static_cast<std::streamsize>(k_block))
        refuse("is cut short in a header", std::to_string(size_) + " bytes",
               "an END card in whole blocks of 2880 bytes");
      at += k_block;
      for (std::size_t c = 0; c < k_block / k_card; ++c) {
        const std::string card(block.data() + c * k_card, k_card);
        if (card.starts_with("END     ") || trim(card) == "END") return at;
        for (const char ch : card)
          if (static_cast<unsigned char>(ch) < 32 || static_cast<unsigned char>(ch) > 126)
            refuse("has a bad header card", "a byte that is not printable text", "text of 80 characters a card");
        if (blocks == 0 && c == 0) first_ = card;
        if (card.size() > 9 && card[8] == '=') cards_.emplace(trim(card.substr(0, 8)), value_of(card));
      }
    }
  }

  // Bytes of one row of a binary-table column: repeat count and type letter (FITS 4.0, table 18).
  std::uint64_t column_bytes(const std::string& key, const std::string& form) const {
    std::uint64_t repeat = 1;
    const char* p = form.data();
    const char* end = p + form.size();
    if (p < end && std::isdigit(static_cast<unsigned char>(*p)) != 0) {
      const auto [next, error] = std::from_chars(p, end, repeat);
      if (error != std::errc{})
        refuse("has a bad column format", key + " = " + form, "a repeat count and a type letter");
      p = next;
    }
    if (p == end) refuse("has a bad column format", key + " = '" + form + "'", "a repeat count and a type letter");
    std::uint64_t width = 0;
    switch (*p) {
      case 'L':
      case 'B':
      case 'A':
        width = 1;
        break;
      case 'X':
        return repeat / 8 + (repeat % 8 != 0 ? 1 : 0);
      case 'I':
        width = 2;
        break;
      case 'J':
      case 'E':
        width = 4;
        break;
      case 'K':
      case 'D':
      case 'C':
      case 'P':
        width = 8;
        break;
      case 'M':
      case 'Q':
        width = 16;
        break;
      default:
        refuse("has a bad column format", key + " = " + form, "one of L X B I J K A E D C M P Q");
    }
    return times(repeat, width);
  }

  std::uint64_t plus(std::uint64_t a, std::uint64_t b) const {
    std::uint64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum) || sum > (std::uint64_t{1} << 60))
      refuse("claims an impossible size", std::to_string(a) + " + " + std::to_string(b), "a size that fits the file");
    return sum;
  }

  std::uint64_t times(std::uint64_t a, std::uint64_t b) const {
    std::uint64_t product = 0;
    if (__builtin_mul_overflow(a, b, &product) || product > (std::uint64_t{1} << 60))
      refuse("claims an impossible size", std::to_string(a) + " x " + std::to_string(b), "a size that fits the file");
    return product;
  }

  void check_table(const HduSummary& hdu, std::uint64_t heap) const {
    const bool binary = hdu.kind == "BINTABLE";
    if (hdu.naxis.size() != 2) refuse("is a table of wrong shape", std::to_string(hdu.naxis.size()) + " axes", "2");
    const auto bitpix = number("BITPIX");
    if (bitpix != 8) refuse("is a table of wrong shape", "BITPIX other than 8", "8");
    const std::uint64_t fields = required("TFIELDS", 0, 999);
    std::uint64_t sum = 0;
    for (std::uint64_t i = 1; i <= fields; ++i) {
      const std::string key = "TFORM" + std::to_string(i);
      const auto form = cards_.find(key);
      if (form == cards_.end()) refuse("lacks a required header card", "no " + key, key);
      if (binary) {
        sum = plus(sum, column_bytes(key, form->second));
      } else {
        const std::uint64_t start = required("TBCOL" + std::to_string(i), 1, static_cast<std::int64_t>(hdu.naxis[0]));
        std::uint64_t width = 0;
        const auto& text = form->second;
        if (text.size() < 2) refuse("has a bad column format", key + " = " + text, "a letter and a width");
        std::from_chars(text.data() + 1, text.data() + text.size(), width);
        if (width == 0 || start - 1 + width > hdu.naxis[0])
          refuse("has a column outside its row", key + " = " + text,
                 "columns within " + std::to_string(hdu.naxis[0]) + " bytes");
      }
    }
    if (binary && sum != hdu.naxis[0])
      refuse("has rows that do not fit their columns", "NAXIS1 = " + std::to_string(hdu.naxis[0]),
             std::to_string(sum) + " (the sum of the column widths)");
    const std::uint64_t table = times(hdu.naxis[0], hdu.naxis[1]);
    if (const auto theap = number("THEAP"))
      if (*theap < 0 || static_cast<std::uint64_t>(*theap) < table || static_cast<std::uint64_t>(*theap) > table + heap)
        refuse("has a heap outside its data", "THEAP = " + std::to_string(*theap),
               std::to_string(table) + " to " + std::to_string(table + heap));
  }

  std::uint64_t hdu(std::uint64_t at) {
    HduSummary hdu;
    hdu.offset = at;
    const std::uint64_t data = header(at);
    const std::string key = trim(first_.substr(0, 8));
    if (summary_.hdus.empty()) {
      if (key != "SIMPLE") refuse("is no FITS file", "'" + key + "'", "a header that begins with SIMPLE");
      hdu.kind = "PRIMARY";
    } else {
      hdu.kind = value_of(first_);
      if (hdu.kind != "IMAGE" && hdu.kind != "BINTABLE" && hdu.kind != "TABLE")
        refuse("is an extension of unknown type", "'" + hdu.kind + "'", "IMAGE, BINTABLE or TABLE");
    }
    const auto bitpix = number("BITPIX");
    if (!bitpix ||
        (*bitpix != 8 && *bitpix != 16 && *bitpix != 32 && *bitpix != 64 && *bitpix != -32 && *bitpix != -64))
      refuse("has an impossible header card", bitpix ? "BITPIX = " + std::to_string(*bitpix) : "no BITPIX",
             "8, 16, 32, 64, -32 or -64");
    const std::uint64_t axes = required("NAXIS", 0, 16);
    std::uint64_t elements = axes > 0 ? 1 : 0;
    for (std::uint64_t i = 1; i <= axes; ++i) {
      hdu.naxis.push_back(required("NAXIS" + std::to_string(i), 0, std::int64_t{1} << 60));
      elements = times(elements, hdu.naxis.back());
    }
    std::uint64_t heap = 0;
    if (!summary_.hdus.empty()) {
      heap = cards_.count("PCOUNT") > 0 ? required("PCOUNT", 0, std::int64_t{1} << 60) : 0;
      if (const auto groups = number("GCOUNT"); groups && *groups != 1)
        refuse("has an impossible header card", "GCOUNT = " + std::to_string(*groups), "1");
      if (hdu.kind != "IMAGE") check_table(hdu, heap);
    }
    const auto width = static_cast<std::uint64_t>(*bitpix < 0 ? -*bitpix : *bitpix) / 8;
    hdu.data_bytes = times(width, plus(elements, heap));
    if (const auto name = cards_.find("EXTNAME"); name != cards_.end()) hdu.extname = name->second;
    if (hdu.kind != "IMAGE" && hdu.kind != "PRIMARY") {
      for (std::uint64_t i = 1; i <= required("TFIELDS", 0, 999); ++i) {
        const auto name = cards_.find("TTYPE" + std::to_string(i));
        hdu.columns.push_back(name == cards_.end() ? "" : name->second);
      }
      const auto says = [&](const char* card) { return cards_.count(card) > 0 && cards_.at(card) == "T"; };
      if (says("ZTABLE")) hdu.kind = "ZTABLE";
      if (says("ZIMAGE")) {
        hdu.kind = "IMAGE";
        hdu.naxis.clear();
        for (std::uint64_t i = 1; i <= required("ZNAXIS", 0, 16); ++i)
          hdu.naxis.push_back(required("ZNAXIS" + std::to_string(i), 0, std::int64_t{1} << 60));
      }
    }
    const std::uint64_t end = plus(data, plus(hdu.data_bytes, k_block - 1) / k_block * k_block);
    if (end > size_)
      refuse("is cut short", std::to_string(size_) + " bytes", std::to_string(end) + " bytes by its headers");
    summary_.hdus.push_back(std::move(hdu));
    return end;
  }

  fs::path path_, name_;  // the name is for people: that of the file before it was unpacked
  std::ifstream in_;
  std::uint64_t size_ = 0;
  std::string first_;
  std::map<std::string, std::string> cards_;
  FitsSummary summary_;
};

}  // namespace

bool same_name(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::toupper(x) == std::toupper(y); });
}

FitsSummary guard_fits(const fs::path& path) { return Guard(path, path).run(); }
FitsSummary guard_fits(const fs::path& path, const fs::path& name) { return Guard(path, name).run(); }

}  // namespace starglow::files

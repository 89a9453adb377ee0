#include "files/fits/medium.hpp"

#include <algorithm>
#include <cctype>

#include "starglow/base/error.hpp"

namespace starglow::files {
namespace {

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

}  // namespace

std::string convention_word(std::string_view key, const std::string& value) {
  std::string word = upper(value);
  word.erase(word.find_last_not_of(' ') + 1);
  word.erase(0, word.find_first_not_of(' '));
  if (word.empty() || word == "UNKNOWN") return "unknown";
  if (key == "MWCORR")
    return word == "T" || word == "TRUE" || word == "1" || word == "YES"   ? "T"
           : word == "F" || word == "FALSE" || word == "0" || word == "NO" ? "F"
                                                                           : value;
  if (key == "APERTURE" && word == "FIBER") return "fibre";
  for (const char* known :
       {"fibre", "total", "absolute", "relative", "masked data", "model", "synthetic", "k24", "robust"})
    if (word == upper(known)) return known;
  return value;
}

Medium medium_of_card(const std::string& key, const std::string& value, const std::string& what) {
  const std::string word = upper(value);
  if (word.empty() || word == "UNKNOWN") return Medium::unknown;
  if (key.starts_with("CTYPE"))
    return word.starts_with("AWAV")                      ? Medium::air
           : word.starts_with("WAVE-") || word == "WAVE" ? Medium::vacuum
                                                         : Medium::unknown;
  const bool yes = word == "T" || word == "TRUE" || word == "1" || word == "YES",
             no = word == "F" || word == "FALSE" || word == "0" || word == "NO";
  if (word.starts_with("VAC") || (key == "VACUUM" && yes)) return Medium::vacuum;
  if (word.starts_with("AIR") || (key == "VACUUM" && no)) return Medium::air;
  throw Error(ErrorKind::input, what + ": unknown value for air or vacuum wavelengths",
              {key + " = " + value, key == "VACUUM" ? "T or F" : "air or vac", "Correct the card."});
}

Medium medium_of(const FitsFile& file, const std::string& what) {
  Medium seen = Medium::unknown;
  std::string by;
  for (const char* key : {"AIRORVAC", "VACUUM", "CTYPE1", "CTYPE2", "CTYPE3"}) {
    const std::string value = file.card(key);
    const Medium now = medium_of_card(key, value, what);
    if (now == Medium::unknown) continue;
    // CTYPE = WAVE is often written by software that knows no other word; a card that is meant so goes first.
    if (seen != Medium::unknown && now != seen && !std::string(key).starts_with("CTYPE"))
      throw Error(ErrorKind::input, what + ": its header says both air and vacuum",
                  {by + " and " + key + " = " + value, "one of them", "Correct the header."});
    if (seen == Medium::unknown) {
      seen = now;
      by = std::string(key) + " = " + value;
    }
  }
  return seen;
}

}  // namespace starglow::files

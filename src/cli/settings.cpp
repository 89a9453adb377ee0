#include "cli/settings.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cmath>

#include "starglow/base/error.hpp"

namespace starglow::cli {

const Settings::Value& Settings::get(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) throw std::logic_error("undeclared setting " + std::string(key));
  return found->second;
}

const Settings::Value& Settings::asked(std::string_view key) const {
  const Value& value = get(key);
  std::atomic_ref(value.asked).store(true, std::memory_order_relaxed);  // workers ask too
  return value;
}

bool Settings::is_set(std::string_view key) const { return !asked(key).text.empty(); }
bool Settings::is_given(std::string_view key) const { return asked(key).origin != "default"; }
bool Settings::flag(std::string_view key) const { return asked(key).text == "true"; }
std::vector<std::string> Settings::list(std::string_view key) const {
  std::vector<std::string> out;
  if (!is_set(key)) return out;
  const std::string& all = text(key);
  for (std::size_t at = 0; at <= all.size();) {
    const std::size_t comma = std::min(all.find(',', at), all.size());
    if (comma > at) out.push_back(all.substr(at, comma - at));
    at = comma + 1;
  }
  return out;
}
const std::string& Settings::text(std::string_view key) const { return asked(key).text; }
const std::string& Settings::origin(std::string_view key) const { return get(key).origin; }

std::int64_t Settings::integer(std::string_view key) const {
  const std::string& text = asked(key).text;
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);  // checked when the settings were built
  return value;
}

double Settings::number(std::string_view key) const {
  (void)asked(key);
  return unused_number(key);
}

double Settings::unused_number(std::string_view key) const {
  const std::string& text = get(key).text;
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

unsigned Settings::threads() const { return static_cast<unsigned>(integer("threads")); }
std::uint64_t Settings::seed() const {
  const std::string& text = asked("seed").text;
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void Settings::set_default(std::string_view key, const std::string& text, const std::string& origin) {
  const auto found = values_.find(key);
  if (found == values_.end()) throw std::logic_error("undeclared setting " + std::string(key));
  if (found->second.origin == "default") found->second = {text, origin, found->second.type};
}

void Settings::forget_what_was_asked() noexcept {
  for (auto& [key, value] : values_) value.asked = false;
}

std::vector<std::string> Settings::without_effect() const {
  // what is looked at only where something is wrong, and what every verb takes
  constexpr std::array k_silent{"allow_partial", "config", "dry_run", "isa",    "json_log",
                                "overwrite",     "seed",   "strict",  "threads"};
  std::vector<std::string> out;
  for (const auto& [key, value] : values_)
    if (!value.asked && !value.text.empty() && value.given &&
        std::find(k_silent.begin(), k_silent.end(), key) == k_silent.end())
      out.push_back(key);
  return out;
}

std::string Settings::print() const {
  std::string out;
  for (const auto& [key, value] : values_) {
    if (key == "print_config" || key == "config") continue;
    std::string line = key + " = ";
    if (value.type == OptionType::text) {
      line += '"';
      for (const char c : value.text) {
        if (c == '"' || c == '\\') line += '\\';
        line += c;
      }
      line += '"';
    } else {
      line += value.text.empty() ? "\"\"" : value.text;
    }
    out += line + std::string(line.size() < 44 ? 44 - line.size() : 1, ' ') + "# " + value.origin + '\n';
  }
  return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  const auto distance = [](std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= b.size(); ++j) {
        const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
      }
    }
    return row[b.size()];
  };
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : known) {
    const std::size_t d = distance(word, candidate);
    if (d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known, std::string_view prefix) {
  const std::string near = nearest(word, known);
  return near.empty() ? "" : "Did you mean '" + std::string(prefix) + near + "'?";
}

}  // namespace starglow::cli

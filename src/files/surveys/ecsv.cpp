#include "files/surveys/ecsv.hpp"

#include <charconv>
#include <fstream>
#include <limits>

#include "files/fits/fits_guard.hpp"
#include "starglow/base/error.hpp"

namespace starglow::files {
namespace {

constexpr std::uintmax_t k_largest = 256u << 20;
constexpr std::size_t k_longest_line = 1u << 20;

std::string trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  if (text.size() > 1 && (text.front() == '\'' || text.front() == '"') && text.back() == text.front())
    text = text.substr(1, text.size() - 2);
  return std::string(text);
}

// key: value pairs of a flow mapping {a: b, c: 'd'} or of one line a: b.
std::map<std::string, std::string> pairs(std::string_view text) {
  std::map<std::string, std::string> out;
  if (const auto open = text.find('{'); open != std::string_view::npos) {
    text.remove_prefix(open + 1);
    text = text.substr(0, text.rfind('}'));
  }
  while (!text.empty()) {
    std::size_t end = 0;
    char quote = 0;
    for (; end < text.size() && (quote != 0 || text[end] != ','); ++end)
      if (quote == 0 && (text[end] == '\'' || text[end] == '"'))
        quote = text[end];
      else if (text[end] == quote)
        quote = 0;
    const std::string_view one = text.substr(0, end);
    if (const auto colon = one.find(": "); colon != std::string_view::npos)
      out.emplace(trim(one.substr(0, colon)), trim(one.substr(colon + 2)));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return out;
}

std::vector<std::string> cells(std::string_view line, char delimiter) {
  std::vector<std::string> out;
  std::string cell;
  bool quoted = false, any = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"') {
      if (quoted && i + 1 < line.size() && line[i + 1] == '"')
        cell += line[++i];
      else
        quoted = !quoted;
      any = true;
    } else if (!quoted && (c == delimiter || c == '\r')) {
      if (delimiter != ' ' || any) out.push_back(cell);
      cell.clear();
      any = false;
    } else {
      cell += c;
      any = true;
    }
  }
  if (delimiter != ' ' || any) out.push_back(cell);
  return out;
}

}  // namespace

const Ecsv::Column* Ecsv::find(std::string_view name) const noexcept {
  for (const auto& column : columns)
    if (same_name(column.name, name)) return &column;
  return nullptr;
}

Ecsv read_ecsv(const std::filesystem::path& path) {
  const auto refuse = [&](const std::string& what, const std::string& seen, const std::string& wanted) {
    throw Error(ErrorKind::input, "'" + path.string() + "' " + what, {seen, wanted, ""});
  };
  std::error_code failed;
  const auto size = std::filesystem::file_size(path, failed);
  if (failed) refuse("cannot be read", failed.message(), "an ECSV table");
  if (size > k_largest) refuse("is too large for a table of text", std::to_string(size) + " bytes", "at most 256 MiB");
  std::ifstream in(path, std::ios::binary);
  Ecsv out;
  char delimiter = ' ';
  bool titled = false, in_columns = false;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const std::string where = "line " + std::to_string(number);
    if (line.ends_with('\r')) line.pop_back();  // written under Windows
    if (line.size() > k_longest_line) refuse(where + " is too long", std::to_string(line.size()) + " bytes", "1 MiB");
    if (number == 1 && !line.starts_with("# %ECSV"))
      refuse("is no ECSV file", "'" + line.substr(0, 40) + "'", "# %ECSV");
    if (line.starts_with("#")) {
      const std::string text = trim(std::string_view(line).substr(1));
      if (text.starts_with("delimiter:")) delimiter = text.find(',') != std::string::npos ? ',' : ' ';
      if (text.starts_with("datatype:")) in_columns = true;
      if (text.starts_with("meta:")) in_columns = false;
      auto found = pairs(text.starts_with("- ") ? std::string_view(text).substr(2) : std::string_view(text));
      if (in_columns) {
        if (text.starts_with("- ")) out.columns.push_back({found["name"], found["unit"], {}});
        if (!text.starts_with("- ") && !out.columns.empty()) {
          if (found.count("unit") > 0) out.columns.back().unit = found["unit"];
          if (found.count("name") > 0) out.columns.back().name = found["name"];
        }
        if (found.count("subtype") > 0) refuse("has a column of arrays", where, "one number a cell");
      } else {
        out.meta.merge(found);
      }
      continue;
    }
    if (trim(line).empty()) continue;
    const auto row = cells(line, delimiter);
    if (row.size() != out.columns.size())
      refuse(where + " does not fit the header", std::to_string(row.size()) + " cells",
             std::to_string(out.columns.size()));
    if (!titled) {
      titled = true;
      continue;
    }
    for (std::size_t c = 0; c < row.size(); ++c) out.columns[c].cells.push_back(row[c]);
  }
  return out;
}

std::vector<double> numbers_of(const Ecsv::Column& column, const std::string& file) {
  std::vector<double> out(column.cells.size(), std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::string& cell = column.cells[i];
    if (cell.empty() || cell == "nan" || cell == "NaN" || cell == "NAN") continue;
    if (cell == "True" || cell == "False") {
      out[i] = cell == "True" ? 1 : 0;
      continue;
    }
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), out[i]);
    if (error == std::errc::result_out_of_range) out[i] = std::numeric_limits<double>::infinity();
    if (error == std::errc::invalid_argument || end != cell.data() + cell.size())
      throw Error(ErrorKind::input,
                  "'" + file + "': column " + column.name + " holds no number in row " + std::to_string(i),
                  {"'" + cell.substr(0, 40) + "'", "a number", ""});
  }
  return out;
}

}  // namespace starglow::files

#include "files/fits/join.hpp"

#include <unordered_map>

#include "starglow/base/error.hpp"

namespace starglow::files {

RowKeys keys_of(FitsInput& file, const std::string& extname, std::uint64_t first, std::uint64_t count) {
  RowKeys out;
  out.id = file.ids(extname, "TARGETID", first, count);
  if (file.has_column(extname, "SURVEY")) out.survey = file.texts(extname, "SURVEY", first, count);
  if (file.has_column(extname, "PROGRAM")) out.program = file.texts(extname, "PROGRAM", first, count);
  return out;
}

bool same_rows(const RowKeys& a, const RowKeys& b) {
  const auto same = [](const auto& x, const auto& y) { return x.empty() || y.empty() || x == y; };
  return a.id == b.id && same(a.survey, b.survey) && same(a.program, b.program);
}

std::vector<std::size_t> match_rows(const RowKeys& of, const RowKeys& in, const std::string& what) {
  std::vector<std::size_t> out(of.id.size(), k_no_row);
  if (same_rows(of, in)) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = i;
    return out;
  }
  const bool survey = !of.survey.empty() && !in.survey.empty(), program = !of.program.empty() && !in.program.empty();
  const auto key = [&](const RowKeys& k, std::size_t i) {
    std::string text = std::to_string(k.id[i]);
    if (survey) text += "/" + k.survey[i];
    if (program) text += "/" + k.program[i];
    return text;
  };
  std::unordered_map<std::string, std::vector<std::size_t>> rows;
  for (std::size_t i = 0; i < in.id.size(); ++i)
    if (in.id[i] != k_null_integer) rows[key(in, i)].push_back(i);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (of.id[i] == k_null_integer) continue;
    const auto found = rows.find(key(of, i));
    if (found == rows.end()) continue;
    if (found->second.size() > 1)
      throw Error(ErrorKind::input, what + ": " + found->first + " is there twice",
                  {"rows " + std::to_string(found->second[0]) + " and " + std::to_string(found->second[1]),
                   "one row for each TARGETID" + std::string(survey || program ? ", SURVEY and PROGRAM" : ""),
                   survey || program ? "" : "With columns SURVEY and PROGRAM in both tables these count too."});
    out[i] = found->second[0];
  }
  return out;
}

}  // namespace starglow::files

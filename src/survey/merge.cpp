// The parts of a run as one catalogue.
#include <algorithm>
#include <fstream>
#include <optional>
#include <unordered_map>

#include "files/atomic_file.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/sha256.hpp"
#include "starglow/files/table.hpp"
#include "survey/ledger.hpp"

namespace starglow::survey {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t k_chunk = 4096;

// (TARGETID, SURVEY, PROGRAM): what makes two rows observations of one target.
struct Key {
  std::int64_t targetid;
  std::uint32_t where;  // number of the pair of survey and program
  bool operator==(const Key&) const = default;
};
struct HashOfKey {
  std::size_t operator()(const Key& k) const noexcept {
    return std::hash<std::uint64_t>{}(static_cast<std::uint64_t>(k.targetid) * 0x9e3779b97f4a7c15ULL + k.where);
  }
};

class Keys {
 public:
  std::vector<Key> read(const TableReader& part, std::size_t first, std::size_t count) {
    const auto ids = part.read_integers("TARGETID", first, count);
    const auto survey = part.read_text("SURVEY", first, count), program = part.read_text("PROGRAM", first, count);
    std::vector<Key> keys;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto number = pairs_.emplace(survey[i] + "\n" + program[i], static_cast<std::uint32_t>(pairs_.size()));
      keys.push_back({ids[i], number.first->second});
    }
    return keys;
  }

 private:
  std::unordered_map<std::string, std::uint32_t> pairs_;
};

bool same_columns(const std::vector<ColumnInfo>& a, const std::vector<ColumnInfo>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const ColumnInfo& x, const ColumnInfo& y) {
    return x.name == y.name && x.type == y.type && x.repeat == y.repeat && x.unit == y.unit;
  });
}

template <class To, class From>
std::vector<To> as(const From& from) {
  return {from.begin(), from.end()};
}

void copy_column(const TableReader& from, const ColumnInfo& c, std::size_t first, std::size_t count, TableWriter& out,
                 std::size_t at) {
  if (c.type == 'A') {
    out.write(c.name, at, std::span<const std::string>(from.read_text(c.name, first, count)));
  } else if (c.type == 'K') {
    out.write(c.name, at, std::span<const std::int64_t>(from.read_integers(c.name, first, count)));
  } else if (c.type == 'J') {
    out.write(c.name, at, std::span<const std::int32_t>(as<std::int32_t>(from.read_integers(c.name, first, count))));
  } else {
    const Matrix<double> values = from.read_column(c.name, first, count);
    std::vector<double> flat;
    for (std::size_t i = 0; i < values.rows(); ++i) flat.insert(flat.end(), values.row(i).begin(), values.row(i).end());
    if (c.type == 'E')
      out.write(c.name, at, std::span<const float>(as<float>(flat)));
    else
      out.write(c.name, at, std::span<const double>(flat));
  }
}

std::string quoted(std::string text) {
  for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) text.insert(at, "\"");
  std::replace(text.begin(), text.end(), '\n', ' ');
  return "\"" + text + "\"";
}

}  // namespace

Merged merge(const Plan& plan, const fs::path& dir, const fs::path& catalogue, const fs::path& rejects,
             bool allow_partial, bool overwrite, const std::function<void(std::size_t)>& between) {
  Merged merged;
  std::vector<std::size_t> done;
  std::string list = "part,file,row,targetid,reason\n", first_missing;
  std::string settings;
  for (std::size_t k = 0; k < plan.parts.size(); ++k) {
    const Part& part = plan.parts[k];
    const PartStatus status = status_of(plan, k, dir);
    if (status.state != State::done) {
      ++merged.left_out;
      const std::string why = status.state == State::failed ? status.reason : "not done yet";
      if (first_missing.empty()) first_missing = part.name + ": " + why;
      list += part.name + "," + quoted(part.inputs.front().generic_string()) + ",-1,," + quoted(why) + "\n";
      continue;
    }
    const Note note = *load_note(note_path(dir, part));
    if (settings.empty()) settings = note.settings;
    if (note.settings != settings)
      throw Error(ErrorKind::model, "part '" + part.name + "' was made with other settings than those before it",
                  {note.settings.substr(0, 12), settings.substr(0, 12), "Run 'starglow survey run' once more."});
    for (const auto& r : note.rejects)
      list += part.name + "," + quoted(r.file) + "," + std::to_string(r.row) + "," + std::to_string(r.targetid) + "," +
              quoted(r.reason) + "\n";
    merged.rejects += note.rejects.size();
    done.push_back(k);
  }
  if (merged.left_out > 0 && !allow_partial)
    throw Error(ErrorKind::numeric,
                std::to_string(merged.left_out) + " of " + std::to_string(plan.parts.size()) + " parts are not there",
                {first_missing, "every part done",
                 "'starglow survey run' works what is missing; --allow-partial merges the rest. Nothing was written."});
  if (done.empty()) throw Error(ErrorKind::numeric, "no part is done: nothing to merge", {first_missing, "", ""});

  Keys keys;
  std::unordered_map<Key, std::uint32_t, HashOfKey> times;
  for (const auto k : done) {
    const TableReader part(table_path(dir, plan.parts[k]));
    for (std::size_t first = 0; first < part.rows(); first += k_chunk)
      for (const Key& key : keys.read(part, first, std::min(k_chunk, part.rows() - first))) ++times[key];
  }

  std::optional<TableWriter> out;
  std::vector<ColumnInfo> columns;
  Provenance provenance;
  for (const auto k : done) {
    const fs::path path = table_path(dir, plan.parts[k]);
    const TableReader part(path);
    if (!out) {
      columns = part.columns();
      out.emplace(catalogue, columns, part.conventions(), overwrite);
    }
    if (!same_columns(columns, part.columns()))
      throw Error(ErrorKind::input, "'" + path.string() + "' has other columns than the parts before it",
                  {std::to_string(part.columns().size()) + " columns", std::to_string(columns.size()),
                   "Run 'starglow survey run' once more, or merge each kind of file by itself."});
    for (std::size_t first = 0; first < part.rows(); first += k_chunk) {
      const std::size_t count = std::min(k_chunk, part.rows() - first);
      if (between) between(merged.rows);
      const auto key = keys.read(part, first, count);
      for (const auto& column : columns) {
        if (column.name != "FLAGS") {
          copy_column(part, column, first, count, *out, merged.rows);
          continue;
        }
        auto flags = as<std::int32_t>(part.read_integers("FLAGS", first, count));
        for (std::size_t i = 0; i < count; ++i) {
          if (times[key[i]] < 2) continue;
          flags[i] |= k_repeated;
          ++merged.repeated;
        }
        merged.flags.add(flags);
        out->write("FLAGS", merged.rows, std::span<const std::int32_t>(flags));
      }
      merged.rows += count;
    }
    provenance.inputs.push_back(sum_of(path));
    ++merged.parts;
  }
  provenance.timeless = true;
  files::AtomicFile rejected(rejects, overwrite);
  rejected.write(list);
  out->commit(provenance);
  rejected.commit();
  return merged;
}

}  // namespace starglow::survey

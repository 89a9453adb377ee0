// One part: spectra in, its table and its note out.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>

#include "files/fits/fits_input.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/sha256.hpp"
#include "starglow/base/version.hpp"
#include "starglow/files/columns.hpp"
#include "starglow/files/measured_table.hpp"
#include "starglow/files/spectra_reader.hpp"
#include "starglow/files/table.hpp"
#include "starglow/judge/leave_one_out.hpp"
#include "survey/ledger.hpp"

namespace starglow::survey {
namespace {

namespace fs = std::filesystem;
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

// Median and quantiles of the prediction, beside the measured {LINE}_EW.
constexpr std::array<const char*, 3> k_suffixes{"_EW_PRED", "_EW_PRED_P16", "_EW_PRED_P84"};
constexpr std::span<const char* const> k_predicted(k_suffixes);
// The same of each line given the continuum and the other measured lines, and how far the measurement lies from it.
constexpr std::array<const char*, 4> k_given{"_EW_GIVEN", "_EW_GIVEN_P16", "_EW_GIVEN_P84", "_EW_GIVEN_PULL"};

// DELTACHI2 of the redshift fit, by TARGETID: what the reader does not take from the redshift file.
std::unordered_map<std::int64_t, double> deltachi2_of(const fs::path& redshifts) {
  files::FitsInput file(redshifts);
  const char* hdu = file.has("REDSHIFTS") ? "REDSHIFTS" : "ZBEST";
  std::unordered_map<std::int64_t, double> out;
  if (!file.has_column(hdu, "DELTACHI2")) return out;
  const std::uint64_t n = file.table_rows(hdu);
  const auto ids = file.integers(hdu, "TARGETID", 0, n);
  const auto values = file.doubles(hdu, "DELTACHI2", 0, n);
  for (std::size_t i = 0; i < n; ++i) out[ids[i]] = values[i];
  return out;
}

// "" = wanted; else why not.
std::string why_not(const Selection& want, const Spectra& s, std::size_t i, double deltachi2) {
  if (!want.targetids.empty() && !std::binary_search(want.targetids.begin(), want.targetids.end(), s.targetid[i]))
    return "not selected: TARGETID";
  if (!want.survey.empty() && !s.survey.empty() && s.survey[i] != want.survey) return "not selected: SURVEY";
  if (!want.program.empty() && !s.program.empty() && s.program[i] != want.program) return "not selected: PROGRAM";
  const std::string type = s.spectype.empty() ? "" : s.spectype[i];
  if (!want.spectype.empty() && type != want.spectype)
    return "not selected: SPECTYPE " + (type.empty() ? std::string("unknown") : type);
  const auto below = [](double value, double bound) { return std::isinf(bound) ? false : !(value >= bound); };
  const auto above = [](double value, double bound) { return std::isinf(bound) ? false : !(value <= bound); };
  if (below(deltachi2, want.min_deltachi2)) return "not selected: DELTACHI2";
  if (below(s.z[i], want.z_min) || above(s.z[i], want.z_max)) return "not selected: Z";
  return "";
}

// The table of a part: measured lines, predicted lines, DELTACHI2. Every part has the same columns, whatever its file
// says of its targets, so that parts can be joined.
class PartTable {
 public:
  PartTable(const fs::path& path, bool catalogue, const Conventions& conventions, bool distribution)
      : measured_({true, true, catalogue, false, [](std::string_view name) { return name != "ORIGINAL_ID"; }}),
        distribution_(distribution),
        columns_(measured_.columns()) {
    columns_.push_back(column("DELTACHI2"));
    const auto add = [&](const char* suffix) {
      for (auto& its : line_columns(suffix)) columns_.push_back(std::move(its));
    };
    for (const char* suffix : distribution_ ? k_predicted : k_predicted.first(1)) add(suffix);
    for (std::size_t k = 0; distribution_ && k < k_given.size(); ++k) add(k_given[k]);
    columns_.push_back(column("FLAGS"));
    out_.emplace(path, columns_, conventions, true);
  }

  void write(std::size_t first, const Spectra& s, std::span<const std::size_t> rows, std::span<const double> deltachi2,
             std::span<const Measurement> m, const Prediction& p, const GivenOthers& given) {
    measured_.write(*out_, first, s, rows, m);
    out_->write("DELTACHI2", first, deltachi2);
    lines(k_predicted[0], first, p.ew);
    if (distribution_) {
      lines(k_predicted[1], first, p.p16);
      lines(k_predicted[2], first, p.p84);
      const std::array<const Matrix<double>*, 4> values{&given.ew, &given.p16, &given.p84, &given.pull};
      for (std::size_t k = 0; k < k_given.size(); ++k) lines(k_given[k], first, *values[k]);
    }
    std::vector<std::int32_t> flags;
    for (std::size_t j = 0; j < rows.size(); ++j) flags.push_back(m[j].flags | p.flags[j]);
    out_->write("FLAGS", first, std::span<const std::int32_t>(flags));
  }
  void commit(const Provenance& provenance) { out_->commit(provenance); }

 private:
  void lines(const char* suffix, std::size_t first, const Matrix<double>& ew) {
    std::vector<float> values(ew.rows());
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(ew(i, line));
      out_->write(std::string(k_lines[line].name) + suffix, first, std::span<const float>(values));
    }
  }

  MeasuredTable measured_;
  bool distribution_;
  std::vector<ColumnInfo> columns_;
  std::optional<TableWriter> out_;
};

Galaxies galaxies_of(const Spectra& s, std::span<const std::size_t> rows, std::span<const Measurement> m,
                     const Conventions& conventions) {
  Galaxies g;
  g.n = rows.size();
  g.conventions = conventions;
  g.band_flux = Matrix<double>(g.n, k_n_bands);
  g.band_flux_ivar = Matrix<double>(g.n, k_n_bands);
  g.ew = g.ew_ivar = Matrix<float>(g.n, k_n_lines);
  for (std::size_t j = 0; j < g.n; ++j) {
    g.targetid.push_back(s.targetid[rows[j]]);
    g.survey.push_back(s.survey[rows[j]]);
    g.program.push_back(s.program[rows[j]]);
    g.ebv.push_back(s.ebv[rows[j]]);
    g.z.push_back(s.z[rows[j]]);
    std::copy(m[j].bands.flux.begin(), m[j].bands.flux.end(), g.band_flux.row(j).begin());
    std::copy(m[j].bands.ivar.begin(), m[j].bands.ivar.end(), g.band_flux_ivar.row(j).begin());
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      g.ew(j, line) = static_cast<float>(m[j].ew[line]);
      g.ew_ivar(j, line) = static_cast<float>(m[j].ew_ivar[line]);
    }
  }
  return g;
}

std::string settings_hash(const Plan& plan, const RunSettings& settings, const Tools& tools) {
  const std::string columns = plan.has_sdss() ? "catalogue EWs\n" : "";
  return sha256(settings.text() + columns + "model " + tools.model.hash() + "\ntemplates " + tools.templates_hash +
                "\nversion " + std::string(version()) + "\n");
}

Note work(const Plan& plan, const Part& part, const fs::path& dir, const RunSettings& settings, const Tools& tools,
          const std::function<void(std::size_t)>& between) {
  std::vector<fs::path> inputs;
  for (const auto& input : part.inputs) inputs.push_back(plan.tree / input);
  const bool sdss = part.layout == "sdss";
  Note note;
  for (const auto& input : inputs) try {
      note.inputs.push_back(sum_of(input));
    } catch (const Error&) {
      if (!sdss) throw;
      note.inputs.push_back({input.string(), 0, "", {}, {}});
    }
  SpectraReaderOptions how;
  how.skip_bad = sdss;
  SpectraReader reader(inputs, how);
  std::vector<std::size_t> file_of;  // of SDSS, a row is a file
  const auto leave_out = [&](std::size_t file, const std::string& why) {
    note.rejects.push_back({part.inputs[file].generic_string(), static_cast<std::int64_t>(file), k_null_id, why});
    note.broken.push_back(why);
  };
  for (std::size_t k = 0; sdss && k < inputs.size(); ++k) {
    const auto bad = std::ranges::find(reader.failures(), inputs[k], &SpectraReader::Failure::path);
    if (bad == reader.failures().end())
      file_of.push_back(k);
    else
      leave_out(k, bad->what);
  }
  const auto known = !sdss ? deltachi2_of(inputs.back()) : std::unordered_map<std::int64_t, double>();
  Conventions conventions = reader.conventions();
  if (settings.measure.deredden) conventions.mwcorr = "T";
  conventions.maskrule = settings.measure.recipe == MaskRecipe::robust ? "robust" : "k24";
  conventions.labelver = "starglow fit";
  PartTable table(table_path(dir, part), plan.has_sdss(), conventions, tools.model.has_distribution());
  note.rows_in = reader.rows() + note.broken.size();
  for (std::size_t first = 0; first < reader.rows();) {
    if (between) between(first);
    Spectra s;
    try {
      s = reader.read(first, settings.chunk);
    } catch (const Error& e) {
      if (!sdss || e.kind() != ErrorKind::input) throw;
      leave_out(file_of[first++], e.what());
      continue;
    }
    if (s.survey.empty()) s.survey.assign(s.size(), part.survey);
    if (s.program.empty()) s.program.assign(s.size(), part.program);
    std::vector<std::size_t> rows;
    std::vector<double> deltachi2;
    for (std::size_t i = 0; i < s.size(); ++i) {
      if (s.targetid[i] == k_null_id) s.flags[i] |= k_id_is_row;
      const auto found = known.find(s.targetid[i]);
      const double chi2 = found == known.end() ? k_nan : found->second;
      const std::string reason = why_not(settings.selection, s, i, chi2);
      if (!reason.empty()) {
        const std::size_t file = sdss ? file_of[first + i] : 0;
        note.rejects.push_back({part.inputs[file].generic_string(), static_cast<std::int64_t>(sdss ? file : first + i),
                                s.targetid[i], reason});
        continue;
      }
      rows.push_back(i);
      deltachi2.push_back(chi2);
    }
    if (!rows.empty()) {
      const auto measured = measure(s, rows, tools.templates, tools.pool, settings.measure);
      const Galaxies galaxies = galaxies_of(s, rows, measured, conventions);
      const auto predicted =
          tools.model.predict(galaxies, tools.pool, {.first_row = static_cast<std::size_t>(note.rows_out)});
      const GivenOthers given =
          tools.model.has_distribution() ? given_others(tools.model, galaxies, tools.pool) : GivenOthers{};
      table.write(note.rows_out, s, rows, deltachi2, measured, predicted, given);
      note.rows_out += rows.size();
    }
    first += s.size();
  }
  Provenance provenance;
  provenance.inputs = note.inputs;
  provenance.model_hash = tools.model.hash();
  provenance.timeless = true;  // equal parts are equal bytes, whenever and however often they are made
  table.commit(provenance);
  const auto written = sum_of(table_path(dir, part));
  note.bytes = written.bytes;
  note.sha256 = written.sha256;
  return note;
}

}  // namespace

std::string RunSettings::text() const {
  std::string out = "recipe " + std::string(measure.recipe == MaskRecipe::robust ? "robust" : "k24") + "\nderedden " +
                    (measure.deredden ? "yes" : "no") + "\nsurvey " + selection.survey + "\nprogram " +
                    selection.program + "\nspectype " + selection.spectype + "\ndeltachi2 " +
                    std::to_string(selection.min_deltachi2) + "\nz " + std::to_string(selection.z_min) + " " +
                    std::to_string(selection.z_max) + "\n";
  Sha256 ids;
  for (const auto id : selection.targetids) ids.add(std::to_string(id) + "\n");
  return out + "targetids " + ids.hex() + "\n";
}

PartStatus run_part(const Plan& plan, std::size_t index, const fs::path& dir, const RunSettings& settings,
                    const Tools& tools, const std::function<void(std::size_t)>& between) {
  const Part& part = plan.parts.at(index);
  PartStatus status = status_of(plan, index, dir);
  if (!part.problem.empty()) return status;
  const std::string wanted = settings_hash(plan, settings, tools);
  if (status.state == State::done && load_note(note_path(dir, part))->settings == wanted) return status;
  status = {};
  try {
    Note note = work(plan, part, dir, settings, tools, between);
    note.settings = wanted;
    save_note(note, note_path(dir, part));
    std::error_code none;
    fs::remove(failure_path(dir, part), none);
    status.state = State::done;
    status.rows_in = note.rows_in;
    status.rows_out = note.rows_out;
    status.rejects = note.rejects.size();
    status.broken = note.broken;
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::output || e.kind() == ErrorKind::usage) throw;
    save_failure(e.what(), failure_path(dir, part));
    status.state = State::failed;
    status.reason = e.what();
  }
  return status;
}

}  // namespace starglow::survey

#include <algorithm>
#include <limits>

#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"
#include "starglow/judge/evaluate.hpp"

namespace starglow {
namespace {

constexpr std::uint64_t k_size_salt = 0x51E5;  // apart from the folds and from the parts of the calibration

// The galaxies of a fold's training: those of the judged table, and of the others that are not of the fold.
Galaxies training_part(const Galaxies& g, std::span<const std::size_t> inside, const CrossValidation& how,
                       unsigned fold) {
  if (how.others.empty()) return select_rows(g, inside);
  std::vector<NamedTable> tables;
  if (!how.leave_out) tables.push_back({how.name, select_rows(g, inside)});
  for (const auto& other : how.others) {
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < other.galaxies.n; ++i)
      if (how.leave_out || fold_of(other.galaxies.targetid.at(i), how.folds) != fold) rows.push_back(i);
    tables.push_back(
        {other.name.empty() ? other.galaxies.conventions.labelver : other.name, select_rows(other.galaxies, rows)});
  }
  return join_tables(std::move(tables));
}

void keep(const Prediction& prediction, std::span<const std::size_t> rows, NamedPrediction& into) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy(prediction.ew.row(i).begin(), prediction.ew.row(i).end(), into.ew.row(rows[i]).begin());
    if (!prediction.domain.empty()) into.domain[rows[i]] = prediction.domain[i];
    if (!prediction.draws.empty())
      std::copy(prediction.draws.row(i).begin(), prediction.draws.row(i).end(), into.draws.row(rows[i]).begin());
  }
}

}  // namespace

std::vector<NamedPrediction> cross_validate(const Galaxies& g, const TrainConfig& config, const CrossValidation& how,
                                            WorkerPool& pool,
                                            const std::function<void(unsigned, const TrainProgress&)>& progress,
                                            std::vector<NamedPrediction>* others) {
  if (g.targetid.empty())
    throw Error(ErrorKind::input, "cross-validation needs the column TARGETID; its hash defines the parts");
  const std::size_t draws = config.joint ? how.draws : 0;
  const auto empty = [&](std::size_t n, const std::string& what) {
    return NamedPrediction{
        "cross-validated " + config.preset + (what.empty() ? "" : ", ") + what,
        Matrix<double>(n, config.lines.width(), std::numeric_limits<double>::quiet_NaN()),
        Matrix<float>(draws > 0 ? n : 0, config.lines.width() * draws, std::numeric_limits<float>::quiet_NaN()), draws,
        std::vector<double>(n, std::numeric_limits<double>::quiet_NaN())};
  };
  std::vector<NamedPrediction> out;
  for (const auto& variant : how.variants) out.push_back(empty(g.n, variant.name));
  if (others != nullptr) {
    others->clear();
    for (const auto& other : how.others) others->push_back(empty(other.galaxies.n, other.name));
  }
  if (how.leave_out && how.others.empty())
    throw Error(ErrorKind::usage, "no table remains to train on", {"one table", "at least two", ""});
  for (unsigned fold = 0; fold < (how.leave_out ? 1 : how.folds); ++fold) {
    std::vector<std::size_t> inside, outside;
    for (std::size_t i = 0; i < g.n; ++i)
      (how.leave_out || fold_of(g.targetid[i], how.folds) == fold ? outside : inside).push_back(i);
    if (outside.empty()) continue;
    if (how.train_size > 0 && how.train_size < inside.size()) {
      const auto place = [&](std::size_t i) {
        return splitmix64(splitmix64(static_cast<std::uint64_t>(g.targetid[i])) ^ k_size_salt);
      };
      std::sort(inside.begin(), inside.end(),
                [&](auto a, auto b) { return place(a) != place(b) ? place(a) < place(b) : a < b; });
      inside.resize(how.train_size);
      std::sort(inside.begin(), inside.end());
    }
    const Model model = train(training_part(g, inside, how, fold), config, pool, [&](const TrainProgress& p) {
      if (progress) progress(fold, p);
    });
    if (how.with_model) how.with_model(model, select_rows(g, outside), outside);
    for (std::size_t v = 0; v < out.size(); ++v) {
      Galaxies held_out = select_rows(g, outside);
      how.variants[v].change(held_out);
      PredictOptions options{.draws = draws, .seed = how.seed};
      GivenLines given;
      if (!how.given.empty()) {
        given = given_lines(held_out, how.given);
        options.given = &given;
      }
      if (how.selected) options.selected = &*how.selected;
      keep(model.predict(held_out, pool, options), outside, out[v]);
    }
    for (std::size_t k = 0; others != nullptr && k < how.others.size(); ++k) {
      const Galaxies& other = how.others[k].galaxies;
      std::vector<std::size_t> rows;
      for (std::size_t i = 0; i < other.n; ++i)
        if (fold_of(other.targetid.at(i), how.folds) == fold) rows.push_back(i);
      if (!rows.empty())
        keep(model.predict(select_rows(other, rows), pool, {.draws = draws, .seed = how.seed}), rows, (*others)[k]);
    }
  }
  return out;
}

}  // namespace starglow

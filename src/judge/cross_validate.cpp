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

}  // namespace

std::vector<NamedPrediction> cross_validate(const Galaxies& g, const TrainConfig& config, const CrossValidation& how,
                                            WorkerPool& pool,
                                            const std::function<void(unsigned, const TrainProgress&)>& progress) {
  if (g.targetid.empty())
    throw Error(ErrorKind::input, "cross-validation needs the column TARGETID; its hash defines the parts");
  const std::size_t draws = config.joint ? how.draws : 0;
  std::vector<NamedPrediction> out;
  for (const auto& variant : how.variants)
    out.push_back({"cross-validated " + config.preset + (variant.name.empty() ? "" : ", ") + variant.name,
                   Matrix<double>(g.n, k_n_lines, std::numeric_limits<double>::quiet_NaN()),
                   Matrix<float>(draws > 0 ? g.n : 0, k_n_lines * draws, std::numeric_limits<float>::quiet_NaN()),
                   draws});
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
      const Prediction prediction = model.predict(held_out, pool, options);
      for (std::size_t i = 0; i < outside.size(); ++i) {
        std::copy(prediction.ew.row(i).begin(), prediction.ew.row(i).end(), out[v].ew.row(outside[i]).begin());
        if (draws > 0)
          std::copy(prediction.draws.row(i).begin(), prediction.draws.row(i).end(),
                    out[v].draws.row(outside[i]).begin());
      }
    }
  }
  return out;
}

}  // namespace starglow

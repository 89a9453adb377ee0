#include <limits>

#include "starglow/error.hpp"
#include "starglow/evaluate.hpp"
#include "starglow/random.hpp"

namespace starglow {

NamedPrediction cross_validate(const Galaxies& g, const TrainConfig& config, unsigned folds, bool without_luminosity,
                               WorkerPool& pool, const std::function<void(unsigned, const TrainProgress&)>& progress) {
  if (g.targetid.empty())
    throw Error(ErrorKind::input, "cross-validation needs the column TARGETID: its hash makes the folds");
  NamedPrediction out{"cross-validated " + config.preset + (without_luminosity ? ", no luminosity" : ""),
                      Matrix<double>(g.n, k_n_lines, std::numeric_limits<double>::quiet_NaN())};
  for (unsigned fold = 0; fold < folds; ++fold) {
    std::vector<std::size_t> inside, outside;
    for (std::size_t i = 0; i < g.n; ++i) (fold_of(g.targetid[i], folds) == fold ? outside : inside).push_back(i);
    if (outside.empty()) continue;
    const Model model = train(select_rows(g, inside), config, pool, [&](const TrainProgress& p) {
      if (progress) progress(fold, p);
    });
    Galaxies held_out = select_rows(g, outside);
    if (without_luminosity) held_out.conventions.fluxscal = "relative";  // sends every row to the sibling
    const Prediction prediction = model.predict(held_out, pool);
    for (std::size_t i = 0; i < outside.size(); ++i)
      for (std::size_t line = 0; line < k_n_lines; ++line) out.ew(outside[i], line) = prediction.ew(i, line);
  }
  return out;
}

}  // namespace starglow

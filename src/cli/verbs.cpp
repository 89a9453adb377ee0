#include "cli/verb.hpp"

namespace starglow::cli {

// One line a verb; each is defined in the file of its name.
extern const Verb k_train, k_predict, k_evaluate, k_import_k24, k_mock, k_inspect, k_summary, k_bench, k_prep;
extern const Verb k_explore, k_paint;

std::span<const Verb* const> verbs() {
  static constexpr const Verb* k_verbs[]{
      &k_prep,       &k_train,   &k_predict, &k_paint, &k_mock,    &k_evaluate,
      &k_import_k24, &k_inspect, &k_summary, &k_bench, &k_explore,
  };
  return k_verbs;
}

}  // namespace starglow::cli

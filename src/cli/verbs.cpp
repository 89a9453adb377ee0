#include "cli/verb.hpp"

namespace starglow::cli {

// One line a verb; each is defined in the file of its name.
extern const Verb k_bench, k_embed, k_evaluate, k_explore, k_import_k24, k_inspect, k_mock, k_paint, k_predict, k_prep,
    k_summary, k_survey, k_train;

std::span<const Verb* const> verbs() {
  static constexpr const Verb* k_verbs[]{
      &k_prep,    &k_train,      &k_predict, &k_paint,   &k_mock,   &k_evaluate, &k_embed,
      &k_explore, &k_import_k24, &k_inspect, &k_summary, &k_survey, &k_bench,
  };
  return k_verbs;
}

}  // namespace starglow::cli

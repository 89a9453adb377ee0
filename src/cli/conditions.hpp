#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/settings.hpp"
#include "starglow/files/table.hpp"
#include "starglow/model/model.hpp"

namespace starglow::cli {

/// What --given and --selected ask for.
struct Conditions {
  std::vector<std::size_t> given;  ///< lines, indices into k_lines
  std::optional<Selection> selected;

  bool any() const noexcept { return !given.empty() || selected; }
  /// Error(model): a point model. Error(input): the table has not both columns of a given line, or neither the errors
  /// that a cut needs nor the model a noise law.
  void check(const TableReader& table, const Model& model) const;
  /// Sets the options for a chunk of that table. They refer to what is returned, and to this object.
  std::unique_ptr<GivenLines> apply(const Galaxies& chunk, PredictOptions& options) const;
};

/// Error(usage): unknown lines, a cut that cannot be read.
Conditions conditions_of(const Settings& settings);

}  // namespace starglow::cli

#pragma once
#include <span>
#include <string>

#include "cli/settings.hpp"
#include "cli/verb.hpp"
#include "starglow/base/view.hpp"

namespace starglow::cli {

/// `mock --population stars`: its settings and its work.
void declare_stars(OptionSet& set);
int run_stars(const Settings& settings, Console& console);

/// How alike two sets of galaxies are, feature by feature: two-sample statistics, medians, correlations.
std::string compare_features(const Matrix<double>& mock, const Matrix<double>& real,
                             std::span<const std::string> names);

}  // namespace starglow::cli

#pragma once
#include <string>

#include "starglow/base/line_set.hpp"
#include "starglow/model/model.hpp"

namespace starglow {

/// Error(model) unless networks fit their shapes, features and scalers, and give the lines of the model.
void check_bank(const NetworkBank& bank, const LineSet& lines, const std::string& name, bool distribution);

}  // namespace starglow

#include "starglow/base/error.hpp"
#include "starglow/kernels/network.hpp"

namespace starglow {

std::string_view to_string(Activation activation) noexcept {
  switch (activation) {
    case Activation::selu:
      return "selu";
    case Activation::polyswish:
      return "polyswish";
    case Activation::silu:
      return "silu";
  }
  return "unknown";
}

std::size_t NetworkShape::n_params() const noexcept {
  std::size_t n = 0;
  for (std::size_t l = 0; l + 1 < sizes.size(); ++l)
    n += static_cast<std::size_t>(sizes[l] + 1) * static_cast<std::size_t>(sizes[l + 1]);
  return n;
}

void NetworkShape::check() const {
  if (sizes.size() < 2 || sizes.size() > 8)
    throw Error(ErrorKind::model, "a network has a wrong number of layers",
                {std::to_string(sizes.empty() ? 0 : sizes.size() - 1), "1 to 7", ""});
  for (const auto size : sizes)
    if (size < 1 || size > 4096)
      throw Error(ErrorKind::model, "a layer has a wrong width", {std::to_string(size), "1 to 4096", ""});
  if (to_string(activation) == "unknown") throw Error(ErrorKind::model, "unknown activation");
}

}  // namespace starglow

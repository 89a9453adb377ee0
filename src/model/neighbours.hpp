#pragma once
#include <memory>
#include <span>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/model/neighbours.hpp"
#include "starglow/model/train.hpp"

namespace starglow {

/// A bank of training galaxies made ready to be asked: a k-d tree over the principal components (nanoflann).
class NeighbourIndex {
 public:
  explicit NeighbourIndex(const NeighbourBank& bank);
  ~NeighbourIndex();
  NeighbourIndex(NeighbourIndex&&) noexcept;

  /// features (n_in) -> asinh EW of the eight independent lines.
  void answer(std::span<const double> features, std::span<double> t) const;
  /// The same for a point of the component space, with another number of neighbours.
  void answer_point(std::span<const float> point, std::size_t k, std::span<double> t) const;

 private:
  struct Tree;
  const NeighbourBank& bank_;
  std::unique_ptr<Tree> tree_;
};

/// Gathers the usable rows; k and the number of components by five-fold cross-validation (mean absolute error of asinh
/// EW) where the settings leave them 0. What was tried goes into `note`, "components:k:error,...".
NeighbourBank fit_neighbours(const Galaxies& galaxies, std::span<const std::size_t> rows, const TrainConfig& config,
                             WorkerPool& pool, std::string& note);

}  // namespace starglow

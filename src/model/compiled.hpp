#pragma once
#include <array>
#include <span>
#include <string>
#include <vector>

#include "kernels/network.hpp"
#include "starglow/model.hpp"

namespace starglow {

/// A model made ready to run: networks in both number types, numbers of the metadata parsed once.
struct Model::Compiled {
  explicit Compiled(Parts given);

  /// Runs the networks with (`full`) or without luminosity for the given rows of `g`; writes ew(row, ...) and, where
  /// given, jacobian(row, line * 12 + band). T: number type of the networks.
  template <class T>
  void run(bool full, const Galaxies& g, std::span<const std::size_t> rows, Matrix<double>& ew,
           Matrix<double>* jacobian) const;

  struct Bank {
    std::vector<kernels::Network<float>> f32;
    std::vector<kernels::Network<double>> f64;
  };
  template <class T>
  static const std::vector<kernels::Network<T>>& networks(const Bank& bank) {
    if constexpr (sizeof(T) == sizeof(float))
      return bank.f32;
    else
      return bank.f64;
  }

  Parts parts;
  Bank full, no_luminosity;
  std::string hash;
  double z_min = 0, z_max = 1e9;
  std::array<double, k_doublets.size()> ew_ratio{};  ///< EW(strong)/EW(weak) of this model
};

}  // namespace starglow

#pragma once
#include <cstddef>
#include <memory>

#include "starglow/base/parallel.hpp"

namespace starglow::cli {

/// What `bench` times of spectra, on the 7781 pixels of DESI. Each returns the number of spectra done.
class SpectraBench {
 public:
  static constexpr std::size_t k_prepared = 64, k_painted = 256;

  explicit SpectraBench(WorkerPool& pool);
  ~SpectraBench();
  SpectraBench(const SpectraBench&) = delete;
  SpectraBench& operator=(const SpectraBench&) = delete;

  /// Three cameras merged, bands, starlight and Gaussians fitted: S/N 3 to 30 a pixel, EW 0.3 to 100 A, z 0.06-0.36.
  double prep() const;
  double side_bands() const;  ///< EWs of ten lines of a merged spectrum against their side bands
  double paint() const;       ///< ten lines on a spectrum

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace starglow::cli

#pragma once
#include <cstdint>
#include <memory>

#include "starglow/base/parallel.hpp"
#include "starglow/model/model.hpp"

namespace starglow::cli {

/// What `bench` times of the starlight: a made-up grid of 22 metallicities, 94 ages and 1963 wavelengths, histories of
/// 100 points, lognormal metallicity, burst and dust. Each returns the number of galaxies done.
class StarBench {
 public:
  StarBench(std::uint64_t seed, std::size_t n, const Model& model, WorkerPool& pool);
  ~StarBench();
  StarBench(const StarBench&) = delete;
  StarBench& operator=(const StarBench&) = delete;

  double mock() const;   ///< histories to bands, lines with draws and noise, luminosities, magnitudes in five filters
  double seds() const;   ///< whole rest spectra, without dust
  double bands() const;  ///< twelve bands and ten line continua
  double jacobians() const;  ///< their derivatives by the nine parameters but t_obs
  std::size_t n_seds() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace starglow::cli

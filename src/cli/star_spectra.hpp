#pragma once
#include <optional>
#include <vector>

#include "cli/settings.hpp"
#include "starglow/files/spectra_file.hpp"
#include "starglow/mock/star_mock.hpp"

namespace starglow::cli {

/// Continua of mock galaxies on the grid's own pixels, seen at each galaxy's redshift, for `paint`.
class SpectraOutput {
 public:
  SpectraOutput(const Settings& settings, const SspGrid& grid, const StarMocker& maker, std::size_t rows);
  void write(std::size_t first, const StarMock& chunk, WorkerPool& pool);
  void commit(const Provenance& provenance) { writer_->commit(provenance); }

 private:
  std::size_t lo_, hi_;
  std::vector<double> wave_;
  std::optional<StarSynthesis> synthesis_;
  std::optional<DustScreen> screen_;
  std::optional<SpectraFileWriter> writer_;
};

}  // namespace starglow::cli

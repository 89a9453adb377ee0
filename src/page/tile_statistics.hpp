#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "starglow/model/model.hpp"

namespace starglow::files {

/// What a galaxy's row of the tiled page holds, in single precision, NaN = none.
struct TileChannels {
  std::vector<std::string> fields;      ///< names of the numbers of a row
  std::vector<std::size_t> means;       ///< of the fields: those that cells have the mean of
  std::vector<std::string> mean_names;  ///< their names
  std::vector<std::size_t> columns;     ///< of the fields: those that have a file of their own, to be filtered by
  void fill(const Galaxies& g, const Prediction& p, const Matrix<double>& noisy, std::size_t i,
            std::vector<float>& row) const;
  /// Whether a row shows what the page is about: a strong Halpha, well measured where there are measurements.
  bool shows(const std::vector<float>& row) const;
};
TileChannels tile_channels();

/// Exact counts over all galaxies: a histogram of each field that has a mean (on asinh for EWs), and the diagram of
/// line ratios in the three states.
class TileStatistics {
 public:
  explicit TileStatistics(const TileChannels& channels);
  void add(const std::vector<float>& row);
  std::string json() const;

 private:
  struct Histogram {
    std::string name;
    std::size_t field = 0;
    bool stretched = false;  ///< asinh
    double low = 0, high = 1;
    std::vector<std::uint64_t> counts;
    std::uint64_t below = 0, above = 0, without = 0;
  };
  struct Ratios {
    std::string state;
    std::array<std::size_t, 4> fields{};  ///< [NII], Halpha, [OIII], Hbeta
    std::vector<std::uint64_t> cells;
    std::uint64_t outside = 0;
    std::array<std::uint64_t, 3> classes{};
  };
  std::vector<Histogram> histograms_;
  std::vector<Ratios> ratios_;
};

}  // namespace starglow::files

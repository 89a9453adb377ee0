#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "page/tile_statistics.hpp"

namespace starglow::files {

inline constexpr std::size_t k_tile_side = 64, k_tile_cells = k_tile_side * k_tile_side;

/// A file that is written from its beginning to its end. Error(output): it cannot be.
class Written {
 public:
  explicit Written(const std::filesystem::path& path);
  void put(const void* data, std::size_t bytes);
  template <class T>
  void put(const T& value) {
    put(&value, sizeof value);
  }
  std::uint64_t close();  ///< its size

 private:
  void flush();
  [[noreturn]] void fail() const;
  std::filesystem::path path_;
  std::ofstream out_;
  std::string buffer_;
  std::uint64_t size_ = 0;
};

/// The square that holds the map: u, v in 0..1. The middle 99.9 % of each axis and a little room; strays are held at
/// the edge.
struct TileFrame {
  double x0 = 0, y0 = 0, size = 1;
  double u(float x) const;
  double v(float y) const;
};
TileFrame tile_frame(const std::vector<float>& xy);

/// How many levels so many galaxies deserve: two a cell of the finest on the average.
std::size_t tile_levels(std::size_t galaxies);

/// Sums of a level: dense, all channels of a cell together.
struct TileLevel {
  std::size_t side = 0;  ///< cells
  std::vector<std::uint32_t> count, known;
  std::vector<float> sum;
  TileLevel(std::size_t cells_a_side, std::size_t channels);
  void add(std::size_t cell, const TileChannels& channels, const std::vector<float>& row);
};

/// Where the bluest and the reddest tenth of the galaxies lie, by the mean colours of a level's cells: mean places,
/// 0..1.
std::pair<std::array<double, 2>, std::array<double, 2>> blue_and_red(const TileLevel& level,
                                                                     const TileChannels& channels);

/// One level's files: occupied cells tile by tile; means as half precision, a file a channel.
class LevelFiles {
 public:
  LevelFiles(const std::filesystem::path& folder, std::size_t level, const std::vector<std::string>& channels);
  void cell(std::size_t place, std::uint32_t count, const float* sum, const std::uint32_t* known);
  std::uint32_t written() const { return written_; }
  std::uint64_t close();

 private:
  Written cells_;
  std::vector<std::unique_ptr<Written>> means_;
  std::uint32_t written_ = 0;
};

}  // namespace starglow::files

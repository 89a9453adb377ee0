// The pyramid of the tiled page: its frame, its levels, their files.
#include "page/tile_pyramid.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>

#include "page/page_bundle.hpp"
#include "starglow/base/error.hpp"

namespace starglow::files {

Written::Written(const std::filesystem::path& path) : path_(path), out_(path, std::ios::binary | std::ios::trunc) {
  if (!out_) fail();
}

void Written::put(const void* data, std::size_t bytes) {
  buffer_.append(static_cast<const char*>(data), bytes);
  size_ += bytes;
  if (buffer_.size() >= (std::size_t{1} << 20U)) flush();
}

std::uint64_t Written::close() {
  flush();
  out_.close();
  if (!out_) fail();
  return size_;
}

void Written::flush() {
  out_.write(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
  if (!out_) fail();
  buffer_.clear();
}

void Written::fail() const {
  throw Error(ErrorKind::output, "a file of the page cannot be written",
              {path_.string(), "a folder with room for the page", std::strerror(errno)});
}

double TileFrame::u(float x) const {
  return std::clamp((static_cast<double>(x) - x0) / size, 0.0, std::nextafter(1.0, 0.0));
}
double TileFrame::v(float y) const {
  return std::clamp((static_cast<double>(y) - y0) / size, 0.0, std::nextafter(1.0, 0.0));
}

TileFrame tile_frame(const std::vector<float>& xy) {
  std::array<std::pair<double, double>, 2> ends{};
  const std::size_t n = xy.size() / 2, step = std::max<std::size_t>(1, n / 1'000'000);
  for (std::size_t c = 0; c < 2; ++c) {
    std::vector<float> v;
    float low = std::numeric_limits<float>::infinity(), high = -low;
    for (std::size_t i = 0; i < n; ++i) {
      const float x = xy[2 * i + c];
      if (!std::isfinite(x)) continue;
      low = std::min(low, x);
      high = std::max(high, x);
      if (i % step == 0) v.push_back(x);
    }
    if (v.empty()) throw Error(ErrorKind::input, "no galaxy is on the map");
    std::sort(v.begin(), v.end());
    const auto at = [&](double p) {
      return static_cast<double>(v[static_cast<std::size_t>(p * static_cast<double>(v.size() - 1))]);
    };
    const double a = at(0.0005), b = at(0.9995), room = 0.06 * (b - a);
    // Everybody within; but strays far out are held at the edge rather than shrink the map to a dot.
    ends[c] = {std::max(static_cast<double>(low), a - room), std::min(static_cast<double>(high), b + room)};
  }
  TileFrame f;
  f.size = 1.02 * std::max({ends[0].second - ends[0].first, ends[1].second - ends[1].first, 1e-6});
  f.x0 = (ends[0].first + ends[0].second - f.size) / 2;
  f.y0 = (ends[1].first + ends[1].second - f.size) / 2;
  return f;
}

std::size_t tile_levels(std::size_t galaxies) {
  std::size_t level = 0;
  while (level < 8 && 2 * k_tile_cells * (std::size_t{1} << (2 * (level + 1))) <= galaxies) ++level;
  return level + 1;
}

TileLevel::TileLevel(std::size_t cells_a_side, std::size_t channels)
    : side(cells_a_side), count(side * side), known(side * side * channels), sum(side * side * channels) {}

void TileLevel::add(std::size_t cell, const TileChannels& channels, const std::vector<float>& row) {
  ++count[cell];
  const std::size_t n = channels.means.size();
  for (std::size_t c = 0; c < n; ++c)
    if (const float value = row[channels.means[c]]; std::isfinite(value)) {
      sum[cell * n + c] += value;
      ++known[cell * n + c];
    }
}

LevelFiles::LevelFiles(const std::filesystem::path& folder, std::size_t level, const std::vector<std::string>& channels)
    : cells_(folder / ("L" + std::to_string(level) + ".cells")) {
  for (const auto& name : channels)
    means_.push_back(std::make_unique<Written>(folder / ("L" + std::to_string(level) + "." + name)));
}

void LevelFiles::cell(std::size_t place, std::uint32_t count, const float* sum, const std::uint32_t* known) {
  cells_.put(static_cast<std::uint16_t>(place));
  cells_.put(count);
  for (std::size_t c = 0; c < means_.size(); ++c)
    means_[c]->put(
        to_half(known[c] > 0 ? sum[c] / static_cast<float>(known[c]) : std::numeric_limits<float>::quiet_NaN()));
  ++written_;
}

std::uint64_t LevelFiles::close() {
  std::uint64_t bytes = cells_.close();
  for (auto& m : means_) bytes += m->close();
  return bytes;
}

std::pair<std::array<double, 2>, std::array<double, 2>> blue_and_red(const TileLevel& level,
                                                                     const TileChannels& channels) {
  const auto found = std::find(channels.mean_names.begin(), channels.mean_names.end(), "COLOUR");
  const auto c = static_cast<std::size_t>(found - channels.mean_names.begin()), n = channels.means.size();
  std::vector<std::pair<float, std::size_t>> cells;
  double all = 0;
  for (std::size_t cell = 0; cell < level.count.size(); ++cell)
    if (const auto known = level.known[cell * n + c]; known > 0) {
      cells.emplace_back(level.sum[cell * n + c] / static_cast<float>(known), cell);
      all += known;
    }
  std::sort(cells.begin(), cells.end());
  const auto mean = [&](auto first, auto last) {
    std::array<double, 2> out{};
    double weight = 0;
    for (; first != last && weight < 0.1 * all; ++first) {
      const double w = level.count[first->second];
      out[0] += w * (static_cast<double>(first->second % level.side) + 0.5) / static_cast<double>(level.side);
      out[1] += w * (static_cast<double>(first->second / level.side) + 0.5) / static_cast<double>(level.side);
      weight += w;
    }
    for (double& v : out) v /= std::max(weight, 1.0);
    return out;
  };
  return {mean(cells.begin(), cells.end()), mean(cells.rbegin(), cells.rend())};
}

}  // namespace starglow::files

#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "starglow/stars/histories.hpp"

namespace starglow {

/// Reads tables of histories (docs/mocks.md): FITS with the columns Z, LGMET, SFR and SFH_TIME (as many elements as
/// times, the same in every row), and, where they are there, TARGETID, AV, LGMET_SCATTER, SLOPE, BUMP, FIBRE_FRACTION,
/// T_OBS; HDF5 with datasets of these names, SFH_TIME of one dimension. Without TARGETID the first row is 1.
class HistoryReader {
 public:
  /// Error(input): no such file, a column that is absent or of another shape, times that differ or do not ascend.
  explicit HistoryReader(const std::filesystem::path& path);
  ~HistoryReader();
  std::size_t rows() const noexcept;
  const std::vector<double>& times() const noexcept;
  std::vector<std::string> notes() const;
  /// Rows [first, first + count).
  StarHistories read(std::size_t first, std::size_t count) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace starglow

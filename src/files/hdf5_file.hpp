#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace starglow::files {

/// Refuses, before the library sees it, what is no regular file or has a superblock that does not fit the file:
/// Error(input). What lies behind the superblock is the library's to check.
void check_hdf5(const std::filesystem::path& path);

/// A read-only HDF5 file whose superblock was checked against the file's size before the library saw it. One object of
/// it is used by one thread at a time; the library itself is locked.
class Hdf5File {
 public:
  explicit Hdf5File(const std::filesystem::path& path);  ///< Error(input)
  ~Hdf5File();
  Hdf5File(const Hdf5File&) = delete;
  Hdf5File& operator=(const Hdf5File&) = delete;

  /// Bytes of the largest dataset, as numbers in double precision; one that is more than 200 times larger than its file
  /// is refused too, from 16 MiB on.
  static constexpr std::uint64_t k_largest = std::uint64_t{8} << 30;

  bool has(const std::string& name) const;
  bool is_text(const std::string& name) const;
  /// Shape of a dataset of the root group. Error(input): absent, no dataset, larger than 8 GiB, stored outside the
  /// file, or packed by a filter other than gzip, shuffle, fletcher32.
  std::vector<std::uint64_t> shape(const std::string& name) const;
  std::vector<double> doubles(const std::string& name) const;     ///< any floating-point or integer type
  std::vector<std::string> texts(const std::string& name) const;  ///< fixed or variable length
  [[noreturn]] void refuse(const std::string& what, const std::string& seen, const std::string& wanted) const;

 private:
  std::filesystem::path path_;
  std::int64_t file_ = -1;
};

}  // namespace starglow::files

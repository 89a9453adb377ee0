#pragma once
#include <fitsio.h>

#include <filesystem>
#include <string>
#include <vector>

#include "files/fits/fits_guard.hpp"
#include "starglow/base/error.hpp"

namespace starglow::files {

/// Throws with CFITSIO's own messages when `status` is not 0.
void check_fits(int status, ErrorKind kind, const std::string& what);

/// An open CFITSIO file.
class FitsFile {
 public:
  FitsFile() = default;
  ~FitsFile() { close(); }
  FitsFile(FitsFile&& other) noexcept : file_(other.file_) { other.file_ = nullptr; }
  FitsFile& operator=(FitsFile&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  static FitsFile open(const std::filesystem::path& path);    ///< Error(input)
  static FitsFile create(const std::filesystem::path& path);  ///< Error(output)
  void close() noexcept;
  /// Closes and reports: the last buffers are written here.
  void close_checked(const std::string& what);
  fitsfile* get() const noexcept { return file_; }
  /// Value of a header card as text, "" when absent.
  std::string card(const std::string& key) const;

 private:
  fitsfile* file_ = nullptr;
};

/// CHECKSUM and DATASUM of the current HDU against its bytes.
enum class Sums { absent, right, wrong_data, wrong_header };
Sums sums_of(fitsfile* file, const std::string& what);  ///< Error(input), "what: ...": they cannot be computed
/// Error(input), "what was changed after it was written", where the sums of the current HDU are wrong.
void verify_sums(fitsfile* file, const std::string& what);
/// The card CREATOR in the primary header of every file of this program.
inline constexpr char k_creator[] = "starglow";
/// Every HDU of a file of ours (it has CREATOR or an HDU PROVENANCE) has both sums or, changed by somebody, none:
/// verifies those of less than 1 MB but number `skip` (from 0). What is larger is verified by whoever reads it.
/// Error(input) that names the file, `name`. The current HDU is another afterwards.
void verify_own(const FitsFile& file, const FitsSummary& summary, const std::string& name, std::size_t skip);

/// Plain file to read from: the path itself, or, for gzip, a temporary copy that is removed with this object.
class PlainFile {
 public:
  explicit PlainFile(const std::filesystem::path& path);  ///< Error(input): unreadable, or a gzip bomb
  ~PlainFile();
  PlainFile(const PlainFile&) = delete;
  PlainFile& operator=(const PlainFile&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
  bool temporary_ = false;
};

}  // namespace starglow::files

#pragma once
#include <filesystem>
#include <string>

#include "starglow/base/error.hpp"

namespace starglow {

/// Error(input) unless `path` names a regular file (a link to one counts): a pipe would be waited for without end, and
/// a folder or a device is no input. `what`: "file list 'x'", for the message.
inline void check_input_file(const std::filesystem::path& path, const std::string& what) {
  std::error_code failed;
  const auto status = std::filesystem::status(path, failed);
  if (std::filesystem::is_regular_file(status)) return;
  throw Error(ErrorKind::input, what + " cannot be read",
              {std::filesystem::is_directory(status) ? "a folder"
               : std::filesystem::exists(status)     ? "a device, pipe or socket"
                                                     : "no such file",
               "a regular file", ""});
}

}  // namespace starglow

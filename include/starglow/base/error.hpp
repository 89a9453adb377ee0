#pragma once
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>

namespace starglow {

/// What went wrong, in the five ways a caller can act on. The command line maps them to exit codes.
enum class ErrorKind {
  usage,    ///< wrong call: unknown option, impossible combination          exit 2
  input,    ///< a file or an array that cannot be understood                exit 3
  output,   ///< an output that could not be written; the old one is intact  exit 5
  model,    ///< a model or checkpoint that does not fit                     exit 6
  numeric,  ///< a computation without a finite answer                       exit 4
};

/// Exit code of the command line for each kind. 1 (a bug) is every exception that is not an Error.
int exit_code(ErrorKind kind) noexcept;
std::string_view to_string(ErrorKind kind) noexcept;

/// The only exception that the library throws on purpose. Missing data are data (NaN and a flag), not exceptions.
///
/// The message has four parts: what is wrong, the value seen, the value wanted, and the remedy; empty parts are left
/// out.
class Error : public std::runtime_error {
 public:
  struct Detail {
    std::string seen;    ///< the value found
    std::string wanted;  ///< the value that would have been right
    std::string remedy;  ///< what the reader can do
  };
  Error(ErrorKind kind, const std::string& what, Detail detail = {},
        std::source_location where = std::source_location::current());

  ErrorKind kind() const noexcept { return kind_; }
  const Detail& detail() const noexcept { return detail_; }
  const std::source_location& where() const noexcept { return where_; }

 private:
  ErrorKind kind_;
  Detail detail_;
  std::source_location where_;
};

}  // namespace starglow

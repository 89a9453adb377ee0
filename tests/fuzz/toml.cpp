// Configuration files of the command line.
#include "cli/settings.hpp"
#include "fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starglow;
  static const fuzz::File file;
  return fuzz::answer([&] {
    cli::OptionSet options;
    options.add({"epochs", cli::OptionType::integer, "passes", "90"});
    options.add({"rate", cli::OptionType::number, "rate", "0.5"});
    options.add({"hidden", cli::OptionType::text, "widths", "8,8"});
    options.add({"noise", cli::OptionType::flag, "noise", "false"});
    const auto parsed = cli::parse_arguments("train", options, {"--config", file.write(data, size).string()});
    (void)parsed.settings.print();
  });
}

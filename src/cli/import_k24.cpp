#include "starglow/files/import_k24.hpp"
#include "starglow/files/models.hpp"

#include <fmt/format.h>

#include "cli/verb.hpp"
#include "starglow/base/error.hpp"

namespace starglow::cli {
namespace {

void declare(OptionSet& set) {
  set.positional = {"params.npy", "published weights (with luminosity, unless --without-luminosity alone is given)", 0,
                    1};
  set.add({"output", OptionType::text, "model file to write", "", "FILE", 'o'});
  set.add({"without_luminosity", OptionType::text, "published weights without luminosity", "", "FILE"});
}

int run(const Settings& settings, Console& console) {
  if (!settings.is_set("output"))
    throw Error(ErrorKind::usage, "no output given", {"", "", "-o k24.safetensors names it."});
  std::optional<std::filesystem::path> with, without;
  if (!settings.positionals().empty()) with = settings.positionals()[0];
  if (settings.is_set("without_luminosity")) without = settings.text("without_luminosity");
  const Model model = import_k24(with, without);
  if (settings.flag("dry_run")) {
    console.info(
        fmt::format("would write {} networks into {}", (with ? 10 : 0) + (without ? 10 : 0), settings.text("output")));
    return 0;
  }
  save(model, settings.text("output"), settings.flag("overwrite"));
  console.info(fmt::format("{}: {} networks, {} parameters; the pickle was not executed", settings.text("output"),
                           (with ? 10 : 0) + (without ? 10 : 0), model.n_params()));
  return 0;
}

}  // namespace

extern const Verb k_import_k24;
const Verb k_import_k24{"import-k24", "convert the published weights of Khederlarian et al. 2024",
                        "starglow import-k24 params_of_model_with_luminosity.npy -o k24.safetensors\n"
                        "starglow import-k24 with.npy --without-luminosity without.npy -o k24.safetensors",
                        declare, run};

}  // namespace starglow::cli

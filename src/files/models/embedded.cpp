// The model files, bytes as they stand in models/.
#include <cstdint>

#include "base/embed.hpp"
#include "files/models/model_io.hpp"
#include "starglow/base/error.hpp"

STARGLOW_EMBED(starglow_embedded_model, STARGLOW_MODELS "/starglow.safetensors")
STARGLOW_EMBED(starglow_embedded_joint_0_1, STARGLOW_MODELS "/joint-0.1.safetensors")
STARGLOW_EMBED(starglow_embedded_population, STARGLOW_MODELS "/population.safetensors")
STARGLOW_EMBED(starglow_embedded_ssp, STARGLOW_MODELS "/ssp.safetensors")
STARGLOW_EMBED(starglow_embedded_templates, STARGLOW_MODELS "/templates.safetensors")

namespace starglow::files {

std::span<const unsigned char> embedded_model(std::string_view name) {
  if (name == "starglow") return {STARGLOW_EMBEDDED(starglow_embedded_model)};
  if (name == "joint-0.1") return {STARGLOW_EMBEDDED(starglow_embedded_joint_0_1)};
  if (name == "population") return {STARGLOW_EMBEDDED(starglow_embedded_population)};
  if (name == "templates") return {STARGLOW_EMBEDDED(starglow_embedded_templates)};
  if (name == "ssp") return {STARGLOW_EMBEDDED(starglow_embedded_ssp)};
  throw Error(ErrorKind::model, "no such model inside the library",
              {"'" + std::string(name) + "'", "starglow, joint-0.1, population, templates or ssp", ""});
}

}  // namespace starglow::files

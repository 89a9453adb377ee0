#include "files/models/model_io.hpp"
#include "starglow/base/error.hpp"

// The model files, bytes as they stand in models/.
#define STARGLOW_EMBED(symbol, file)                                                                     \
  __asm__(".section .rodata\n.balign 16\n.global " #symbol "_begin\n" #symbol "_begin:\n.incbin \"" file \
          "\"\n"                                                                                         \
          ".global " #symbol "_end\n" #symbol "_end:\n.byte 0\n.previous\n");                            \
  extern "C" const unsigned char symbol##_begin[], symbol##_end[];

STARGLOW_EMBED(starglow_embedded_model, STARGLOW_MODELS "/starglow.safetensors")
STARGLOW_EMBED(starglow_embedded_population, STARGLOW_MODELS "/population.safetensors")
STARGLOW_EMBED(starglow_embedded_ssp, STARGLOW_MODELS "/ssp.safetensors")
STARGLOW_EMBED(starglow_embedded_templates, STARGLOW_MODELS "/templates.safetensors")

namespace starglow::files {

std::span<const unsigned char> embedded_model(std::string_view name) {
  if (name == "starglow") return {starglow_embedded_model_begin, starglow_embedded_model_end};
  if (name == "population") return {starglow_embedded_population_begin, starglow_embedded_population_end};
  if (name == "templates") return {starglow_embedded_templates_begin, starglow_embedded_templates_end};
  if (name == "ssp") return {starglow_embedded_ssp_begin, starglow_embedded_ssp_end};
  throw Error(ErrorKind::model, "no such model inside the library",
              {"'" + std::string(name) + "'", "starglow, population, templates or ssp", ""});
}

}  // namespace starglow::files

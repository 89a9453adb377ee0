// Model files, checkpoints and templates of starlight: the container, then what they make of it.
#include "files/models/safetensors.hpp"

#include "files/models/model_io.hpp"
#include "fuzz/target.hpp"
#include "starglow/files/models.hpp"
#include "starglow/files/starlight.hpp"
#include "starglow/model/checkpoint.hpp"
#include "starglow/spectra/templates.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starglow;
  fuzz::answer([&] {
    const auto content = files::parse_safetensors({data, size}, "fuzz");
    (void)files::format_safetensors(content);
    (void)Model(files::model_from_tensors(content));
  });
  static const fuzz::File file;
  const auto path = file.write(data, size);
  fuzz::answer([&] { (void)load_templates(path); });
  return fuzz::answer([&] { (void)load_training_state(path); });
}

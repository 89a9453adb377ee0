// Model files, checkpoints and templates of starlight: the container, then what they make of it.
#include "files/safetensors.hpp"

#include "files/model_io.hpp"
#include "fuzz/target.hpp"
#include "starglow/checkpoint.hpp"
#include "starglow/templates.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starglow;
  fuzz::answer([&] {
    const auto content = files::parse_safetensors({data, size}, "fuzz");
    (void)files::format_safetensors(content);
    (void)Model(files::model_from_tensors(content));
  });
  static const fuzz::File file;
  const auto path = file.write(data, size);
  fuzz::answer([&] { (void)TemplateSet::load(path); });
  return fuzz::answer([&] { (void)TrainingState::load(path); });
}

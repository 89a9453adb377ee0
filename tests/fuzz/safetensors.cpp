// Model files and checkpoints: the container, then what the two make of it.
#include "files/safetensors.hpp"

#include "files/model_io.hpp"
#include "fuzz/target.hpp"
#include "starglow/checkpoint.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starglow;
  fuzz::answer([&] {
    const auto content = files::parse_safetensors({data, size}, "fuzz");
    (void)files::format_safetensors(content);
    (void)Model(files::model_from_tensors(content));
  });
  static const fuzz::File file;
  return fuzz::answer([&] { (void)TrainingState::load(file.write(data, size)); });
}

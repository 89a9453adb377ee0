#include "files/model_io.hpp"
#include "files/safetensors.hpp"
#include "starglow/error.hpp"
#include "starglow/templates.hpp"

namespace starglow {
namespace {

TemplateSet from_tensors(const files::SafeTensors& content) {
  if (content.text("kind") != "templates")
    throw Error(ErrorKind::model, "this file holds no templates",
                {"kind '" + content.text("kind") + "'", "templates", ""});
  if (content.text("format_version") != "1") throw Error(ErrorKind::model, "the templates are of another version");
  const auto grid = content.get("templates.grid", {2}).doubles();
  const files::Tensor& flux = content.get("templates.flux", {0, 0});
  const auto values = flux.doubles();
  return {MatrixView<const double>(values.data(), flux.shape[0], flux.shape[1]), grid[0], grid[1], content.metadata};
}

}  // namespace

TemplateSet TemplateSet::load(const std::filesystem::path& path) { return from_tensors(files::read_safetensors(path)); }
TemplateSet TemplateSet::shipped() {
  return from_tensors(files::parse_safetensors(files::embedded_model("templates"), "shipped templates"));
}

}  // namespace starglow

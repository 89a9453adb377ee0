#include "cli/conditions.hpp"

#include "starglow/base/error.hpp"

namespace starglow::cli {

Conditions conditions_of(const Settings& settings) {
  Conditions out;
  if (settings.is_set("given")) out.given = parse_lines(settings.list("given"));
  if (settings.is_set("selected")) out.selected = Selection::parse(settings.text("selected"));
  return out;
}

void Conditions::check(const TableReader& table, const Model& model) const {
  if (!any()) return;
  if (!model.has_distribution())
    throw Error(ErrorKind::model, "this model kind cannot use given lines or a selection cut",
                {"kind " + model.parts().kind, "kind joint", ""});
  const auto has = [&](std::size_t line) {
    if (!model.lines().has(line))
      throw Error(ErrorKind::model, "the model does not predict a line that is given or cut on",
                  {std::string(k_all_lines[line].name), "one of " + model.lines().names(), ""});
  };
  for (const std::size_t line : given) has(line);
  if (selected)
    for (const auto& cut : selected->cuts) has(cut.line);
  for (const std::size_t line : given)
    for (const char* suffix : {"_EW", "_EW_IVAR"}) {
      const std::string name = std::string(k_all_lines[line].name) + suffix;
      if (!table.has_column(name))
        throw Error(ErrorKind::input,
                    "--given " + std::string(k_all_lines[line].name) + ": the table has no column " + name,
                    {"", "the measured EW (A) and its inverse variance", ""});
    }
  if (!selected || model.parts().noise) return;
  for (const auto& cut : selected->cuts) {
    const std::string name = std::string(k_all_lines[noise_source(cut.line).line].name) + "_EW_IVAR";
    if (!table.has_column(name))
      throw Error(ErrorKind::input, "--selected needs the errors of the measured lines",
                  {"no column " + name + ", and a model without a noise law", "one of them", ""});
  }
}

std::unique_ptr<GivenLines> Conditions::apply(const Galaxies& chunk, PredictOptions& options) const {
  if (selected) options.selected = &*selected;
  if (given.empty()) return nullptr;
  auto out = std::make_unique<GivenLines>(given_lines(chunk, given));
  options.given = out.get();
  return out;
}

}  // namespace starglow::cli

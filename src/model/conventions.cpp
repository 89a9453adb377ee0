#include <string>
#include <tuple>
#include <utility>

#include "starglow/base/error.hpp"
#include "starglow/model/model.hpp"

namespace starglow {

ConventionReport Model::compare(const Conventions& table) const {
  const auto one_of = [](const char* name, const std::string& value, const char* first, const char* second) {
    if (value != first && value != second && value != "unknown")
      throw Error(ErrorKind::input, std::string(name) + " has an unknown value",
                  {"'" + value + "'", std::string(first) + ", " + second + " or unknown", ""});
  };
  one_of("APERTURE", table.aperture, "fibre", "total");
  one_of("MWCORR", table.mwcorr, "T", "F");
  one_of("FLUXSCAL", table.fluxscal, "absolute", "relative");
  one_of("VACUUM", table.vacuum, "T", "F");
  ConventionReport report;
  if (const auto note = parts().metadata.find("read.note"); note != parts().metadata.end())
    report.notes.push_back(note->second);
  const auto trained = [&](const char* key) {
    const auto found = parts().metadata.find(key);
    return found == parts().metadata.end() ? std::string("unknown") : found->second;
  };
  const auto differ = [](const std::string& a, const std::string& b) {
    return a != "unknown" && b != "unknown" && a != b;
  };
  if (table.vacuum == "F")
    throw Error(ErrorKind::model, "the table's bands are in air wavelengths",
                {"VACUUM = F", "vacuum", "Measure them again in vacuum."});
  if (differ(table.mwcorr, trained("mwcorr")))
    throw Error(ErrorKind::model, "Galactic dust was treated otherwise in the model's training",
                {"MWCORR = " + table.mwcorr, "MWCORR = " + trained("mwcorr"),
                 "Use band fluxes with the model's convention, or a model trained with yours."});
  if (differ(table.aperture, trained("aperture"))) {
    report.luminosity_usable = report.redshift_usable = false;
    report.notes.push_back("APERTURE is " + table.aperture + ", the model's is " + trained("aperture") +
                           ": the networks without luminosity are used");
  }
  if (table.fluxscal == "relative") {
    report.luminosity_usable = false;
    report.notes.push_back("FLUXSCAL is relative: the networks without luminosity are used");
  }
  for (const auto& [name, ours, theirs] : {std::tuple{"MASKRULE", table.maskrule, trained("maskrule")},
                                           std::tuple{"CONTSRC", table.contsrc, trained("contsrc")}})
    if (differ(ours, theirs) && ours != "synthetic")
      report.notes.push_back(std::string(name) + " is " + ours + ", the model was trained with " + theirs);
  std::string unknown;
  for (const auto& [name, value] : {std::pair{"APERTURE", table.aperture}, std::pair{"MWCORR", table.mwcorr},
                                    std::pair{"MASKRULE", table.maskrule}, std::pair{"VACUUM", table.vacuum}})
    if (value == "unknown") unknown += (unknown.empty() ? "" : ", ") + std::string(name);
  if (!unknown.empty()) report.notes.push_back("the table does not say: " + unknown + "; taken as the model's");
  return report;
}

}  // namespace starglow

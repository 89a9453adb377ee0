#include <string>
#include <tuple>
#include <utility>

#include "model/dust.hpp"
#include "starglow/base/error.hpp"
#include "starglow/model/model.hpp"

namespace starglow {
namespace {

std::string trained(const Model& model, const char* key) {
  const auto found = model.parts().metadata.find(key);
  return found == model.parts().metadata.end() ? std::string("unknown") : found->second;
}

bool differ(const std::string& a, const std::string& b) { return a != "unknown" && b != "unknown" && a != b; }

}  // namespace

int dust_to_add(const Conventions& table, const Model& model) {
  const std::string own = trained(model, "mwcorr");
  return !differ(table.mwcorr, own) ? 0 : own == "F" ? 1 : -1;
}

ConventionReport Model::compare(const Conventions& table, bool has_ebv) const {
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
  if (table.vacuum == "F")
    throw Error(ErrorKind::model, "the table's bands are in air wavelengths",
                {"VACUUM = F", "vacuum", "Measure them again in vacuum."});
  if (const int dust = dust_to_add(table, *this); dust != 0) {
    const bool synthetic = table.contsrc == "synthetic";
    report.dust_converted = has_ebv || !synthetic;
    const std::string seen = "MWCORR is " + table.mwcorr + ", the model's is " + trained(*this, "mwcorr"),
                      done = dust > 0 ? "added" : "removed", without = "; rows without Z are used as they are";
    report.notes.push_back(
        has_ebv ? seen + ": Galactic dust is " + done + " with EBV" +
                      (synthetic ? "; rows without EBV or Z are used as they are"
                                 : ", or with E(B-V) = 0.04 (typical) where EBV is unknown" + without)
        : synthetic ? seen + ": synthetic light without Galactic dust is used as it is (no EBV)"
                    : seen + ", and there is no EBV: Galactic dust of E(B-V) = 0.04 (typical) is " + done + without);
  }
  if (differ(table.aperture, trained(*this, "aperture"))) {
    report.luminosity_usable = report.redshift_usable = false;
    report.notes.push_back("APERTURE is " + table.aperture + ", the model's is " + trained(*this, "aperture") +
                           ": the networks without luminosity are used");
  }
  if (table.fluxscal == "relative") {
    report.luminosity_usable = false;
    report.notes.push_back("FLUXSCAL is relative: the networks without luminosity are used");
  }
  for (const auto& [name, ours, theirs] : {std::tuple{"MASKRULE", table.maskrule, trained(*this, "maskrule")},
                                           std::tuple{"CONTSRC", table.contsrc, trained(*this, "contsrc")}})
    if (differ(ours, theirs) && ours != "synthetic")
      report.notes.push_back(std::string(name) + " is " + ours + ", the model was trained with " + theirs);
  std::string unknown;
  for (const auto& [name, value] : {std::pair{"APERTURE", table.aperture}, std::pair{"MWCORR", table.mwcorr},
                                    std::pair{"MASKRULE", table.maskrule}, std::pair{"VACUUM", table.vacuum}})
    if (value == "unknown") unknown += (unknown.empty() ? "" : ", ") + std::string(name);
  if (!unknown.empty())
    report.notes.push_back("the table does not state: " + unknown + "; assumed to be as in the model's training");
  return report;
}

}  // namespace starglow

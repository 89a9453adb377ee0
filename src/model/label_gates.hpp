#pragma once
#include <string>
#include <vector>

#include "starglow/base/galaxies.hpp"

namespace starglow {

/// Labels that no galaxy can have, or that a catalogue is known to have got wrong. They say nothing, which is not the
/// same as a line that was looked for and not found.
///  - extreme: abs(EW) > 5000 A; the youngest stars reach some 3000 A in Halpha (Inoue 2011, MNRAS 415, 2920).
///  - overlap: LABELVER names FastSpecFit v3.0 and the line lies where two cameras overlap (observed 5760-5800 or
///    7520-7620 A): fluxes and EWs were doubled there.
///  - doublet: both members of [OIII] or [NII] have S/N > 5 and an EW ratio more than a factor 2 off the atomic one:
///    neither is believed. Where more than a tenth of those that can be judged are so, the table means something else
///    by these columns, and none is left out for it.
struct LabelGates {
  struct Entry {
    std::size_t row, line;
  };
  std::vector<Entry> entries;  ///< by row and line, each once
  std::size_t extreme = 0, overlap = 0, doublet = 0;
  bool other_doublets = false;  ///< too many impossible ratios to be defects

  /// "12 of 30595 labels not used: 1 beyond 5000 A, ..."; empty when there is nothing to say.
  std::string text(std::size_t labels) const;
};

LabelGates find_bad_labels(const Galaxies& galaxies);

/// The galaxies with these labels as missing: EW NaN, EW_IVAR 0.
Galaxies without_labels(const Galaxies& galaxies, const LabelGates& gates);

}  // namespace starglow

#pragma once

namespace starglow {

/// What an answer may be at most. A row of which a line's point or median lies beyond has no answer: NaN, NONFINITE and
/// BOUNDED; quantiles and draws are held at the limit, noisy values too (BOUNDED). Constants alone: the kernels include
/// this file.
///
/// EW (A): 10,000, three times that of Halpha in a population just born, the largest of any line by theory (3200 A at
/// Z = 0.001: Leitherer et al. 1999, ApJS 123, 3, figure 83), and several times the largest that is measured (1500 A
/// in extreme emission-line galaxies: Atek et al. 2011, ApJ 743, 121). With noise (A): ten times as much, either sign.
inline constexpr double k_most_ew = 1e4, k_most_noisy_ew = 1e5;
/// asinh(k_most_ew): of t, EW = sinh(t).
inline constexpr double k_most_t = 9.9034875550361281;
/// Means and widths of the components of t are held within this: far beyond what changes an answer, and finite.
inline constexpr double k_most_parameter = 1e3;

}  // namespace starglow

#pragma once
#include <string>
#include <string_view>

#include "files/fits/fits_file.hpp"

namespace starglow::files {

/// Whether the wavelengths of a header are those in vacuum or in air: AIRORVAC (vac, vacuum, air; any case), VACUUM (T,
/// F), CTYPEn (WAVE: vacuum, AWAV: air; also with an algorithm behind), and what a wavelength's column is called
/// (AIR_WAVE ...). The one place for it.
enum class Medium { unknown, vacuum, air };
/// Of the current HDU. Error(input): cards that contradict each other, or an unknown word in AIRORVAC or VACUUM; `what`
/// names the file and HDU.
Medium medium_of(const FitsFile& file, const std::string& what);
Medium medium_of_card(const std::string& key, const std::string& value, const std::string& what);

/// A convention as the project writes it: FIBRE, Fiber and fibre are "fibre"; of MWCORR true, yes, 1 and T are "T"; ""
/// is "unknown". Other words stay: who needs to understand them refuses them.
std::string convention_word(std::string_view key, const std::string& value);

}  // namespace starglow::files

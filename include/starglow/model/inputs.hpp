#pragma once
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "starglow/base/cosmology.hpp"
#include "starglow/base/galaxies.hpp"

namespace starglow {

/// An input of the networks beside the eleven ratios of bands. It is computed from bands and redshift, or it is a
/// column of the table.
struct InputInfo {
  std::string_view name;    ///< in `train inputs=...` and in model files
  std::string_view column;  ///< of the table that has it; "": computed from bands and redshift
  std::string_view about;
  /// It cannot be had without a redshift; without an absolute flux scale.
  bool needs_z = false, needs_luminosity = false;
  /// It grows with log10 of the flux of one band, with slope 1: the first that exists of k_luminosity_bands.
  bool of_band = false;
  double lo = 0, hi = 0;                             ///< of a column: numbers outside are taken as not known
  double (*value)(double flux, double z) = nullptr;  ///< of a computed input; flux: of its band
  double (*by_z)(double z) = nullptr;                ///< its derivative with respect to the redshift; null: 0
};

/// The inputs, in the order in which a network sees them. An input is added by adding its row, last.
inline constexpr std::array k_inputs{
    InputInfo{.name = "log_lum",
              .column = "",
              .about = "luminosity: log10(F_9 (1+z) D_L^2), D_L in Mpc, flat, H0 = 70, Om0 = 0.3",
              .needs_z = true,
              .needs_luminosity = true,
              .of_band = true,
              .value = [](double flux, double z) { return log_lum(flux, z); },
              .by_z = [](double z) { return log_lum_slope(z); }},
    InputInfo{.name = "z",
              .column = "",
              .about = "redshift",
              .needs_z = true,
              .value = [](double, double z) { return z; },
              .by_z = [](double) { return 1.0; }},
    InputInfo{.name = "d4000", .column = "D4000", .about = "4000 A break, column D4000", .lo = 0.5, .hi = 5.0},
};
inline constexpr std::size_t k_n_inputs = k_inputs.size();

/// Index of an input by its name; a name that is not in the table does not compile.
consteval std::size_t input_index(std::string_view name) {
  for (std::size_t i = 0; i < k_n_inputs; ++i)
    if (k_inputs[i].name == name) return i;
  throw "no such input";
}

/// The inputs that code singles out; others need no name here.
inline constexpr std::size_t k_input_log_lum = input_index("log_lum"), k_input_z = input_index("z");

/// The inputs that are columns of a table: indices into k_inputs. Galaxies::inputs has them in this order.
inline constexpr std::size_t k_n_column_inputs = [] {
  std::size_t n = 0;
  for (const auto& input : k_inputs) n += input.column.empty() ? 0U : 1U;
  return n;
}();
inline constexpr std::array<std::size_t, k_n_column_inputs> k_column_inputs = [] {
  std::array<std::size_t, k_n_column_inputs> out{};
  std::size_t k = 0;
  for (std::size_t i = 0; i < k_n_inputs; ++i)
    if (!k_inputs[i].column.empty()) out[k++] = i;
  return out;
}();

/// Some of the inputs.
class InputSet {
 public:
  constexpr InputSet() = default;
  /// By index.
  template <class... Index>
  static constexpr InputSet of(Index... index) noexcept {
    InputSet out;
    ((out.bits_ |= 1U << index), ...);
    return out;
  }
  /// "log_lum,z" in any order; "": none. Error(model): a name that is not in the table, or a name twice.
  static InputSet parse(std::string_view names, char separator = ',');
  std::string names(char separator = ',') const;

  constexpr bool has(std::size_t input) const noexcept { return (bits_ >> input & 1U) != 0; }
  constexpr std::size_t size() const noexcept { return static_cast<std::size_t>(__builtin_popcount(bits_)); }
  constexpr bool empty() const noexcept { return bits_ == 0; }
  /// How many of the set come before this one.
  constexpr std::size_t rank(std::size_t input) const noexcept {
    return static_cast<std::size_t>(__builtin_popcount(bits_ & ((1U << input) - 1U)));
  }
  /// Those that are columns of a table.
  constexpr InputSet columns() const noexcept {
    InputSet out;
    for (const std::size_t input : k_column_inputs) out.bits_ |= bits_ & (1U << input);
    return out;
  }
  constexpr bool overlaps(InputSet other) const noexcept { return (bits_ & other.bits_) != 0; }
  constexpr InputSet operator|(InputSet other) const noexcept {
    InputSet out;
    out.bits_ = bits_ | other.bits_;
    return out;
  }
  constexpr bool operator==(const InputSet&) const = default;

 private:
  std::uint32_t bits_ = 0;
};

/// A column input of a row, NaN where it is not known: no such column, not finite, or outside of the row's lo to hi.
double column_input(const Galaxies& galaxies, std::size_t row, std::size_t input) noexcept;
/// The column inputs of `wanted` that a row lacks.
InputSet lacking_columns(const Galaxies& galaxies, std::size_t row, InputSet wanted) noexcept;

}  // namespace starglow

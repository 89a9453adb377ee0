#pragma once
#include <span>
#include <string_view>
#include <vector>

namespace starglow {

/// Attenuation of starlight by dust, with the formulae and constants of DSPS 0.4.8: A = max(0, av k / 4.05),
/// transmission F = floor + (1 - floor) 10^(-0.4 A). lambda in micron; k_0 is Calzetti et al. 2000 above 0.15 micron,
/// Leitherer et al. 2002 below; the bump at 0.2175 micron is a Drude profile.
enum class DustLaw {
  calzetti00,   ///< Calzetti et al. 2000, ApJ 533, 682; slope and bump unused. Steps by 0.025 at 0.63 micron
  leitherer02,  ///< Leitherer et al. 2002, ApJS 140, 303; slope and bump unused
  noll09,       ///< Noll et al. 2009, A&A 507, 1793: (k_0 + bump) (lambda/0.55)^slope
  salim18,      ///< Salim et al. 2018, ApJ 859, 11: k_0 (lambda/0.55)^slope + bump
  smooth,       ///< diffsky: the law of noll09 on a curve without steps
};
std::string_view to_string(DustLaw law) noexcept;
DustLaw parse_dust_law(std::string_view name);  ///< Error(usage) with the names

struct Dust {
  DustLaw law = DustLaw::salim18;
  double av = 0;                 ///< mag at 0.55 micron; negative acts as 0
  double slope = 0;              ///< delta
  double bump = 0;               ///< amplitude of the bump; unused where bump_from_slope
  double floor = 0;              ///< least transmission, 0 to 1
  bool bump_from_slope = false;  ///< amplitude 0.85 - 1.9 slope (Kriek & Conroy 2013, ApJ 775, L16)
  double amplitude() const noexcept { return bump_from_slope ? 0.85 - 1.9 * slope : bump; }
};

/// k(lambda) of a law.
double dust_k(DustLaw law, double micron, double slope = 0, double bump = 0) noexcept;

/// Transmission at fixed wavelengths: what does not depend on the galaxy is kept.
class DustScreen {
 public:
  explicit DustScreen(std::span<const double> micron, DustLaw law);
  std::size_t size() const noexcept { return base_.size(); }
  DustLaw law() const noexcept { return law_; }

  /// transmission (n) and, where given, its derivatives by av (from the right at 0), slope (through the bump too where
  /// it follows from the slope) and bump (0 there). Error(usage) when dust.law is another.
  void transmission(const Dust& dust, std::span<double> out, std::span<double> d_av = {},
                    std::span<double> d_slope = {}, std::span<double> d_bump = {}) const;

 private:
  DustLaw law_;
  std::vector<double> base_, drude_, log_v_;
};

/// Attenuation by age of diffsky: av = softplus(u_av + sigmoid(lg_age; -2.5, 5, delta, 0)), young stars dustier.
double dust_av_at_age(double u_av, double delta, double lg_age_gyr) noexcept;

}  // namespace starglow

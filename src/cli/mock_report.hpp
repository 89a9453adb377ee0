#pragma once
#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "cli/console.hpp"
#include "cli/settings.hpp"
#include "starglow/files/provenance.hpp"
#include "starglow/mock/star_mock.hpp"
#include "starglow/report/figure.hpp"

namespace starglow::cli {

/// The page of `mock --report`: the galaxies of a mock beside what surveys measured. Luminosity functions count every
/// galaxy; the other figures show the first 50,000.
class MockReport {
 public:
  /// n: galaxies of the whole run, by which weights are divided.
  explicit MockReport(std::size_t n) : n_(n) {}
  void add(const StarMock& mock);
  std::vector<Figure> figures() const;
  /// index.html and figures/*.json. Error(usage): the page exists and overwriting is off.
  void write(const Settings& settings, const Provenance& provenance, Console& console) const;

 private:
  static constexpr std::size_t k_kept = 50'000, k_bins = 40;
  static constexpr double k_first = 38.6, k_step = 0.15;  // log10 erg/s
  struct Row {
    double lgmass, z, av, sfr, case_b, own_ew, ew, nii, oiii, decrement;
    bool star_forming;
  };
  std::size_t n_, seen_ = 0;
  double z_low_ = 9, z_high_ = 0;
  bool weights_ = false;
  std::vector<Row> rows_;
  std::array<std::array<double, k_bins>, 4> density_{};  // Halpha before and behind dust, [OII], [OIII] 5007
  Figure luminosity_functions() const;
  Figure rates() const;
  Figure by_mass() const;
  Figure by_specific_rate() const;
  Figure bpt() const;
  Figure nitrogen() const;
  Figure decrements() const;
};

}  // namespace starglow::cli

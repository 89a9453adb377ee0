#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "spectra/line_components.hpp"
#include "spectra/line_profile.hpp"
#include "starglow/spectra/spectrum.hpp"

namespace starglow::line_fit {

/// A point of the joint fit: all unknowns (line_components.hpp) and the cost there.
struct Solution {
  std::array<double, k_n> x{};
  double cost = std::numeric_limits<double>::infinity();
};

/// Which unknowns a fit has.
struct Freedom {
  bool apart = false;  ///< Balmer and forbidden lines have shapes of their own
  bool broad = false;  ///< there are broad Balmer lines
};

/// The least-squares problem of the lines of one spectrum: cost, normal equations and steps.
class System {
 public:
  /// `residual`: flux minus `continuum`; `good`: pixels to use. The spans must live as long as this. `wide`: windows
  /// that hold broad lines too.
  System(const SpectrumView& s, std::span<const double> residual, std::span<const double> continuum,
         std::span<const std::uint8_t> good, bool wide = false);

  bool covered(std::size_t component) const { return covered_[component]; }
  std::size_t pixels() const { return n_pixels_; }

  /// Fluxes and levels of the least cost for the shapes in `from`.
  Solution solve_linear(Solution from, Freedom how);
  /// Levenberg-Marquardt over everything. A step that gains less than `least` of chi2 is taken unseen, and is the last.
  Solution refine(Solution at, Freedom how, double least = k_least_gain);
  /// Covariance of all unknowns, (k_n x k_n), where refine() with the same freedom has just ended; false when it cannot
  /// be had.
  bool covariance(Freedom how, std::vector<double>& out);
  void add_model(const std::array<double, k_n>& x, Freedom how, bool broad, std::vector<double>& out) const;

 private:
  /// The pixels of a group of lines; weight 0: not used.
  struct Group {
    std::size_t first = 0, last = 0, used = 0;
    std::vector<double> weight, residual, level, slope;
    std::array<std::size_t, 14> member{};
    std::size_t members = 0;
    std::size_t level_at = 0, slope_at = k_n;  ///< their unknowns; k_n: no slope
  };
  /// A column of the design of a group, with the pixels where it is not zero.
  struct Column {
    std::size_t unknown, from, to;
    std::vector<double> value, weighted;
  };

  /// The profile of a remainder of stellar absorption, which no step moves.
  struct Fixed {
    Reach reach{};
    std::vector<double> value;
  };

  void lay_out(bool wide);
  double evaluate(const std::array<double, k_n>& x, bool shapes, Freedom how);
  double expected(const std::array<double, k_n>& from, const std::array<double, k_n>& to) const;
  double evaluate(Group& group, const std::array<double, k_n>& x, bool shapes, Freedom how);
  Column& column(std::size_t unknown, std::size_t pixels, Reach reach);
  bool solve(bool shapes, Freedom how, double damping, std::array<double, k_n>& step);
  Shape shape_of(const Component& c, const std::array<double, k_n>& x, Freedom how) const;
  std::size_t pixel(double rest) const { return pixel_at(s_, rest * (1 + s_.z)); }
  bool in_use(const Component& c, Freedom how) const { return active_[c.flux] && (how.broad || !c.broad); }

  const SpectrumView& s_;
  std::span<const double> residual_, continuum_;
  std::span<const std::uint8_t> good_;
  bool wide_;
  std::array<bool, k_components.size()> covered_{};
  std::array<bool, k_n_flux> active_{};
  std::array<double, k_n_own_balmer> stellar_prior_{};
  std::array<Fixed, k_n_own_balmer> fixed_;
  std::vector<Group> groups_;
  std::array<double, k_n_groups> level_prior_{};
  std::size_t n_pixels_ = 0;
  std::vector<double> value_, by_mu_, by_sigma_, model_, factor_;
  std::vector<Column> columns_;
  std::size_t n_columns_ = 0;
  std::vector<std::size_t> index_;
  std::array<double, k_n * k_n> a_{}, kept_a_{};
  std::array<double, k_n> b_{}, kept_b_{};
};

}  // namespace starglow::line_fit

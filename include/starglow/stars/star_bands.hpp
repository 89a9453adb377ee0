#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "starglow/base/lines.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/base/view.hpp"
#include "starglow/stars/dust.hpp"
#include "starglow/stars/ssp.hpp"
#include "starglow/stars/stars.hpp"

namespace starglow {

/// What a StarBands answers about each galaxy: the means of L_lambda in the twelve bands, then the continua of the ten
/// lines (mean of L_lambda in their side bands). Rest frame, L_sun/A.
inline constexpr std::size_t k_n_star_outputs = k_n_bands + k_n_lines;

enum class DustQuadrature {
  nodes,  ///< transmission interpolated by polynomials inside a band: five Chebyshev nodes a band, three a side band;
          ///< Calzetti's step at 0.63 micron is a seam. Error below 4e-6 for av <= 3 (docs/stars.md)
  exact,  ///< transmission at every wavelength of the grid, as multiplying the SED by it
};

struct CompactOptions {
  DustQuadrature dust = DustQuadrature::nodes;
  bool photometry = false;      ///< keep the light that magnitudes at any redshift need
  double photometry_lo = 1900;  ///< A, rest frame, clipped to the grid
  double photometry_hi = 11500;
  double photometry_step = 0.004;  ///< of ln wavelength
};

/// The part of a grid that bands, lines and magnitudes need: sums of the spectra over wavelength, done once. Model
/// kind "ssp" in a file (docs/model-format.md).
struct CompactSsp {
  std::vector<double> lgmet, lg_age_gyr;
  std::vector<double> node_wave;                          ///< (n_node) A: where the transmission of dust is taken
  Matrix<double> light;                                   ///< (n_met * n_age, n_node): what each node stands for
  std::vector<double> coefficient;                        ///< (n) non-zero entries of outputs x nodes, output by output
  std::vector<std::uint32_t> node;                        ///< (n) their node
  std::array<std::size_t, k_n_star_outputs + 1> begin{};  ///< where an output's entries begin
  std::size_t photometry_begin = 0, photometry_count = 0;  ///< nodes of the photometry: int hat L_nu dlambda/lambda
  std::array<bool, k_n_star_outputs> covered{};            ///< false: the grid does not reach; the answer is NaN
  std::map<std::string, std::string> metadata;             ///< provenance
};

/// Band means: F_lambda = L_nu c/lambda^2 linear between the grid's wavelengths, its plain mean over 1 A samples
/// (lo, lo + 1, ..., hi - 1). Side bands: window_mean() of the same function.
CompactSsp compact(const SspGrid& grid, const CompactOptions& options = {});

/// Answers for n galaxies.
struct StarLight {
  Matrix<double> light;             ///< (n, 22) L_sun/A
  std::vector<double> mass;         ///< (n) M_sun formed
  Matrix<double> photometry;        ///< (n, photometry_count): transmitted light of the photometry's nodes, or empty
  std::vector<std::int32_t> flags;  ///< (n) k_clipped, k_nonfinite
};

/// Parameters that derivatives are taken by; the star-formation rates of the table come apart.
enum class StarParameter : std::size_t { lgmet, lgmet_scatter, av, slope, bump, lgfburst, lgyr_peak, lgyr_max, t_obs };
inline constexpr std::size_t k_n_star_parameters = 9;
inline constexpr std::array<std::string_view, k_n_star_parameters> k_star_parameter_names{
    "lgmet", "lgmet_scatter", "av", "slope", "bump", "lgfburst", "lgyr_peak", "lgyr_max", "t_obs"};

struct StarJacobian {
  StarLight at;
  Matrix<double> d_parameters;  ///< (n, 22 * 9), output-major; L_sun/A per unit of the parameter
  Matrix<double> d_sfr;         ///< (n, 22 * n_times) per M_sun/yr; empty when not asked for (t_obs is 0 then, too)
};

/// Bands, line continua and photometry of composite populations, without their spectra.
class StarBands {
 public:
  StarBands(CompactSsp compact, std::span<const double> t_gyr, DustLaw law);
  ~StarBands();
  StarBands(StarBands&&) noexcept;
  StarBands& operator=(StarBands&&) noexcept;

  const CompactSsp& compact() const noexcept;
  const SfhTable& table() const noexcept;
  DustLaw law() const noexcept;

  /// dust: one a galaxy, or empty for none. Depends on the galaxy alone: equal for any threads or chunks.
  StarLight light(const StarInputs& in, std::span<const Dust> dust, WorkerPool& pool, bool photometry = false) const;

  /// Derivatives of all outputs. `history`: also by t_obs and the table's rates.
  StarJacobian jacobian(const StarInputs& in, std::span<const Dust> dust, WorkerPool& pool, bool history = false) const;

  /// Gradients of sum(d_light . light) + sum(d_photometry . photometry), by parameters (n, 9), by rates (n, n_times).
  /// Either of the two cotangents may be empty.
  struct Gradient {
    Matrix<double> parameters, sfr;
  };
  Gradient vjp(const StarInputs& in, std::span<const Dust> dust, MatrixView<const double> d_light,
               MatrixView<const double> d_photometry, WorkerPool& pool) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace starglow

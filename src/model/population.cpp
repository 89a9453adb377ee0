#include "starglow/model/population.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/mixture.hpp"
#include "starglow/base/cosmology.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/random.hpp"
#include "starglow/model/features.hpp"
#include "starglow/model/noise_model.hpp"

namespace starglow {
namespace {

constexpr std::size_t k_d = Population::k_n_features;
constexpr std::size_t k_at_lum = 11, k_at_z = 12, k_at_noise = 13;
constexpr std::size_t k_noise_band = 10;  // 6400-6700 A, where Halpha is
constexpr std::size_t k_min_rows = 200;
constexpr double k_z_margin = 1e-3;  // z_low, z_high lie this far outside the galaxies
constexpr std::size_t k_shard_rows = 1024;

// Error of a line's flux in units of the error of one 0.8 A pixel: 0.8 A sqrt(2 sqrt(pi) s) for a Gaussian profile of
// s pixels under optimal weights; s = 2.8 (2.2 A, an emission line at the resolution of the spectrograph).
constexpr double k_pixel = 0.8, k_line_pixels = 2.8;
const double k_line_factor = k_pixel * std::sqrt(2.0 * std::sqrt(std::acos(-1.0)) * k_line_pixels);

// Error of the mean flux of a band, from the error of a line's EW: sigma_EW (1+z) F = k_line_factor sigma_pixel, and
// the band's mean has 300 A (1+z) / 0.8 A pixels.
double band_sigma(double ew_sigma, double flux, double z) {
  const double pixel = ew_sigma * (1 + z) * flux / k_line_factor;
  return pixel / std::sqrt(k_band_width * (1 + z) / k_pixel);
}

double median(std::vector<double> x) {
  const auto middle = x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2);
  std::nth_element(x.begin(), middle, x.end());
  return *middle;
}

bool has_error(const Galaxies& g, std::size_t row, std::size_t line) {
  return !g.ew_ivar.empty() && g.ew_ivar(row, line) > 0 && std::isfinite(g.ew_ivar(row, line));
}

double line_band_sigma(const Galaxies& g, std::size_t row, std::size_t line) {
  const double sigma = 1.0 / std::sqrt(static_cast<double>(g.ew_ivar(row, line)));
  return band_sigma(sigma, g.band_flux(row, band_of_line(line)), g.z[row]);
}

bool usable(const Galaxies& g, std::size_t row, double z_low, double z_high) {
  const auto ivar = g.band_flux_ivar.empty() ? std::span<const double>{} : g.band_flux_ivar.row(row);
  return band_flags(g.band_flux.row(row), ivar) == 0 && g.z[row] > z_low && g.z[row] < z_high &&
         (!g.band_flux_ivar.empty() || has_error(g, row, static_cast<std::size_t>(Line::HALPHA)));
}

// Relative to Halpha's band, median over the galaxies, where there is a line; log-interpolated between.
std::array<double, k_n_bands> fit_noise_shape(const Galaxies& g) {
  std::array<double, k_n_bands> shape{};
  std::vector<std::size_t> known;
  for (std::size_t band = 0; band < k_n_bands; ++band) {
    std::vector<double> ratios;
    for (const auto line : k_independent_lines) {
      if (band_of_line(line) != band) continue;
      for (std::size_t i = 0; i < g.n; ++i)
        if (has_error(g, i, line) && has_error(g, i, static_cast<std::size_t>(Line::HALPHA)) && g.z[i] > 0)
          ratios.push_back(
              std::log(line_band_sigma(g, i, line) / line_band_sigma(g, i, static_cast<std::size_t>(Line::HALPHA))));
    }
    if (ratios.empty()) continue;
    shape[band] = std::exp(median(std::move(ratios)));
    known.push_back(band);
  }
  if (known.empty()) {
    shape.fill(1.0);
    return shape;
  }
  for (std::size_t band = 0; band < k_n_bands; ++band) {
    if (shape[band] > 0) continue;
    std::size_t left = known.front(), right = known.back();
    for (const auto k : known) {
      if (k < band) left = k;
      if (k > band) {
        right = k;
        break;
      }
    }
    if (band < left || left == right || band > right)
      shape[band] = shape[band < known.front() ? known.front() : known.back()];
    else
      shape[band] = std::exp(std::lerp(std::log(shape[left]), std::log(shape[right]),
                                       static_cast<double>(band - left) / static_cast<double>(right - left)));
  }
  return shape;
}

}  // namespace

std::span<const std::string> population_feature_names() {
  static const auto names = [] {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < FeatureRecipe::k_n_ratios; ++i)
      out.push_back("log10 F" + std::to_string(i + 1) + "/F" + std::to_string(i));
    out.insert(out.end(), {"log_lum", "logit z", "log10 noise"});
    return out;
  }();
  return names;
}

Matrix<double> population_features(const Galaxies& g, double z_low, double z_high) {
  if (g.band_flux.empty() || g.z.empty())
    throw Error(ErrorKind::input, "a population needs the columns BAND_FLUX and Z");
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < g.n; ++i)
    if (usable(g, i, z_low, z_high)) rows.push_back(i);
  Matrix<double> out(rows.size(), k_d);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const std::size_t i = rows[r];
    auto x = out.row(r);
    compute_features(FeatureRecipe{}, g.band_flux.row(i), g.z[i], x.first(k_at_z));
    x[k_at_z] = std::log((g.z[i] - z_low) / (z_high - g.z[i]));
    const double sigma = g.band_flux_ivar.empty() ? line_band_sigma(g, i, static_cast<std::size_t>(Line::HALPHA))
                                                  : 1.0 / std::sqrt(g.band_flux_ivar(i, k_noise_band));
    x[k_at_noise] = std::log10(sigma / g.band_flux(i, k_noise_band));
  }
  return out;
}

Population fit_population(const Galaxies& g, const PopulationOptions& options,
                          const std::function<void(const std::string&)>& note) {
  if (g.z.empty()) throw Error(ErrorKind::input, "a population needs the column Z");
  Population out;
  out.z_low = std::numeric_limits<double>::infinity();
  out.z_high = 0;
  for (const double z : g.z)
    if (z > 0 && std::isfinite(z)) {
      out.z_low = std::min(out.z_low, z - k_z_margin);
      out.z_high = std::max(out.z_high, z + k_z_margin);
    }
  const Matrix<double> features = population_features(g, out.z_low, out.z_high);
  if (features.rows() < k_min_rows)
    throw Error(ErrorKind::input, "too few galaxies for a population",
                {std::to_string(features.rows()) + " rows with bands, redshift and errors",
                 "at least " + std::to_string(k_min_rows), ""});
  const auto n = static_cast<Eigen::Index>(features.rows());
  Eigen::MatrixXd x(n, static_cast<Eigen::Index>(k_d));
  for (std::size_t j = 0; j < k_d; ++j) {
    double sum = 0, squares = 0;
    out.low[j] = std::numeric_limits<double>::infinity();
    out.high[j] = -out.low[j];
    for (std::size_t i = 0; i < features.rows(); ++i) {
      sum += features(i, j);
      out.low[j] = std::min(out.low[j], features(i, j));
      out.high[j] = std::max(out.high[j], features(i, j));
    }
    out.centre[j] = sum / static_cast<double>(n);
    for (std::size_t i = 0; i < features.rows(); ++i) squares += std::pow(features(i, j) - out.centre[j], 2);
    out.scale[j] = std::max(std::sqrt(squares / static_cast<double>(n)), 1e-9);
    for (std::size_t i = 0; i < features.rows(); ++i)
      x(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = (features(i, j) - out.centre[j]) / out.scale[j];
  }
  auto components = static_cast<int>(options.components);
  const auto iterations = static_cast<int>(options.iterations);
  if (components == 0) {
    double best = -std::numeric_limits<double>::infinity();
    for (const int candidate : {1, 2, 4, 8, 12}) {
      double sum = 0;
      for (Eigen::Index fold = 0; fold < 5; ++fold) {
        std::vector<Eigen::Index> inside, outside;
        for (Eigen::Index i = 0; i < n; ++i) (i % 5 == fold ? outside : inside).push_back(i);
        const Mixture m = fit_mixture(x(inside, Eigen::all), candidate, iterations, options.seed);
        sum += m.score(x(outside, Eigen::all)) / 5;
      }
      if (note) note(std::to_string(candidate) + " components: cross-validated log density " + std::to_string(sum));
      out.metadata["cv_log_density." + std::to_string(candidate)] = std::to_string(sum);
      if (sum > best) {
        best = sum;
        components = candidate;
      }
    }
  }
  const Mixture m = fit_mixture(x, components, iterations, options.seed);
  const auto k_n = static_cast<std::size_t>(components);
  out.mean = Matrix<double>(k_n, k_d);
  out.factor = Matrix<double>(k_n, k_d * k_d);
  for (std::size_t k = 0; k < k_n; ++k) {
    out.weight.push_back(m.weight[static_cast<Eigen::Index>(k)]);
    for (std::size_t i = 0; i < k_d; ++i) {
      out.mean(k, i) = m.mean(static_cast<Eigen::Index>(k), static_cast<Eigen::Index>(i));
      for (std::size_t j = 0; j <= i; ++j)
        out.factor(k, i * k_d + j) = m.factor[k](static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
    }
  }
  out.noise_shape = fit_noise_shape(g);
  out.metadata["n_galaxies"] = std::to_string(features.rows());
  out.metadata["components"] = std::to_string(components);
  out.metadata["seed"] = std::to_string(options.seed);
  out.metadata["aperture"] = g.conventions.aperture;
  out.metadata["mwcorr"] = g.conventions.mwcorr;
  out.metadata["maskrule"] = g.conventions.maskrule;
  return out;
}

Galaxies Population::sample(std::uint64_t seed, std::int64_t first_id, std::size_t n, WorkerPool& pool) const {
  Galaxies g;
  g.n = n;
  g.targetid.resize(n);
  g.z.resize(n);
  g.band_flux = Matrix<double>(n, k_n_bands);
  g.band_flux_ivar = Matrix<double>(n, k_n_bands);
  const auto known = [&](const char* key) {
    const auto found = metadata.find(key);
    return found == metadata.end() ? std::string("unknown") : found->second;
  };
  g.conventions.aperture = known("aperture");
  g.conventions.mwcorr = known("mwcorr");
  g.conventions.maskrule = known("maskrule");
  g.conventions.contsrc = "synthetic";
  g.conventions.fluxscal = "absolute";
  g.conventions.vacuum = "T";
  pool.for_shards(shard_count(n, k_shard_rows), [&](std::size_t s) {
    const Shard rows = shard(s, n, k_shard_rows);
    for (std::size_t i = rows.first; i < rows.last; ++i) {
      g.targetid[i] = first_id + static_cast<std::int64_t>(i);
      const RandomObject random(seed, Stream::population, g.targetid[i]);
      // draw 0: lane 0 picks the component, lanes 1..14 are its normals
      double left = random.uniform(0, 0);
      std::size_t k = 0;
      while (k + 1 < weight.size() && left > weight[k]) left -= weight[k++];
      std::array<double, k_d> normals{}, x{};
      for (std::size_t j = 0; j < k_d; ++j) normals[j] = random.normal(0, static_cast<std::uint32_t>(j + 1));
      for (std::size_t j = 0; j < k_d; ++j) {
        double value = mean(k, j);
        for (std::size_t l = 0; l <= j; ++l) value += factor(k, j * k_d + l) * normals[l];
        x[j] = std::clamp(centre[j] + scale[j] * value, low[j], high[j]);
      }
      const double odds = std::exp(x[k_at_z]);
      g.z[i] = (z_low + z_high * odds) / (1 + odds);
      const double d = luminosity_distance(g.z[i]);
      g.band_flux(i, 9) = std::pow(10.0, x[k_at_lum]) / ((1 + g.z[i]) * d * d);
      for (std::size_t b = 10; b < k_n_bands; ++b) g.band_flux(i, b) = g.band_flux(i, b - 1) * std::pow(10.0, x[b - 1]);
      for (std::size_t b = 9; b-- > 0;) g.band_flux(i, b) = g.band_flux(i, b + 1) / std::pow(10.0, x[b]);
      const double noise = std::pow(10.0, x[k_at_noise]) * g.band_flux(i, k_noise_band);
      for (std::size_t b = 0; b < k_n_bands; ++b) g.band_flux_ivar(i, b) = 1.0 / std::pow(noise * noise_shape[b], 2);
    }
  });
  return g;
}

double ks_distance(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  double largest = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const double value = std::min(a[i], b[j]);
    while (i < a.size() && a[i] <= value) ++i;
    while (j < b.size() && b[j] <= value) ++j;
    largest = std::max(largest, std::fabs(static_cast<double>(i) / static_cast<double>(a.size()) -
                                          static_cast<double>(j) / static_cast<double>(b.size())));
  }
  return largest;
}

}  // namespace starglow

#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "starglow/galaxies.hpp"
#include "starglow/lines.hpp"
#include "starglow/network.hpp"
#include "starglow/parallel.hpp"
#include "starglow/view.hpp"

namespace starglow {

/// What a network sees of a galaxy, in this order (the feature recipe of the model's metadata).
/// x_0..x_10 = log10(F_{i+1}/F_i); then, where used, log_lum (cosmology.hpp) and z.
struct FeatureRecipe {
  bool log_lum = true;
  bool z = false;
  std::size_t size() const noexcept { return k_n_bands - 1 + (log_lum ? 1u : 0u) + (z ? 1u : 0u); }
  std::string name() const;  ///< "adjacent_log_ratios+log_lum+z"
  static FeatureRecipe parse(std::string_view name);
  bool operator==(const FeatureRecipe&) const = default;
};

/// Networks of one shape that answer together. Two uses of one structure:
///  - kind "k24": n_nets = number of lines, net k gives line outputs[k] (n_out = 1);
///  - kind "mlp": n_nets = ensemble members, each gives all `outputs`; members are averaged in asinh EW.
/// Network k sees (x - x_mean[k]) / x_scale[k]; output j is asinh(EW/A) = y_mean[j] + y_scale[j] * network output.
struct NetworkBank {
  NetworkShape shape;
  FeatureRecipe features;
  std::size_t n_nets = 0;
  std::vector<float> params;            ///< (n_nets, shape.n_params())
  Matrix<double> x_mean, x_scale;       ///< (n_nets, n_in)
  std::vector<std::size_t> outputs;     ///< lines (indices into k_lines) of the outputs, or one a network for "k24"
  std::vector<double> y_mean, y_scale;  ///< one an output
};

/// Fitted law of the measurement error of an EW, used where a row has no EW_IVAR: one row of coefficients a line.
/// See noise_model.hpp.
struct NoiseModel;

struct PredictOptions {
  bool allow_float32 = true;  ///< false: the float64 path, for derivatives and tests
};

/// Answer for n galaxies. EWs in A, rest frame, emission positive; NaN where a fatal flag is set.
struct Prediction {
  Matrix<double> ew;                ///< (n, 10) point or median of the intrinsic distribution
  Matrix<double> p16, p84;          ///< (n, 10), empty for point models
  std::vector<std::int32_t> flags;  ///< (n)
};

/// A trained model: immutable, cheap to copy, safe to share between threads.
class Model {
 public:
  /// The parts of a model file. `full` or `no_luminosity` may be absent, not both.
  struct Parts {
    std::string kind;                             ///< "k24" or "mlp"
    std::optional<NetworkBank> full;              ///< with luminosity
    std::optional<NetworkBank> no_luminosity;     ///< its sibling
    std::map<std::string, std::string> metadata;  ///< everything else; docs/model-format.md
    std::vector<double> noise;                    ///< flattened NoiseModel coefficients, empty when absent
  };

  explicit Model(Parts parts);  ///< checks shapes and sizes; Error(model)

  /// The model inside the library. (files)
  static Model shipped();
  /// Reads a safetensors file. Error(input) when the file is broken, Error(model) when it is another kind. (files)
  static Model load(const std::filesystem::path& path);
  /// Writes a safetensors file, atomically. (files)
  void save(const std::filesystem::path& path) const;

  const Parts& parts() const noexcept;
  std::size_t n_params() const noexcept;  ///< of all networks, both siblings

  /// Lines of every galaxy; bit-equal for any number of threads. Rows whose luminosity cannot be used (z or flux scale
  /// absent, other aperture) get the sibling without luminosity and NO_LUMINOSITY.
  /// Error(model) when the table's conventions clash with the model's in a way that cannot be repaired.
  Prediction predict(const Galaxies& galaxies, WorkerPool& pool, const PredictOptions& options = {}) const;

  /// dEW/dF: (n, 10 * 12), line-major, A per flux unit, by the kernel's reverse pass in float64; z held fixed.
  Matrix<double> jacobian(const Galaxies& galaxies, WorkerPool& pool) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace starglow

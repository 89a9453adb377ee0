#include "cli/star_bench.hpp"

#include <algorithm>
#include <cmath>

#include "starglow/mock/star_mock.hpp"

namespace starglow::cli {
namespace {

constexpr std::size_t k_seds = 960;

SspGrid made_up_grid() {
  SspGrid grid;
  grid.source = "made up for bench";
  for (int m = 0; m < 22; ++m) grid.lgmet.push_back(-3.7 + 0.108 * m);
  for (int a = 0; a < 94; ++a) grid.lg_age_gyr.push_back(-3.5 + 0.05 * a);
  for (int i = 0; i < 1963; ++i) grid.wave.push_back(std::exp(std::log(1000.0) + i * std::log(20.0) / 1962));
  grid.flux = Matrix<double>(22 * 94, grid.n_wave());
  for (std::size_t r = 0; r < grid.flux.rows(); ++r)
    for (std::size_t i = 0; i < grid.n_wave(); ++i)
      grid.flux(r, i) = 1e-14 * std::pow(grid.wave[i] / 5000, 2 - 0.02 * static_cast<double>(r % 94)) *
                        std::pow(10.0, -0.7 * grid.lg_age_gyr[r % 94]);
  return grid;
}

std::vector<Filter> made_up_filters() {
  std::vector<Filter> out;
  for (const double centre : {4750.0, 6200.0, 7550.0, 8700.0, 9600.0}) {
    std::vector<double> wave, t;
    for (int i = 0; i <= 100; ++i) {
      wave.push_back(centre - 700 + 14 * i);
      t.push_back(0.6 / (1 + std::pow((wave.back() - centre) / 600, 20)));
    }
    out.emplace_back("made up", wave, t);
  }
  return out;
}

}  // namespace

struct StarBench::State {
  State(std::uint64_t seed, std::size_t n_given, const Model& model, WorkerPool& workers)
      : pool(workers), n(n_given), grid(made_up_grid()) {
    CompactOptions options;
    options.photometry = true;
    const StarPopulation population = StarPopulation::standard();
    StarMockOptions mock_options;
    mock_options.population = population;
    mock_options.seed = seed;
    mock_options.lines = LinesFrom::photons;
    maker.emplace(mock_options, compact(grid, options), photon_grid(), made_up_filters(), model, pool);
    const auto times = maker->times();
    sample = sample_stars(population, times, seed, 1, n, pool);
    few = sample_stars(population, times, seed, 1, std::min(n, k_seds), pool);
    star_bands.emplace(compact(grid), times, population.dust);
    synthesis.emplace(grid.lgmet, grid.lg_age_gyr, times, grid.flux);
    sed = Matrix<double>(few.inputs.size(), grid.n_wave());
  }
  WorkerPool& pool;
  std::size_t n;
  SspGrid grid;
  StarSample sample, few;
  std::optional<StarMocker> maker;
  std::optional<StarBands> star_bands;
  std::optional<StarSynthesis> synthesis;
  Matrix<double> sed;
};

StarBench::StarBench(std::uint64_t seed, std::size_t n, const Model& model, WorkerPool& pool)
    : state_(std::make_unique<State>(seed, n, model, pool)) {}
StarBench::~StarBench() = default;

std::size_t StarBench::n_seds() const noexcept { return state_->few.inputs.size(); }

double StarBench::mock() const {
  constexpr std::size_t k_chunk = 8192;
  for (std::size_t first = 0; first < state_->n; first += k_chunk) {
    StarMock chunk = state_->maker->stars(1 + static_cast<std::int64_t>(first), std::min(k_chunk, state_->n - first));
    state_->maker->lines(chunk, 1 + static_cast<std::int64_t>(first));
  }
  return static_cast<double>(state_->n);
}

double StarBench::seds() const {
  State& s = *state_;
  StarInputs plain = s.few.inputs;
  plain.burst.clear();
  std::vector<std::int32_t> flags(plain.size());
  std::vector<double> mass(plain.size());
  s.synthesis->synthesise(plain, s.sed.view(), flags, mass, s.pool);
  return static_cast<double>(plain.size());
}

double StarBench::bands() const {
  (void)state_->star_bands->light(state_->sample.inputs, state_->sample.dust, state_->pool);
  return static_cast<double>(state_->n);
}

double StarBench::jacobians() const {
  (void)state_->star_bands->jacobian(state_->few.inputs, state_->few.dust, state_->pool);
  return static_cast<double>(state_->few.inputs.size());
}

}  // namespace starglow::cli

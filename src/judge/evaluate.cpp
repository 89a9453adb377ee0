#include "starglow/judge/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "starglow/base/error.hpp"
#include "starglow/base/random.hpp"
#include "starglow/judge/metrics.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

/// One line of one prediction, sorted once so that the ranks of each resample cost O(n).
struct Sample {
  std::vector<std::size_t> rows;  ///< of the table
  std::vector<double> obs, pred;
  std::vector<std::size_t> by_obs, by_pred;  ///< positions in ascending order

  void sort() {
    const auto order = [](const std::vector<double>& x) {
      std::vector<std::size_t> o(x.size());
      std::iota(o.begin(), o.end(), std::size_t{0});
      std::sort(o.begin(), o.end(), [&](auto i, auto j) { return x[i] != x[j] ? x[i] < x[j] : i < j; });
      return o;
    };
    by_obs = order(obs);
    by_pred = order(pred);
  }
};

// Mean ranks of a sample in which position i occurs count[i] times.
void weighted_ranks(const std::vector<double>& x, const std::vector<std::size_t>& order,
                    const std::vector<double>& count, std::vector<double>& rank) {
  double below = 0;
  for (std::size_t i = 0; i < order.size();) {
    double here = 0;
    std::size_t j = i;
    for (; j < order.size() && x[order[j]] == x[order[i]]; ++j) here += count[order[j]];
    for (std::size_t k = i; k < j; ++k) rank[order[k]] = below + 0.5 * (here + 1.0);
    below += here;
    i = j;
  }
}

double weighted_spearman(const Sample& s, const std::vector<double>& count) {
  std::vector<double> ro(s.obs.size()), rp(s.obs.size());
  weighted_ranks(s.obs, s.by_obs, count, ro);
  weighted_ranks(s.pred, s.by_pred, count, rp);
  double n = 0;
  for (const double c : count) n += c;
  if (n < 2) return k_nan;
  const double mean = 0.5 * (n + 1.0);  // mean rank, ties or not
  double oo = 0, pp = 0, op = 0;
  for (std::size_t i = 0; i < count.size(); ++i) {
    oo += count[i] * (ro[i] - mean) * (ro[i] - mean);
    pp += count[i] * (rp[i] - mean) * (rp[i] - mean);
    op += count[i] * (ro[i] - mean) * (rp[i] - mean);
  }
  return oo > 0 && pp > 0 ? op / std::sqrt(oo * pp) : k_nan;
}

Scores resample_scores(const Sample& s, const std::vector<double>& count) {
  std::vector<double> o, p;
  for (std::size_t i = 0; i < s.obs.size(); ++i)
    for (int k = 0; k < static_cast<int>(count[i]); ++k) {
      o.push_back(s.obs[i]);
      p.push_back(s.pred[i]);
    }
  return {weighted_spearman(s, count), nmad_k24(o, p), nmad_centred(o, p), median_ratio(o, p), asinh_rms(o, p)};
}

double sd(const std::vector<double>& x) {
  std::vector<double> v;
  for (const double value : x)
    if (std::isfinite(value)) v.push_back(value);
  if (v.size() < 2) return k_nan;
  const double mean = std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
  double sum = 0;
  for (const double value : v) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(v.size() - 1));
}

template <class Lines, class F>
double mean_over(const Lines& lines, F value) {
  double sum = 0;
  for (const auto line : lines) sum += value(line);
  return sum / static_cast<double>(lines.size());
}

/// Samples of each prediction and line, and of their S/N > 3 part.
struct Samples {
  std::vector<std::array<Sample, k_n_all_lines>> all, snr3;
};

Samples collect(const Galaxies& g, const std::vector<NamedPrediction>& predictions, Evaluation& out) {
  Samples s;
  s.all.resize(predictions.size());
  s.snr3.resize(predictions.size());
  for (const std::size_t line : out.judged.lines())
    for (std::size_t i = 0; i < g.n; ++i) {
      const double ew = static_cast<double>(g.ew(i, line)), ivar = static_cast<double>(g.ew_ivar(i, line));
      if (!(ivar > 0) || !std::isfinite(ew)) continue;
      ++out.n_labelled[line];
      if (!(ew > 0)) continue;
      if (!std::all_of(predictions.begin(), predictions.end(),
                       [&](const auto& p) { return std::isfinite(p.ew(i, line)); }))
        continue;
      for (std::size_t p = 0; p < predictions.size(); ++p)
        for (auto* into : {&s.all[p][line], &s.snr3[p][line]}) {
          if (into == &s.snr3[p][line] && !(ew * std::sqrt(ivar) > 3)) continue;
          into->rows.push_back(i);
          into->obs.push_back(ew);
          into->pred.push_back(predictions[p].ew(i, line));
        }
    }
  for (auto* part : {&s.all, &s.snr3})
    for (auto& prediction : *part)
      for (auto& sample : prediction) sample.sort();
  return s;
}

void fill_values(const Samples& s, Evaluation& out) {
  const std::size_t n = out.names.size();
  for (std::size_t p = 0; p < n; ++p) {
    for (const std::size_t line : out.judged.lines()) {
      LineScores& into = out.lines[p][line];
      into.n = s.all[p][line].obs.size();
      into.n_snr3 = s.snr3[p][line].obs.size();
      const Scores all = score(s.all[p][line].obs, s.all[p][line].pred);
      const Scores snr3 = score(s.snr3[p][line].obs, s.snr3[p][line].pred);
      for (std::size_t k = 0; k < k_n_scores; ++k) {
        into.all[k].value = all[k];
        into.snr3[k].value = snr3[k];
      }
    }
    for (std::size_t k = 0; k < k_n_scores; ++k) {
      const auto value = [&](auto line) { return out.lines[p][line].all[k].value; };
      out.mean10[p][k].value = mean_over(out.judged.lines(), value);
      out.mean8[p][k].value = mean_over(out.judged.independent(), value);
    }
  }
  for (std::size_t p = 0; p + 1 < n; ++p) {
    Difference d{out.names[p], out.names[n - 1], {}, {}, {}};
    for (std::size_t k = 0; k < k_n_scores; ++k) {
      for (const std::size_t line : out.judged.lines())
        d.lines[line][k].value = out.lines[p][line].all[k].value - out.lines[n - 1][line].all[k].value;
      d.mean10[k].value = out.mean10[p][k].value - out.mean10[n - 1][k].value;
      d.mean8[k].value = out.mean8[p][k].value - out.mean8[n - 1][k].value;
    }
    out.differences.push_back(d);
  }
}

void fill_errors(const Samples& s, std::size_t n_rows, Evaluation& out, WorkerPool& pool) {
  const std::size_t n = out.names.size(), last = n - 1;
  const auto n_boot = static_cast<std::size_t>(out.resamples);
  // boot[part][prediction][line][score][resample]
  using PerLine = std::array<std::array<std::vector<double>, k_n_scores>, k_n_all_lines>;
  std::array<std::vector<PerLine>, 2> boot{std::vector<PerLine>(n), std::vector<PerLine>(n)};
  for (auto& part : boot)
    for (auto& prediction : part)
      for (auto& line : prediction)
        for (auto& values : line) values.assign(n_boot, k_nan);
  const RandomObject random(out.seed, Stream::bootstrap, 0);
  pool.for_shards(n_boot, [&](std::size_t b) {
    std::vector<double> times(n_rows, 0.0), count;
    for (std::size_t i = 0; i < n_rows; ++i)
      times[random.words(static_cast<std::uint32_t>(b), static_cast<std::uint32_t>(i))[0] % n_rows] += 1.0;
    for (std::size_t part = 0; part < 2; ++part)
      for (std::size_t p = 0; p < n; ++p)
        for (const std::size_t line : out.judged.lines()) {
          const Sample& sample = (part == 0 ? s.all : s.snr3)[p][line];
          count.resize(sample.rows.size());
          for (std::size_t i = 0; i < sample.rows.size(); ++i) count[i] = times[sample.rows[i]];
          const Scores scores = resample_scores(sample, count);
          for (std::size_t k = 0; k < k_n_scores; ++k) boot[part][p][line][k][b] = scores[k];
        }
  });
  std::vector<double> values(n_boot);
  const auto error_of = [&](auto value) {
    for (std::size_t b = 0; b < n_boot; ++b) values[b] = value(b);
    return sd(values);
  };
  for (std::size_t k = 0; k < k_n_scores; ++k)
    for (std::size_t p = 0; p < n; ++p) {
      for (const std::size_t line : out.judged.lines()) {
        out.lines[p][line].all[k].error = sd(boot[0][p][line][k]);
        out.lines[p][line].snr3[k].error = sd(boot[1][p][line][k]);
      }
      const auto mean = [&](const auto& lines, std::size_t q, std::size_t b) {
        return mean_over(lines, [&](auto line) { return boot[0][q][line][k][b]; });
      };
      out.mean10[p][k].error = error_of([&](std::size_t b) { return mean(out.judged.lines(), p, b); });
      out.mean8[p][k].error = error_of([&](std::size_t b) { return mean(out.judged.independent(), p, b); });
      if (p == last) continue;
      Difference& d = out.differences[p];
      for (const std::size_t line : out.judged.lines())
        d.lines[line][k].error =
            error_of([&](std::size_t b) { return boot[0][p][line][k][b] - boot[0][last][line][k][b]; });
      d.mean10[k].error =
          error_of([&](std::size_t b) { return mean(out.judged.lines(), p, b) - mean(out.judged.lines(), last, b); });
      d.mean8[k].error = error_of([&](std::size_t b) {
        return mean(out.judged.independent(), p, b) - mean(out.judged.independent(), last, b);
      });
    }
}

}  // namespace

Scores score(std::span<const double> obs, std::span<const double> pred) {
  return {spearman(obs, pred), nmad_k24(obs, pred), nmad_centred(obs, pred), median_ratio(obs, pred),
          asinh_rms(obs, pred)};
}

Evaluation evaluate(const Galaxies& g, const std::vector<NamedPrediction>& predictions, std::int64_t resamples,
                    std::uint64_t seed, WorkerPool& pool, const LineSet& lines) {
  if (g.ew.empty() || g.ew_ivar.empty())
    throw Error(ErrorKind::input, "the table has no measured EWs", {"no {LINE}_EW and {LINE}_EW_IVAR", "both", ""});
  if (predictions.empty()) throw Error(ErrorKind::usage, "nothing to evaluate");
  if (g.ew.cols() < lines.width() || g.ew_ivar.cols() < lines.width())
    throw Error(ErrorKind::input, "the table has no measured EWs of some lines", {lines.names(), "", ""});
  Evaluation out;
  out.judged = lines;
  out.resamples = resamples;
  out.seed = seed;
  for (const auto& p : predictions) {
    if (p.ew.rows() != g.n || p.ew.cols() < lines.width())
      throw Error(ErrorKind::input, "prediction '" + p.name + "' does not fit the table",
                  {std::to_string(p.ew.rows()) + " rows", std::to_string(g.n), ""});
    out.names.push_back(p.name);
  }
  out.lines.resize(predictions.size());
  out.mean10.resize(predictions.size());
  out.mean8.resize(predictions.size());
  const Samples samples = collect(g, predictions, out);
  fill_values(samples, out);
  if (resamples > 1) fill_errors(samples, g.n, out, pool);
  return out;
}

}  // namespace starglow

#include "model/likelihood.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <map>
#include <optional>
#include <string>

#include "arrays.hpp"
#include "parts.hpp"
#include "pool.hpp"
#include "starglow/base/error.hpp"

namespace starglow::python {
namespace {

constexpr std::size_t k_n = k_n_independent_lines;

struct Labels {
  Galaxies galaxies;
  LabelRows rows;
};

Labels labels_of(const Model& model, const nb::dict& columns, const std::string& preset,
                 const std::map<std::string, std::string>& settings, unsigned threads) {
  const TrainConfig config = recipe(preset, settings);
  const Columns given = Columns::from(columns);
  Labels out;
  const nb::gil_scoped_release release;
  with_interruptible_pool(threads, [&](WorkerPool& pool) {
    out.galaxies = model.with_own_dust(given.all());
    out.rows = label_rows(model, out.galaxies, config, pool);
  });
  return out;
}

nb::dict label_dict(const Model& model, const nb::dict& columns, const std::string& preset,
                    const std::map<std::string, std::string>& settings, unsigned threads) {
  LabelRows labels = labels_of(model, columns, preset, settings, threads).rows;
  const std::size_t n = labels.rows.size();
  std::vector<std::int64_t> rows(labels.rows.begin(), labels.rows.end());
  Matrix<double> limit(n, k_n), sigma(n, k_n);  // sigma 0: no cut on this line
  for (std::size_t r = 0; r < n; ++r)
    for (const auto& cut : labels.cuts[r]) {
      limit(r, cut.line) = cut.limit;
      sigma(r, cut.line) = cut.sigma;
    }
  nb::dict out;
  out["rows"] = to_numpy(std::move(rows), {n});
  out["centre"] = to_numpy(std::move(labels.centre), {n, k_n});
  out["variance"] = to_numpy(std::move(labels.variance), {n, k_n});
  out["cut_limit"] = to_numpy(std::move(limit), {n, k_n});
  out["cut_sigma"] = to_numpy(std::move(sigma), {n, k_n});
  return out;
}

nb::dict likelihood(const Model& model, const nb::dict& columns, const std::string& preset,
                    const std::map<std::string, std::string>& settings, unsigned threads) {
  const Labels labels = labels_of(model, columns, preset, settings, threads);
  LabelLikelihood result = log_likelihood(model, labels.galaxies, labels.rows);
  const std::size_t n = result.value.size();
  nb::dict out;
  out["value"] = to_numpy(std::move(result.value), {n});
  for (auto& [name, of] : {std::pair{"full", &result.full}, std::pair{"partial", &result.partial}}) {
    if (of->params.empty()) continue;
    const std::size_t nets = of->params.rows(), params = of->params.cols(), components = of->factor.rows();
    out[(std::string(name) + ".params").c_str()] = to_numpy(std::move(of->params), {nets, params});
    out[(std::string(name) + ".factor").c_str()] = to_numpy(std::move(of->factor), {components, k_n, k_n});
  }
  return out;
}

// The same model with other numbers in its networks and factors, by the names of the tensors, and metadata.
Model with_numbers(const Model& model, const nb::dict& tensors, const std::map<std::string, std::string>& metadata) {
  need_ten_lines(model, "a model with other numbers");
  Model::Parts parts = model.parts();
  const auto put = [&](const std::string& name, auto* into, std::size_t size) {
    if (!tensors.contains(name.c_str())) return;
    const Reals given(name.c_str(), nb::cast<AnyArray>(tensors[name.c_str()]), 2);
    if (given.rows() * given.cols() != size)
      throw Error(ErrorKind::input, name + " does not fit the model",
                  {std::to_string(given.rows() * given.cols()) + " numbers", std::to_string(size), ""});
    given.read(0, given.rows(), into);
  };
  for (auto& [name, bank] :
       {std::pair{std::string("full"), &parts.full}, std::pair{std::string("partial"), &parts.partial}}) {
    if (!*bank) continue;
    put(name + ".params", (*bank)->params.data(), (*bank)->params.size());
    if ((*bank)->joint)
      put(name + ".joint_factor", (*bank)->joint->factor.data(), (*bank)->joint->factor.flat().size());
  }
  for (const auto& [key, value] : metadata) parts.metadata[key] = value;
  return Model(std::move(parts));
}

}  // namespace

void bind_likelihood(nb::module_& m) {
  m.def("label_rows", &label_dict, nb::arg("model"), nb::arg("galaxies"), nb::arg("preset"), nb::arg("settings"),
        nb::arg("threads"));
  m.def("log_likelihood", &likelihood, nb::arg("model"), nb::arg("galaxies"), nb::arg("preset"), nb::arg("settings"),
        nb::arg("threads"));
  m.def("selection_nodes", [] {
    Matrix<double> nodes = selection_nodes();
    const std::size_t n = nodes.rows();
    return to_numpy(std::move(nodes), {n, k_n});
  });
  m.def("with_numbers", &with_numbers, nb::arg("model"), nb::arg("tensors"), nb::arg("metadata"));
}

}  // namespace starglow::python

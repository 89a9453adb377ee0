// The kernel as XLA custom calls (JAX's foreign function interface), on the CPU. starglow/jax/kernel.py calls them.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "xla/ffi/api/ffi.h"
#pragma GCC diagnostic pop

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "arrays.hpp"
#include "parts.hpp"
#include "pool.hpp"
#include "starglow/base/error.hpp"
#include "starglow/model/model.hpp"

namespace ffi = xla::ffi;
namespace nb = nanobind;

namespace starglow::python {
namespace {

constexpr std::size_t k_block_rows = 16384;

// Models that compiled programs may ask for, by their hash: a program that is kept on disk finds the same model or says
// that it is not there. Models are immutable and stay to the end of the process: a program may run at any time.
struct Registry {
  std::shared_mutex mutex;
  std::map<std::string, Model, std::less<>> models;
};
Registry& registry() {
  static Registry* const one = new Registry;  // XLA's threads may outlive static objects
  return *one;
}

Model model_of(std::string_view hash) {
  Registry& r = registry();
  const std::shared_lock lock(r.mutex);
  const auto found = r.models.find(hash);
  if (found == r.models.end())
    throw Error(ErrorKind::model, "this program was compiled for a model that is not loaded here",
                {"model " + std::string(hash.substr(0, 12)), "",
                 "Load it before the program runs: starglow.jax.kernel.register(weights)."});
  return found->second;
}

template <class T>
std::size_t rows_of(const T& flux) {
  return flux.element_count() / k_n_bands;
}

// Attributes that every call has.
struct Call {
  std::string_view model, conventions;
  std::int64_t policy, threads;
  bool has_ids, has_ivar;
};

Conventions conventions_of(std::string_view text) {  // "APERTURE=total;MWCORR=F;"
  Conventions c;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const std::string_view key = one.substr(0, one.find('=')), value = one.substr(std::min(one.size(), key.size() + 1));
    for (const auto& [name, into] :
         {std::pair{"APERTURE", &c.aperture}, std::pair{"MWCORR", &c.mwcorr}, std::pair{"MASKRULE", &c.maskrule},
          std::pair{"CONTSRC", &c.contsrc}, std::pair{"LABELVER", &c.labelver}, std::pair{"FLUXSCAL", &c.fluxscal},
          std::pair{"VACUUM", &c.vacuum}})
      if (key == name) *into = value;
  }
  return c;
}

// Calls work(galaxies, first, pool) for blocks of the rows; what it throws becomes the call's error.
template <ffi::DataType type, class Work>
ffi::Error for_blocks(const Call& call, const ffi::Buffer<type>& flux, const ffi::Buffer<type>& ivar,
                      const ffi::Buffer<type>& z, const std::uint32_t* ids, const Work& work) {
  try {
    const std::size_t n = rows_of(flux);
    const auto* const f = flux.typed_data();
    const auto* const v = ivar.typed_data();
    const auto* const redshift = z.typed_data();
    const Conventions conventions = conventions_of(call.conventions);
    with_pool(n <= 512 ? 1U : static_cast<unsigned>(call.threads), [&](WorkerPool& pool) {
      for (std::size_t first = 0; first < n; first += k_block_rows) {
        Galaxies g;
        g.n = std::min(k_block_rows, n - first);
        g.conventions = conventions;
        g.band_flux = Matrix<double>(g.n, k_n_bands);
        std::copy_n(f + first * k_n_bands, g.n * k_n_bands, g.band_flux.data());
        if (call.has_ivar) {
          g.band_flux_ivar = Matrix<double>(g.n, k_n_bands);
          std::copy_n(v + first * k_n_bands, g.n * k_n_bands, g.band_flux_ivar.data());
        }
        g.z.assign(redshift + first, redshift + first + g.n);
        if (ids != nullptr) {  // two words, high first
          g.targetid.resize(g.n);
          for (std::size_t i = 0; i < g.n; ++i)
            g.targetid[i] =
                static_cast<std::int64_t>(std::uint64_t{ids[2 * (first + i)]} << 32 | ids[2 * (first + i) + 1]);
        } else if (call.has_ids) {
          g.targetid.assign(g.n, 0);  // that there are ids is all that the flags ask
        }
        work(g, first, pool);
      }
    });
    return ffi::Error::Success();
  } catch (const Error& e) {
    return ffi::Error(e.kind() == ErrorKind::numeric ? ffi::ErrorCode::kInternal : ffi::ErrorCode::kInvalidArgument,
                      e.what());
  } catch (const std::exception& e) {
    return ffi::Error::Internal(e.what());
  }
}

template <class To>
void put(const Matrix<double>& block, std::size_t first, To* whole) {
  std::transform(block.flat().begin(), block.flat().end(), whole + first * block.cols(),
                 [](double x) { return static_cast<To>(x); });
}

template <ffi::DataType type>
ffi::Error predict(ffi::Buffer<type> flux, ffi::Buffer<type> ivar, ffi::Buffer<type> z, ffi::ResultBuffer<type> ew,
                   ffi::ResultBuffer<type> p16, ffi::ResultBuffer<type> p84, ffi::ResultBuffer<ffi::S32> flags,
                   std::string_view model, std::string_view conventions, std::int64_t policy, std::int64_t threads,
                   bool has_ids, bool has_ivar) {
  std::optional<Model> used;
  try {
    used = model_of(model);
  } catch (const Error& e) {
    return ffi::Error::InvalidArgument(e.what());
  }
  const PredictOptions options{.float64 = type == ffi::F64, .out_of_domain = static_cast<OutOfDomain>(policy)};
  return for_blocks<type>({model, conventions, policy, threads, has_ids, has_ivar}, flux, ivar, z, nullptr,
                          [&](const Galaxies& g, std::size_t first, WorkerPool& pool) {
                            const Prediction p = used->predict(g, pool, options);
                            put(p.ew, first, ew->typed_data());
                            if (!p.p16.empty())
                              put(p.p16, first, p16->typed_data()), put(p.p84, first, p84->typed_data());
                            std::copy(p.flags.begin(), p.flags.end(), flags->typed_data() + first);
                          });
}

template <ffi::DataType type>
ffi::Error derivatives(ffi::Buffer<type> flux, ffi::Buffer<type> ivar, ffi::Buffer<type> z, ffi::ResultBuffer<type> ew,
                       ffi::ResultBuffer<type> p16, ffi::ResultBuffer<type> p84, std::string_view model,
                       std::string_view conventions, std::int64_t policy, std::int64_t threads, bool has_ids,
                       bool has_ivar) {
  std::optional<Model> used;
  try {
    used = model_of(model);
  } catch (const Error& e) {
    return ffi::Error::InvalidArgument(e.what());
  }
  return for_blocks<type>({model, conventions, policy, threads, has_ids, has_ivar}, flux, ivar, z, nullptr,
                          [&](const Galaxies& g, std::size_t first, WorkerPool& pool) {
                            const Derivatives d = used->derivatives(g, pool);
                            put(d.ew, first, ew->typed_data());
                            if (!d.p16.empty())
                              put(d.p16, first, p16->typed_data()), put(d.p84, first, p84->typed_data());
                          });
}

// One seed a row, two words, high first: a batch of calls (vmap over seeds) is one call. Rows of one seed go together.
template <ffi::DataType type>
ffi::Error sample(ffi::Buffer<type> flux, ffi::Buffer<type> ivar, ffi::Buffer<type> z, ffi::Buffer<ffi::U32> ids,
                  ffi::Buffer<ffi::U32> seeds, ffi::ResultBuffer<ffi::F32> draws, std::string_view model,
                  std::string_view conventions, std::int64_t threads, bool has_ivar, std::int64_t n_draws) {
  std::optional<Model> used;
  try {
    used = model_of(model);
  } catch (const Error& e) {
    return ffi::Error::InvalidArgument(e.what());
  }
  const std::uint32_t* const words = seeds.typed_data();
  const auto seed_of = [words](std::size_t row) {
    return std::uint64_t{words[2 * row]} << 32 | std::uint64_t{words[2 * row + 1]};
  };
  return for_blocks<type>(
      {model, conventions, 0, threads, true, has_ivar}, flux, ivar, z, ids.typed_data(),
      [&](const Galaxies& g, std::size_t first, WorkerPool& pool) {
        for (std::size_t from = 0, to = 0; from < g.n; from = to) {
          const std::uint64_t seed = seed_of(first + from);
          for (to = from + 1; to < g.n && seed_of(first + to) == seed;) ++to;
          std::vector<std::size_t> rows(to - from);
          std::iota(rows.begin(), rows.end(), from);
          const Prediction p =
              used->predict(rows.size() == g.n ? g : select_rows(g, rows), pool,
                            {.float64 = type == ffi::F64, .draws = static_cast<std::size_t>(n_draws), .seed = seed});
          std::copy(p.draws.flat().begin(), p.draws.flat().end(),
                    draws->typed_data() + (first + from) * p.draws.cols());
        }
      });
}

template <ffi::DataType type>
auto inputs() {
  return ffi::Ffi::Bind()
      .template Arg<ffi::Buffer<type>>()
      .template Arg<ffi::Buffer<type>>()
      .template Arg<ffi::Buffer<type>>();
}

#define STARGLOW_COMMON_ATTRIBUTES           \
  .Attr<std::string_view>("model")           \
      .Attr<std::string_view>("conventions") \
      .Attr<std::int64_t>("policy")          \
      .Attr<std::int64_t>("threads")         \
      .Attr<bool>("has_ids")                 \
      .Attr<bool>("has_ivar")
#define STARGLOW_HANDLERS(suffix, type)                                                                            \
  XLA_FFI_DEFINE_HANDLER(k_predict_##suffix, predict<type>,                                                        \
                         inputs<type>()                                                                            \
                             .Ret<ffi::Buffer<type>>()                                                             \
                             .Ret<ffi::Buffer<type>>()                                                             \
                             .Ret<ffi::Buffer<type>>()                                                             \
                             .Ret<ffi::Buffer<ffi::S32>>() STARGLOW_COMMON_ATTRIBUTES);                            \
  XLA_FFI_DEFINE_HANDLER(k_derivatives_##suffix, derivatives<type>,                                                \
                         inputs<type>().Ret<ffi::Buffer<type>>().Ret<ffi::Buffer<type>>().Ret<ffi::Buffer<type>>() \
                             STARGLOW_COMMON_ATTRIBUTES);                                                          \
  XLA_FFI_DEFINE_HANDLER(k_sample_##suffix, sample<type>,                                                          \
                         inputs<type>()                                                                            \
                             .Arg<ffi::Buffer<ffi::U32>>()                                                         \
                             .Arg<ffi::Buffer<ffi::U32>>()                                                         \
                             .Ret<ffi::Buffer<ffi::F32>>()                                                         \
                             .Attr<std::string_view>("model")                                                      \
                             .Attr<std::string_view>("conventions")                                                \
                             .Attr<std::int64_t>("threads")                                                        \
                             .Attr<bool>("has_ivar")                                                               \
                             .Attr<std::int64_t>("draws"))

STARGLOW_HANDLERS(f32, ffi::F32);
STARGLOW_HANDLERS(f64, ffi::F64);

}  // namespace

void bind_ffi(nb::module_& m) {
  m.def("ffi_register", [](const Model& model) {
    need_ten_lines(model, "the kernel inside JAX");
    Registry& r = registry();
    const std::unique_lock lock(r.mutex);
    r.models.emplace(model.hash(), model);
  });
  nb::dict handlers;
  const auto add = [&](const char* name, XLA_FFI_Handler* handler) {
    handlers[name] = nb::capsule(reinterpret_cast<void*>(handler));
  };
  add("predict_f32", k_predict_f32);
  add("predict_f64", k_predict_f64);
  add("derivatives_f32", k_derivatives_f32);
  add("derivatives_f64", k_derivatives_f64);
  add("sample_f32", k_sample_f32);
  add("sample_f64", k_sample_f64);
  m.attr("ffi_handlers") = handlers;
}

}  // namespace starglow::python

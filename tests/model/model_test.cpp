#include "starglow/model/model.hpp"
#include "starglow/files/models.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "files/models/model_io.hpp"
#include "kernels/dispatch.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/base/limits.hpp"
#include "starglow/spectra/extinction.hpp"
#include "support/example_galaxies.hpp"
#include "support/expect_derivative.hpp"
#include "support/shared_data.hpp"
#include "support/slow_model.hpp"

namespace starglow {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> flux_of(const Galaxies& g, std::size_t i) {
  return {g.band_flux.row(i).begin(), g.band_flux.row(i).end()};
}

TEST(Model, ShippedModelEqualsTheFormula) {
  const Model model = slow::networks_alone(Model::shipped());
  EXPECT_LE(model.n_params(), 170000U);
  Galaxies g = test::example_galaxies(40);
  g.conventions.mwcorr = model.parts().metadata.at("mwcorr");
  WorkerPool pool(2);
  const Prediction wide = model.predict(g, pool, {.float64 = true}), narrow = model.predict(g, pool);
  for (std::size_t i = 0; i < g.n; ++i) {
    const auto slow = slow::predict<double>(*model.parts().full, flux_of(g, i), g.z[i]);
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      EXPECT_NEAR(wide.ew(i, line), slow[line], 1e-11 * (1 + std::fabs(slow[line])));
      EXPECT_NEAR(narrow.ew(i, line), slow[line], 1e-5 * (1 + std::fabs(slow[line])));
    }
    for (const auto& [quantiles, p] : {std::pair{&wide.p16, k_p16}, std::pair{&wide.p84, k_p84}}) {
      const auto there = slow::predict<double>(*model.parts().full, flux_of(g, i), g.z[i], true, p);
      for (std::size_t line = 0; line < k_n_lines; ++line)
        EXPECT_NEAR((*quantiles)(i, line), there[line], 1e-9 * (1 + std::fabs(there[line])));
    }
  }
}

// What each instruction set answers for 500 galaxies.
std::vector<Prediction> by_instruction_set(const Model& model) {
  const Galaxies g = test::example_galaxies(500);
  WorkerPool pool(1);
  const std::string before(kernels::active_isa());
  std::vector<Prediction> results;
  for (const auto* table : kernels::available()) {
    kernels::select_isa(table->isa);
    results.push_back(model.predict(g, pool));
  }
  kernels::select_isa(before);
  return results;
}

TEST(Model, InstructionSetsAgree) {
  const auto results = by_instruction_set(Model::load("joint-0.1"));
  for (const auto& p : results)
    for (std::size_t k = 0; k < p.ew.flat().size(); ++k)
      ASSERT_NEAR(p.ew.flat()[k], results[0].ew.flat()[k], 2e-6 * std::fabs(results[0].ew.flat()[k]) + 1e-6);
}

// Where a median lies between two components, it moves by many times what their weights do: by a small part of the
// width still.
TEST(Model, InstructionSetsAgreeBetweenComponents) {
  const auto results = by_instruction_set(Model::shipped());
  const Prediction& first = results[0];
  for (const auto& p : results)
    for (std::size_t k = 0; k < p.ew.flat().size(); ++k) {
      const double width = first.p84.flat()[k] - first.p16.flat()[k];
      ASSERT_NEAR(p.ew.flat()[k], first.ew.flat()[k], 2e-6 * std::fabs(first.ew.flat()[k]) + 1e-6 + 5e-5 * width);
    }
}

TEST(Model, JacobianOfBothSiblingsByTheHarness) {
  const Model model = slow::networks_alone(Model::shipped());
  WorkerPool pool(1);
  Galaxies base = test::example_galaxies(3);
  base.conventions.mwcorr = model.parts().metadata.at("mwcorr");
  for (const bool full : {true, false})
    for (std::size_t row = 0; row < base.n; ++row) {
      const auto galaxy = [&](const test::Vector& flux) {
        const std::size_t rows[]{row};
        Galaxies g = select_rows(base, rows);
        if (!full) g.conventions.fluxscal = "relative";
        for (std::size_t b = 0; b < k_n_bands; ++b) g.band_flux(0, b) = flux[b];
        return g;
      };
      test::Operation op;
      op.value = [&](const test::Vector& flux) {
        const auto p = model.predict(galaxy(flux), pool, {.float64 = true});
        return test::Vector(p.ew.flat().begin(), p.ew.flat().end());
      };
      op.jacobian = [&](const test::Vector& flux) {
        const auto j = model.jacobian(galaxy(flux), pool);
        return test::Vector(j.flat().begin(), j.flat().end());
      };
      op.twin = [&](const std::vector<test::Dual>& flux) {
        return slow::predict<test::Dual>(full ? *model.parts().full : *model.parts().partial, flux, base.z[row], full);
      };
      test::DerivativeOptions options;
      options.tolerance = 1e-9;
      options.difference_tolerance = 2e-6;
      test::expect_derivative(op, flux_of(base, row), options);
    }
}

// EW, p16 and p84 along the twelve fluxes and the redshift.
TEST(Model, DerivativesOfAllAnswersByTheHarness) {
  const Model model = Model::shipped();
  WorkerPool pool(1);
  const Galaxies base = test::example_galaxies(2);
  for (const bool luminosity : {true, false})
    for (std::size_t row = 0; row < base.n; ++row) {
      const auto galaxy = [&](const test::Vector& x) {
        const std::size_t rows[]{row};
        Galaxies g = select_rows(base, rows);
        if (!luminosity) g.conventions.fluxscal = "relative";
        for (std::size_t b = 0; b < k_n_bands; ++b) g.band_flux(0, b) = x[b];
        g.z[0] = x[k_n_bands];
        return g;
      };
      const auto join = [](const Matrix<double>& a, const Matrix<double>& b, const Matrix<double>& c) {
        test::Vector out;
        for (const auto* m : {&a, &b, &c}) out.insert(out.end(), m->flat().begin(), m->flat().end());
        return out;
      };
      test::Operation op;
      op.value = [&](const test::Vector& x) {
        const auto p = model.predict(galaxy(x), pool, {.float64 = true});
        return join(p.ew, p.p16, p.p84);
      };
      op.jacobian = [&](const test::Vector& x) {
        const auto d = model.derivatives(galaxy(x), pool);
        return join(d.ew, d.p16, d.p84);
      };
      test::Vector x = flux_of(base, row);
      x.push_back(base.z[row]);
      test::expect_derivative(op, x, {.difference_tolerance = 3e-6, .check_nan = false});
    }
  Galaxies lost = base;
  lost.z.clear();
  const auto d = model.derivatives(lost, pool);
  for (std::size_t line = 0; line < k_n_lines; ++line) EXPECT_EQ(d.ew(0, line * k_n_slopes + k_n_bands), 0.0);
}

TEST(Model, ProductsWithTheJacobian) {
  const Model model = Model::shipped();
  WorkerPool pool(1);
  const Galaxies g = test::example_galaxies(5);
  const auto jac = model.jacobian(g, pool);
  Matrix<double> v(5, k_n_bands), w(5, k_n_lines);
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t b = 0; b < k_n_bands; ++b) v(i, b) = std::sin(static_cast<double>(i + b));
    for (std::size_t l = 0; l < k_n_lines; ++l) w(i, l) = std::cos(static_cast<double>(i * 3 + l));
  }
  const auto forward = model.jvp(g, v, pool), back = model.vjp(g, w, pool);
  for (std::size_t i = 0; i < 5; ++i) {
    double left = 0, right = 0;
    for (std::size_t l = 0; l < k_n_lines; ++l) left += w(i, l) * forward(i, l);
    for (std::size_t b = 0; b < k_n_bands; ++b) right += back(i, b) * v(i, b);
    EXPECT_NEAR(left, right, 1e-9 * (1 + std::fabs(left)));
    EXPECT_NEAR(
        forward(i, 6),
        [&] {
          double sum = 0;
          for (std::size_t b = 0; b < k_n_bands; ++b) sum += jac(i, 6 * k_n_bands + b) * v(i, b);
          return sum;
        }(),
        1e-9 * (1 + std::fabs(forward(i, 6))));
  }
}

TEST(Model, BitEqualForAnyThreadsAndChunks) {
  const Model model = Model::shipped();
  const Galaxies g = test::example_galaxies(2000);
  WorkerPool one(1);
  const auto whole = model.predict(g, one);
  for (const unsigned threads : {2U, 3U, 7U, 16U}) {
    WorkerPool pool(threads);
    const auto p = model.predict(g, pool);
    EXPECT_TRUE(std::equal(p.ew.flat().begin(), p.ew.flat().end(), whole.ew.flat().begin()));
  }
  for (const std::size_t chunk : {1U, 7U, 512U}) {
    for (std::size_t first = 0; first < 200; first += chunk) {
      std::vector<std::size_t> rows;
      for (std::size_t i = first; i < std::min(first + chunk, g.n); ++i) rows.push_back(i);
      const auto part = model.predict(select_rows(g, rows), one);
      for (std::size_t i = 0; i < rows.size(); ++i)
        for (std::size_t line = 0; line < k_n_lines; ++line) ASSERT_EQ(part.ew(i, line), whole.ew(rows[i], line));
    }
  }
}

TEST(Model, AnswersAreFiniteOrFlagged) {
  const Model model = Model::shipped();
  WorkerPool pool(2);
  Galaxies g = test::example_galaxies(400);
  std::uint64_t x = 1;
  for (std::size_t i = 0; i < g.n; ++i)
    for (std::size_t b = 0; b < k_n_bands; ++b) {
      x = x * 6364136223846793005U + 1442695040888963407U;
      const double unit = static_cast<double>(x >> 11) * 0x1p-53;
      if (i % 2 == 0) g.band_flux(i, b) = std::pow(10.0, 600 * unit - 300);
      if (i % 2 == 1 && b == i % k_n_bands) g.band_flux(i, b) *= std::pow(10.0, 0.2 * static_cast<double>(i));
    }
  for (const bool f64 : {false, true}) {
    const Prediction p = model.predict(g, pool, {.float64 = f64, .draws = 8, .seed = 3});
    std::size_t bounded = 0;
    for (std::size_t i = 0; i < g.n; ++i) {
      const bool fatal = (p.flags[i] & k_fatal_flags) != 0;
      bounded += (p.flags[i] & k_bounded) != 0 ? 1U : 0U;
      const auto check = [&](double ew) {
        EXPECT_TRUE(fatal ? std::isnan(ew) : ew >= 0 && ew <= k_most_ew * (1 + 1e-5)) << i << " " << ew;
      };
      for (std::size_t line = 0; line < k_n_lines; ++line) {
        check(p.ew(i, line));
        check(p.p16(i, line));
        check(p.p84(i, line));
        EXPECT_TRUE(fatal || p.ew(i, line) < k_most_ew) << i;
        for (std::size_t k = 0; k < 8; ++k) check(static_cast<double>(p.draws(i, line * 8 + k)));
      }
    }
    EXPECT_GT(bounded, 0U);
    const Derivatives d = model.derivatives(g, pool);
    for (const auto* m : {&d.ew, &d.p16, &d.p84})
      for (const double v : m->flat()) EXPECT_FALSE(std::isinf(v));
  }
}

TEST(Model, FlagsOfBadRows) {
  const Model model = Model::shipped();
  WorkerPool pool(1);
  const double inf = std::numeric_limits<double>::infinity();
  const struct {
    const char* what;
    std::function<void(Galaxies&)> spoil;
    std::int32_t flags;
    bool answer;
  } cases[]{
      {"good", [](Galaxies&) {}, 0, true},
      {"band NaN", [](Galaxies& g) { g.band_flux(0, 4) = k_nan; }, k_band_missing, true},
      {"band 0", [](Galaxies& g) { g.band_flux(0, 4) = 0; }, k_band_missing | k_negative_band, true},
      {"band -0", [](Galaxies& g) { g.band_flux(0, 4) = -0.0; }, k_band_missing | k_negative_band, true},
      {"band negative", [](Galaxies& g) { g.band_flux(0, 4) = -3; }, k_band_missing | k_negative_band, true},
      {"seven bands missing",
       [](Galaxies& g) {
         for (std::size_t b = 0; b < 7; ++b) g.band_flux(0, b) = k_nan;
       },
       k_band_missing | k_no_answer, false},
      {"band infinite", [=](Galaxies& g) { g.band_flux(0, 4) = inf; }, k_nonfinite, false},
      {"ivar 0",
       [](Galaxies& g) {
         g.band_flux_ivar = Matrix<double>(1, 12, 1.0);
         g.band_flux_ivar(0, 0) = 0;
       },
       k_band_missing, true},
      {"ivar NaN",
       [](Galaxies& g) {
         g.band_flux_ivar = Matrix<double>(1, 12, 1.0);
         g.band_flux_ivar(0, 0) = k_nan;
       },
       k_band_missing, true},
      {"z NaN", [](Galaxies& g) { g.z[0] = k_nan; }, k_no_luminosity, true},
      {"z 0", [](Galaxies& g) { g.z[0] = 0; }, k_no_luminosity | k_z_range, true},
      {"z negative", [](Galaxies& g) { g.z[0] = -0.1; }, k_no_luminosity | k_z_range, true},
      {"z infinite", [=](Galaxies& g) { g.z[0] = inf; }, k_no_luminosity | k_z_range, true},
      {"z 3", [](Galaxies& g) { g.z[0] = 3; }, k_z_range, true},
      {"no z column", [](Galaxies& g) { g.z.clear(); }, k_no_luminosity, true},
      {"no id column", [](Galaxies& g) { g.targetid.clear(); }, k_id_is_row, true},
      {"total light", [](Galaxies& g) { g.conventions.aperture = "total"; }, k_no_luminosity, true},
      {"relative fluxes", [](Galaxies& g) { g.conventions.fluxscal = "relative"; }, k_no_luminosity, true},
      {"denormal fluxes",
       [](Galaxies& g) {
         for (std::size_t b = 0; b < 12; ++b) g.band_flux(0, b) *= 1e-310;
       },
       0, true},
      {"huge fluxes",
       [](Galaxies& g) {
         for (std::size_t b = 0; b < 12; ++b) g.band_flux(0, b) *= 1e300;
       },
       0, true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    Galaxies g = test::example_galaxies(1);
    c.spoil(g);
    const auto p = model.predict(g, pool);
    // How far an answer goes where the light is no galaxy's is the model's own affair.
    const bool beyond = (p.flags[0] & k_bounded) != 0 || (c.answer && (p.flags[0] & k_nonfinite) != 0);
    const std::int32_t affair = k_out_of_domain | (beyond ? k_bounded | k_nonfinite : 0);
    EXPECT_EQ(p.flags[0] & ~affair, c.flags) << flag_names(p.flags[0]);
    for (std::size_t line = 0; line < k_n_lines; ++line) {
      EXPECT_EQ(std::isnan(p.ew(0, line)), !c.answer || beyond);
    }
    const auto jac = model.jacobian(g, pool);
    EXPECT_EQ(std::isnan(jac(0, 11)), !c.answer || beyond);
  }
}

TEST(Model, ConventionsThatClashAreRefused) {
  const Model model = Model::shipped();
  Conventions c;
  EXPECT_EQ(model.compare(c).notes.size(), 1U);  // all unknown: said once
  c.mwcorr = model.parts().metadata.at("mwcorr");
  c.vacuum = "F";
  EXPECT_THROW(model.compare(c), Error);
  c.vacuum = "T";
  c.aperture = "total";
  EXPECT_FALSE(model.compare(c).luminosity_usable);
  c.aperture = "fibre";
  c.maskrule = "robust";
  EXPECT_TRUE(model.compare(c).luminosity_usable);
  EXPECT_EQ(model.compare(c).notes.size(), 1U);
}

TEST(Model, GalacticDustIsConvertedOrAssumed) {
  const Model model = Model::shipped();
  const std::string own = model.parts().metadata.at("mwcorr");
  ASSERT_TRUE(own == "F" || own == "T");
  WorkerPool pool(1);
  Galaxies right = test::example_galaxies(4), other = right;
  right.conventions.mwcorr = own;
  other.conventions.mwcorr = own == "F" ? "T" : "F";
  other.ebv = {0.05, 0.3, std::nan(""), -9999.0};  // the last two: unknown, as much as is usual
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t b = 0; b < k_n_bands; ++b) {
      const double wave = 0.5 * (band_lo(b) + band_hi(b)) * (1 + other.z[i]);
      const double through = milky_way_transmission(wave, i < 2 ? other.ebv[i] : k_usual_ebv);
      other.band_flux(i, b) *= own == "F" ? 1 / through : through;
    }
  EXPECT_TRUE(model.compare(other.conventions, true).dust_converted);
  const auto a = model.predict(right, pool), b = model.predict(other, pool);
  EXPECT_EQ(a.flags, b.flags);
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t line = 0; line < k_n_lines; ++line)
      EXPECT_NEAR(b.ew(i, line), a.ew(i, line), 1e-4 * a.ew(i, line) + 1e-4);
  other.ebv.clear();  // no EBV: never a refusal, and it is said
  const auto report = model.compare(other.conventions, false);
  EXPECT_TRUE(report.dust_converted);
  ASSERT_FALSE(report.notes.empty());
  EXPECT_NE(report.notes[0].find("MWCORR is " + other.conventions.mwcorr), std::string::npos);
  const auto usual = model.predict(other, pool);
  EXPECT_NE(usual.ew(1, 6), b.ew(1, 6));
  EXPECT_EQ(usual.ew(2, 6), b.ew(2, 6));
  EXPECT_EQ(model.predict(select_rows(other, {}), pool).flags.size(), 0U);
  other.conventions.contsrc = "synthetic";  // which has no Milky Way
  EXPECT_FALSE(model.compare(other.conventions, false).dust_converted);
  other.conventions.mwcorr = own;
  Galaxies as_is = other;
  other.conventions.mwcorr = own == "F" ? "T" : "F";
  EXPECT_EQ(model.predict(other, pool).ew(2, 6), model.predict(as_is, pool).ew(2, 6));
}

TEST(Model, SlopesGoThroughGalacticDust) {
  const Model model = Model::shipped();
  WorkerPool pool(1);
  Galaxies g = test::example_galaxies(3);
  g.conventions.mwcorr = model.parts().metadata.at("mwcorr") == "F" ? "T" : "F";
  g.ebv = {0.1, 0.2, std::nan("")};
  const auto slopes = model.derivatives(g, pool).ew;
  const auto at = [&](std::size_t i, std::size_t k, double by) {
    Galaxies moved = g;
    (k < k_n_bands ? moved.band_flux(i, k) : moved.z[i]) *= 1 + by;
    return model.predict(moved, pool, {.float64 = true}).ew;
  };
  for (std::size_t i = 0; i < g.n; ++i)
    for (const std::size_t k : std::initializer_list<std::size_t>{0, 5, 11, 12}) {
      const double step = 1e-5, x = k < k_n_bands ? g.band_flux(i, k) : g.z[i];
      const auto up = at(i, k, step), down = at(i, k, -step);
      for (const std::size_t line : std::initializer_list<std::size_t>{0, 6}) {
        const double central = (up(i, line) - down(i, line)) / (2 * step * x);
        EXPECT_NEAR(slopes(i, line * k_n_slopes + k), central, 1e-4 * std::fabs(central) + 1e-4) << i << " " << k;
      }
    }
}

TEST(Model, NullIdsAreKeyedByTheRow) {
  const Model model = Model::shipped();
  WorkerPool pool(1);
  Galaxies g = test::example_galaxies(2), none = g;
  g.targetid = {77, k_null_id};
  none.targetid.clear();
  const auto a = model.predict(g, pool, {.draws = 2}), b = model.predict(none, pool, {.draws = 2});
  EXPECT_EQ(a.flags[0] & k_id_is_row, 0);
  EXPECT_EQ(a.flags[1] & k_id_is_row, k_id_is_row);
  EXPECT_TRUE(std::ranges::equal(a.draws.row(1), b.draws.row(1)));
  EXPECT_FALSE(std::ranges::equal(a.draws.row(0), b.draws.row(0)));
}

TEST(Model, WordsOfConventionsAreKnown) {
  const Model model = Model::shipped();
  for (const auto member :
       {&Conventions::aperture, &Conventions::mwcorr, &Conventions::fluxscal, &Conventions::vacuum}) {
    Conventions c;
    c.*member = "fiber";
    try {
      (void)model.compare(c);
      ADD_FAILURE() << "taken";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      EXPECT_NE(std::string(e.what()).find("has an unknown value; found 'fiber'"), std::string::npos) << e.what();
    }
  }
}

TEST(Model, DoubletsAreExact) {
  const Model model = Model::shipped();
  WorkerPool pool(1);
  const auto p = model.predict(test::example_galaxies(50), pool);
  for (std::size_t i = 0; i < 50; ++i)
    for (const auto& d : k_doublets)
      EXPECT_NEAR(p.ew(i, static_cast<std::size_t>(d.strong)) / p.ew(i, static_cast<std::size_t>(d.weak)) / d.ew_ratio,
                  1.0, 1e-12);
}

TEST(ModelFile, EqualBytesAndHashAfterARoundTrip) {
  const test::TempFolder folder;
  Model::Parts parts = Model::shipped().parts();
  parts.metadata["train.activation"] = "polyswish";  // a description whose name ends like a structural one
  const Model model(std::move(parts));
  save(model, folder / "a.safetensors");
  const Model back = Model::load(folder / "a.safetensors");
  save(back, folder / "b.safetensors");
  EXPECT_EQ(back.hash(), model.hash());
  EXPECT_EQ(back.parts().metadata, model.parts().metadata);
  EXPECT_EQ(test::read_all(folder / "a.safetensors"), test::read_all(folder / "b.safetensors"));
  EXPECT_THROW(save(model, folder / "a.safetensors"), Error);
}

TEST(ModelFile, AFileThatDoesNotFitIsRefused) {
  const auto good = files::model_to_tensors(Model::shipped().parts());
  const auto refused = [&](const std::function<void(files::SafeTensors&)>& change, bool rehash) {
    auto bad = good;
    change(bad);
    if (rehash) bad.metadata["layout_hash"] = files::layout_hash(bad);
    try {
      const Model model(files::model_from_tensors(bad));
      ADD_FAILURE() << "accepted";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::model) << e.what();
    }
  };
  refused([](auto& s) { s.metadata["full.activation"] = "silu"; }, false);  // the hash finds it
  refused([](auto& s) { s.metadata["full.activation"] = "tanh"; }, true);
  refused([](auto& s) { s.metadata["kind"] = "population"; }, true);
  refused([](auto& s) { s.metadata["format_version"] = "99"; }, true);
  refused([](auto& s) { s.metadata["band_edges"] = "1,2"; }, true);
  refused([](auto& s) { s.metadata["full.outputs"] = "HALPHA"; }, true);
  refused([](auto& s) { s.metadata["full.sizes"] = "13,x"; }, true);
  refused([](auto& s) { s.metadata["full.features"] = "colours"; }, true);
  refused([](auto& s) { s.tensors.erase("full.x_mean"); }, true);
  refused([](auto& s) { s.tensors["extra"] = s.tensors["full.y_mean"]; }, true);
  refused([](auto& s) { s.tensors["full.y_mean"].shape = {4, 2}; }, true);
  refused([](auto& s) { s.metadata.erase("kind"); }, true);
}

TEST(ModelFile, BadPartsAreRefused) {
  const auto refused = [](const std::function<void(Model::Parts&)>& change) {
    Model::Parts parts = Model::shipped().parts();
    change(parts);
    EXPECT_THROW(Model{parts}, Error);
  };
  refused([](auto& p) { p.full->params[7] = std::nanf(""); });
  refused([](auto& p) { p.full->params.pop_back(); });
  refused([](auto& p) { p.full->x_scale(0, 0) = 0; });
  refused([](auto& p) { p.full->x_mean(0, 0) = k_nan; });
  refused([](auto& p) { p.full->outputs[0] = p.full->outputs[1]; });
  refused([](auto& p) { p.full->features.inputs = InputSet::of(k_input_log_lum); });
  refused([](auto& p) { p.kind = "map"; });
  refused([](auto& p) { p.metadata["z_min"] = "small"; });
  refused([](auto& p) { p.metadata["ew_ratio_OIII_4959"] = "-3"; });
  refused([](auto& p) {
    p.full.reset();
    p.partial.reset();
  });
}

}  // namespace
}  // namespace starglow

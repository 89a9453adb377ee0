#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "starglow/base/galaxies.hpp"
#include "starglow/base/view.hpp"
#include "starglow/model/model.hpp"

namespace starglow {

/// Where the galaxies stand on the page: two numbers each, and what they are.
struct PageMap {
  Matrix<float> xy;              ///< (n, 2); NaN = no place
  std::string x_label, y_label;  ///< with the unit, where there is one
  std::string note;              ///< one sentence: where the numbers come from
};

/// The map of a table that brings none: the first two principal components of the twelve log10 band fluxes, each galaxy
/// less its own mean (so types, not brightness, make the map). A missing band counts as the mean of the table; a galaxy
/// without any band has no place. Signs are such that redder galaxies lie to the right and the largest loading of y is
/// positive. Error(input): no band flux at all.
PageMap principal_map(const Galaxies& galaxies);

/// A number of each galaxy that the page can colour by.
struct PageColumn {
  std::string name, unit;
  std::vector<float> values;   ///< (n); NaN = absent
  bool whole_numbers = false;  ///< counts or bits: kept exactly; else half precision may do
};

/// Spectra of some of the galaxies, encoded for the page: one record a spectrum, all of one size, at most 5 bytes a
/// pixel (9 where each has its own grid) and 8 more. docs/page.md has the layout.
struct PageSpectra {
  std::vector<float> wave;  ///< A, vacuum, observed frame; empty: each record ends with its own
  std::size_t pixels = 0;
  std::vector<std::int32_t> index;  ///< (n) record of each galaxy, -1 = none
  std::string records;
};

/// The spectra of a file (spectra_file.hpp) for the galaxies of a table, matched by TARGETID. Error(input): no TARGETID
/// in one of them, or no spectrum for any galaxy.
PageSpectra read_page_spectra(const std::filesystem::path& path, const Galaxies& galaxies);

/// Everything that the page shows.
struct PageContent {
  std::string title;
  Galaxies galaxies;
  Prediction prediction;  ///< medians, and quantiles where the model is a distribution
  PageMap map;
  PageSpectra spectra;  ///< empty index: none
  std::vector<PageColumn> columns;
  std::vector<std::string> notes;                               ///< for people: conventions, what was left out
  std::vector<std::pair<std::string, std::string>> provenance;  ///< key, value
};

/// Above this many galaxies a page needs a folder or the server.
inline constexpr std::size_t k_page_single_max = 20'000;
/// Above this many galaxies the page reads columns and rows one by one.
inline constexpr std::size_t k_page_whole_max = 50'000;
/// Bytes of spectra that a page of one file takes, and a folder.
inline constexpr std::size_t k_page_single_spectra = 64'000'000, k_page_spectra = 4'000'000'000;

/// The files of the page by path, "index.html" among them; data lie in a folder named by their content. The model
/// travels in half precision (tensors "*.params" as F16), docs/page.md.
std::map<std::string, std::string> page_files(const PageContent& content, const Model& model);

/// The whole page as one HTML file that opens from disk. Error(usage): more galaxies than k_page_single_max
/// or more spectra than k_page_single_spectra.
std::string page_single_file(const PageContent& content, const Model& model);

/// A model's file as the page reads it: `half` keeps the parameters in half precision, else in single. "" for the
/// kinds knn and llr, which hold galaxies and stay at home.
std::string page_model(const Model& model, bool half);

/// The content policy of the page, as a header or a meta element carries it. `script`, `style`: what may run, e.g.
/// "'self'" or a hash.
std::string page_policy(std::string_view script, std::string_view style);

}  // namespace starglow

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>

#include "cli/explore_tiles.hpp"
#include "cli/output.hpp"
#include "cli/provenance_text.hpp"
#include "cli/serve.hpp"
#include "cli/verb.hpp"
#include "files/atomic_folder.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"
#include "starglow/files/models.hpp"
#include "starglow/files/table.hpp"
#include "starglow/map/map.hpp"
#include "starglow/page/page.hpp"

namespace starglow::cli {
namespace {

constexpr std::size_t k_max_columns = 64;

void declare(OptionSet& set) {
  set.positional = {"table.fits", "table with BAND_FLUX; better with Z, measured EWs and a column UMAP", 1, 1};
  set.add({"output", OptionType::text, "folder to write the page into", "", "DIR", 'o'});
  set.add({"single_file", OptionType::text,
           "write the page as one HTML file that opens from disk (up to 20000 galaxies)", "", "FILE"});
  set.add({"serve", OptionType::integer, "serve the page on this port, for this computer only; 0: any free port", "",
           "PORT"});
  set.add({"model", OptionType::text, "model file or name; default: the shipped model", "", "FILE"});
  set.add({"spectra", OptionType::text, "spectra of the galaxies, from prep --spectra or paint", "", "FILE"});
  set.add({"map", OptionType::text, "place the galaxies on this map, from embed --save-map; default: the column UMAP",
           "", "FILE"});
  set.add({"tiles", OptionType::flag, "with -o: for any number of galaxies, in tiles that the browser loads as needed",
           "false"});
  set.add({"title", OptionType::text, "title of the page; default: name of the table", "", "TEXT"});
}

// The map that the table brings: UMAP, else the first other column of that kind.
std::optional<PageMap> map_of_table(const TableReader& reader) {
  std::string name;
  for (const auto& column : reader.columns())
    if (column.repeat == 2 && column.name.starts_with("UMAP") && (name.empty() || column.name == "UMAP"))
      name = column.name;
  if (name.empty()) return std::nullopt;
  const Matrix<double> values = reader.read_column(name, 0, reader.rows());
  PageMap map{Matrix<float>(values.rows(), 2), "UMAP 1 (no unit)", "UMAP 2 (no unit)",
              "Places from the table's column " + name + "."};
  std::transform(values.flat().begin(), values.flat().end(), map.xy.data(),
                 [](double v) { return static_cast<float>(v); });
  return map;
}

// The map that was asked for, else that of the table, else principal components.
PageMap map_for(const Settings& settings, const TableReader& reader, const Galaxies& galaxies, WorkerPool& pool) {
  if (settings.is_set("map"))
    return {load_map(settings.text("map")).project(galaxies, pool), "UMAP 1 (no unit)", "UMAP 2 (no unit)",
            "Places in the map " + std::filesystem::path(settings.text("map")).filename().string() + "."};
  auto map = map_of_table(reader);
  return map ? std::move(*map) : principal_map(galaxies);
}

bool is_read_already(const std::string& name, const LineSet& lines) {
  if (name == "TARGETID" || name == "Z" || name == "FLAGS") return true;
  return std::ranges::any_of(lines.lines(), [&](std::size_t line) {
    const std::string own(k_all_lines[line].name);
    return name == own + "_EW" || name == own + "_EW_IVAR";
  });
}

std::vector<PageColumn> more_columns(const TableReader& reader, const LineSet& lines, std::vector<std::string>& notes) {
  std::vector<PageColumn> out;
  std::string left;
  for (const auto& column : reader.columns()) {
    if (column.repeat != 1 || column.is_text() || is_read_already(column.name, lines)) continue;
    try {
      if (out.size() == k_max_columns) throw Error(ErrorKind::input, "too many columns");
      const Matrix<double> values = reader.read_column(column.name, 0, reader.rows());
      PageColumn c{column.name, column.unit, std::vector<float>(values.rows()), !column.is_real()};
      std::transform(values.flat().begin(), values.flat().end(), c.values.begin(),
                     [](double v) { return static_cast<float>(v); });
      out.push_back(std::move(c));
    } catch (const Error&) {  // 64-bit integers that no number of the page can hold, or more than the page takes
      left += (left.empty() ? "" : ", ") + column.name;
    }
  }
  if (!left.empty()) notes.push_back("columns that the page does not show: " + left);
  return out;
}

PageContent content_of(const Settings& settings, const Model& model, Console& console) {
  const std::string input = settings.positionals().at(0);
  const TableReader reader(input);
  if (!reader.has_column("BAND_FLUX"))
    throw Error(ErrorKind::input, "'" + input + "' has no column BAND_FLUX",
                {"", "12 band fluxes a row", "prep makes them from spectra."});
  if (reader.rows() == 0) throw Error(ErrorKind::input, "'" + input + "' has no rows");
  PageContent c;
  c.title = settings.is_set("title") ? settings.text("title") : std::filesystem::path(input).filename().string();
  c.notes = reader.notes();
  c.galaxies = reader.read(0, reader.rows(), model.lines().width());
  for (const auto& note : model.compare(c.galaxies.conventions, !c.galaxies.ebv.empty()).notes) c.notes.push_back(note);
  c.galaxies = model.with_own_dust(std::move(c.galaxies));  // what the page's own copy of the model is given
  if (!c.galaxies.ew.empty() && c.galaxies.ew_ivar.empty())
    c.notes.emplace_back("the table's EWs have no EW_IVAR: they are not shown as measurements");
  if (!model.lines().is_standard()) c.notes.push_back("the model's lines: " + model.lines().names());
  c.columns = more_columns(reader, model.lines(), c.notes);
  WorkerPool pool(settings.threads());
  c.prediction = model.predict(c.galaxies, pool);
  if (settings.is_set("spectra")) {
    c.spectra = read_page_spectra(settings.text("spectra"), c.galaxies);
    const auto without = std::count(c.spectra.index.begin(), c.spectra.index.end(), -1);
    if (without > 0)
      c.notes.push_back(
          fmt::format("{} galaxies have no spectrum: the page shows their bands and painted lines", without));
  }
  c.map = map_for(settings, reader, c.galaxies, pool);
  FlagCounts counts;
  counts.add(c.prediction.flags);
  if (const std::string text = counts.text(); !text.empty()) c.notes.push_back("flags: " + text);
  for (const auto& note : c.notes) console.info(note);
  Provenance provenance = provenance_of(settings);
  provenance.add_input(input);
  if (settings.is_set("map")) provenance.add_input(settings.text("map"));
  if (settings.is_set("spectra")) provenance.add_input(settings.text("spectra"));
  provenance.model_hash = model.hash();
  for (auto& entry : provenance.entries())
    if (entry.first != "TIME" && entry.first != "THREADS")
      c.provenance.emplace_back(entry.first, without_folders(entry.second));
  return c;
}

// A folder whose index.html is a page of ours.
bool holds_our_page(const std::filesystem::path& folder) {
  std::ifstream in(folder / "index.html", std::ios::binary);
  std::string start(1 << 16, '\0');
  in.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(in.gcount()));
  return start.find("starglow") != std::string::npos;
}

// Throws unless the files may be written there: none of them exists, or all belong to a page of ours and may be
// replaced.
void check_folder(const std::map<std::string, std::string>& files, const std::filesystem::path& folder,
                  bool overwrite) {
  std::error_code failed;
  for (const auto& [name, content] : files) {
    if (!std::filesystem::exists(std::filesystem::symlink_status(folder / name, failed))) continue;
    const std::string seen = (folder / name).string();
    if (!std::filesystem::is_regular_file(folder / "index.html", failed) || !holds_our_page(folder))
      throw Error(ErrorKind::usage, "the folder contains a file of that name that is not a starglow page",
                  {seen, "a new folder", "Nothing was written."});
    if (!overwrite)
      throw Error(ErrorKind::usage, "the page exists", {seen, "a new folder", "--overwrite replaces it."});
  }
}

void write_folder(const std::map<std::string, std::string>& files, const std::filesystem::path& folder, bool overwrite,
                  Console& console) {
  check_folder(files, folder, overwrite);
  files::AtomicFolder out(folder);
  std::size_t bytes = 0;
  for (const auto& [name, content] : files) bytes += content.size();
  for (const auto& [name, content] : files)
    if (name != "index.html") out.write(name, content);
  out.write("index.html", files.at("index.html"));  // last: it names the others
  out.commit();
  console.info(fmt::format("page: {} ({:.2f} MB). It needs a web server: any static one, or --serve",
                           (folder / "index.html").string(), static_cast<double>(bytes) / 1e6));
}

int run(const Settings& settings, Console& console) {
  const int ways = (settings.is_set("output") ? 1 : 0) + (settings.is_set("single_file") ? 1 : 0) +
                   (settings.is_set("serve") ? 1 : 0);
  if (ways != 1)
    throw Error(ErrorKind::usage, "choose one output for the page",
                {std::to_string(ways) + " given", "one of -o site/, --single-file page.html, --serve PORT", ""});
  const std::int64_t port = settings.is_set("serve") ? settings.integer("serve") : 0;
  if (port < 0 || port > 65535)
    throw Error(ErrorKind::usage, "port out of range", {std::to_string(port), "0 to 65535", ""});
  const Model model = settings.is_set("model") ? Model::load(settings.text("model")) : Model::shipped();
  if (settings.flag("tiles")) need_ten_lines(model, "explore --tiles");
  if (settings.flag("dry_run")) {
    const TableReader reader(settings.positionals().at(0));
    console.info(fmt::format("would show {} galaxies of {}", reader.rows(), settings.positionals().at(0)));
    return 0;
  }
  if (settings.flag("tiles")) return explore_tiles(settings, model, console);
  const PageContent content = content_of(settings, model, console);
  if (settings.is_set("single_file")) {
    const std::string html = page_single_file(content, model);
    write_text(settings.text("single_file"), html, settings.flag("overwrite"));
    console.info(fmt::format("page: {} ({:.2f} MB, {} galaxies). Open it in a browser", settings.text("single_file"),
                             static_cast<double>(html.size()) / 1e6, content.galaxies.n));
    return 0;
  }
  const auto files = page_files(content, model);
  if (settings.is_set("output")) {
    write_folder(files, settings.text("output"), settings.flag("overwrite"), console);
    return 0;
  }
  serve(files, page_policy("'self'", "'self'"), static_cast<std::uint16_t>(port), [&](const std::string& address) {
    console.data(address + "\n");
    console.info("the page is at this address, for this computer only; Ctrl-C stops the server");
  });
  return 0;
}

}  // namespace

extern const Verb k_explore;
const Verb k_explore{"explore", "show galaxies and the model on an interactive page",
                     "starglow explore table.fits --single-file page.html\n"
                     "starglow explore table.fits --map map.safetensors --spectra spectra.fits -o site/\n"
                     "starglow explore table.fits --serve 8080\n"
                     "starglow explore everything.fits --tiles -o site/",
                     declare, run};

}  // namespace starglow::cli

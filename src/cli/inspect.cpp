// What a file is: FITS structure, columns, conventions, provenance; or a model's tensors and metadata.
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/input_file.hpp"
#include "cli/verb.hpp"
#include "files/fits/fits_file.hpp"
#include "files/fits/fits_guard.hpp"
#include "files/formats.hpp"
#include "files/models/model_io.hpp"
#include "starglow/base/error.hpp"
#include "starglow/files/models.hpp"
#include "starglow/files/table.hpp"

namespace starglow::cli {
namespace {

using nlohmann::json;

void declare(OptionSet& set) {
  set.positional = {"FILE", "a FITS file or a model", 1, 1};
  set.add({"json", OptionType::flag, "as JSON", "false"});
}

json inspect_fits(const std::string& path) {
  const files::PlainFile plain(path);
  const auto summary = files::guard_fits(plain.path(), path);
  // Lists and objects are made before they are filled: where memory fails, an empty json that becomes one is left
  // broken.
  json out{{"file", path}, {"type", "FITS"}, {"hdus", json::array()}};
  files::FitsFile file = files::FitsFile::open(plain.path());
  int number = 0;
  for (const auto& hdu : summary.hdus) {
    json item{{"kind", hdu.kind}, {"name", hdu.extname}, {"shape", hdu.naxis}, {"bytes", hdu.data_bytes}};
    int status = 0, type = 0;
    fits_movabs_hdu(file.get(), ++number, &type, &status);
    files::check_fits(status, ErrorKind::input, "'" + path + "' cannot be read");
    const files::Sums sums = files::sums_of(file.get(), "'" + path + "'");
    item["checksum"] = sums == files::Sums::absent ? "absent" : sums == files::Sums::right ? "verified" : "WRONG";
    if (hdu.kind == "BINTABLE") {
      const int n = std::stoi(file.card("TFIELDS"));
      item["columns"] = json::array();
      item["conventions"] = json::object();
      for (int i = 1; i <= n; ++i)
        item["columns"].push_back({{"name", file.card("TTYPE" + std::to_string(i))},
                                   {"format", file.card("TFORM" + std::to_string(i))},
                                   {"unit", file.card("TUNIT" + std::to_string(i))}});
      for (const char* key : {"APERTURE", "MWCORR", "MASKRULE", "CONTSRC", "LABELVER", "FLUXSCAL", "VACUUM"})
        if (const auto value = file.card(key); !value.empty()) item["conventions"][key] = value;
      if (item["conventions"].empty()) item.erase("conventions");
      if (hdu.extname == "PROVENANCE") {
        item["provenance"] = json::array();
        long rows = 0;
        fits_get_num_rows(file.get(), &rows, &status);
        for (long r = 1; r <= rows; ++r) {
          std::array<std::string, 2> words;
          for (int c = 1; c <= 2; ++c) {
            int width = 0;
            fits_get_col_display_width(file.get(), c, &width, &status);
            std::string buffer(static_cast<std::size_t>(width) + 1, '\0');
            char* p = buffer.data();
            char none[] = "";
            int any = 0;
            fits_read_col_str(file.get(), c, r, 1, 1, none, &p, &any, &status);
            words[static_cast<std::size_t>(c) - 1] = buffer.c_str();
          }
          item["provenance"].push_back({words[0], words[1]});
        }
        files::check_fits(status, ErrorKind::input, "'" + path + "': the provenance cannot be read");
      }
    }
    out["hdus"].push_back(item);
  }
  out["warnings"] = summary.warnings;
  return out;
}

json inspect_model(const std::string& path) {
  const auto content = files::read_safetensors(path);
  json out{{"file", path}, {"type", "safetensors"}, {"metadata", content.metadata}, {"tensors", json::array()}};
  for (const auto& [name, tensor] : content.tensors)
    out["tensors"].push_back({{"name", name}, {"type", tensor.dtype}, {"shape", tensor.shape}});
  if (content.metadata.count("layout_hash") > 0)
    out["layout"] = content.metadata.at("layout_hash") == files::layout_hash(content) ? "as its hash says"
                                                                                      : "DIFFERS from its hash";
  const auto kind = content.metadata.find("kind");
  if (kind != content.metadata.end() && (kind->second == "mlp" || kind->second == "k24")) {
    const Model model = Model::load(path);
    out["parameters"] = model.n_params();
    out["hash"] = model.hash();
  }
  return out;
}

std::string shape_text(const json& shape) {
  std::string text;
  for (const auto& n : shape) text += (text.empty() ? "" : " x ") + n.dump();
  return text.empty() ? "-" : text;
}

std::string fits_text(const json& j) {
  std::string out = fmt::format("{}: FITS, {} HDUs\n", j["file"].get<std::string>(), j["hdus"].size());
  int number = 0;
  for (const auto& hdu : j["hdus"]) {
    out += fmt::format("\nHDU {} {} {}: {}, {} bytes, checksum {}\n", number++, hdu["kind"].get<std::string>(),
                       hdu["name"].get<std::string>(), shape_text(hdu["shape"]), hdu["bytes"].get<std::uint64_t>(),
                       hdu["checksum"].get<std::string>());
    if (hdu.contains("conventions"))
      for (const auto& [key, value] : hdu["conventions"].items())
        out += fmt::format("  {} = {}\n", key, value.get<std::string>());
    if (hdu.contains("provenance")) {
      for (const auto& pair : hdu["provenance"])
        out += fmt::format("  {:<22} {}\n", pair[0].get<std::string>(), pair[1].get<std::string>());
    } else if (hdu.contains("columns")) {
      for (const auto& c : hdu["columns"])
        out += fmt::format("  {:<22} {:<6} {}\n", c["name"].get<std::string>(), c["format"].get<std::string>(),
                           c["unit"].get<std::string>());
    }
  }
  for (const auto& warning : j["warnings"]) out += "warning: " + warning.get<std::string>() + "\n";
  return out;
}

std::string model_text(const json& j) {
  std::string out = fmt::format("{}: safetensors", j["file"].get<std::string>());
  if (j.contains("parameters"))
    out += fmt::format(", {} parameters, model {}", j["parameters"].get<std::size_t>(), j["hash"].get<std::string>());
  out += j.contains("layout") ? "\nlayout: " + j["layout"].get<std::string>() + "\n\nmetadata:\n" : "\n\nmetadata:\n";
  for (const auto& [key, value] : j["metadata"].items())
    out += fmt::format("  {:<28} {}\n", key, value.get<std::string>());
  out += "\ntensors:\n";
  if (j.contains("tensors"))
    for (const auto& t : j["tensors"])
      out += fmt::format("  {:<28} {:<4} {}\n", t["name"].get<std::string>(), t["type"].get<std::string>(),
                         shape_text(t["shape"]));
  return out;
}

int run(const Settings& settings, Console& console) {
  const std::string path = settings.positionals().at(0);
  check_input_file(path, "'" + path + "'");
  std::array<char, 9> start{};
  std::ifstream in(path, std::ios::binary);
  in.read(start.data(), 9);
  const bool fits = in.gcount() >= 6 &&
                    (std::memcmp(start.data(), "SIMPLE", 6) == 0 || std::memcmp(start.data(), "\x1f\x8b", 2) == 0);
  const bool model = in.gcount() == 9 && start[8] == '{';
  if (!in.is_open() || in.gcount() == 0) files::guard_fits(path);  // says what is wrong with the file
  if (!fits && !model) {
    const auto format = files::format_of(path);
    throw Error(ErrorKind::input, "'" + path + "' is of an unknown type",
                {format.name.empty() ? "neither FITS nor safetensors" : std::string(format.name),
                 "a table, spectra or a model", std::string(format.remedy)});
  }
  const json j = fits ? inspect_fits(path) : inspect_model(path);
  console.data(settings.flag("json") ? j.dump(1) + "\n" : fits ? fits_text(j) : model_text(j));
  return 0;
}

}  // namespace

extern const Verb k_inspect;
const Verb k_inspect{"inspect", "print what is in a file: structure, units, provenance, checksums",
                     "starglow inspect table.fits\n"
                     "starglow inspect model.safetensors --json",
                     declare, run};

}  // namespace starglow::cli

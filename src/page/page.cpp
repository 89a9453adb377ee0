// The page as files of a folder, and as one HTML file.
#include "starglow/page/page.hpp"

#include <zlib.h>

#include "page/page_bundle.hpp"
#include "page/page_data.hpp"
#include "report/text_html.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/sha256.hpp"

namespace starglow {
namespace {

// The bytes at 4 k, then those at 4 k + 1 ...: the parts of numbers that are alike stand together and deflate better.
std::string planes(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t part = 0; part < 4; ++part)
    for (std::size_t i = part; i < bytes.size(); i += 4) out += bytes[i];
  return out;
}

// zlib's format, which the browser's DecompressionStream("deflate") reads.
std::string deflated(std::string_view bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  std::string out(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                static_cast<uLong>(bytes.size()), 9) != Z_OK)
    throw Error(ErrorKind::output, "the page's data cannot be compressed");
  out.resize(size);
  return out;
}

std::string hash_source(std::string_view text) {
  const std::string hex = sha256(text);
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return "'sha256-" + files::base64(bytes) + "'";
}

// The template with each {{NAME}} replaced; the texts put in are not looked at again.
std::string fill(std::string_view text, const std::map<std::string, std::string>& values) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto open = text.find("{{", at);
    const auto close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos) return out.append(text.substr(at));
    out.append(text.substr(at, open - at)).append(values.at(std::string(text.substr(open + 2, close - open - 2))));
    at = close + 2;
  }
  return out;
}

std::string element(const std::string& name, std::string_view bytes) {
  if (bytes.empty()) return "";
  const bool numbers = !name.ends_with(".wasm");
  return "<script type=\"text/plain\" data-file=\"" + name + (numbers ? "\" data-planes=\"4" : "") + "\">" +
         files::base85(deflated(numbers ? planes(bytes) : std::string(bytes))) + "</script>\n";
}

}  // namespace

std::string page_policy(std::string_view script, std::string_view style) {
  return "default-src 'none'; script-src " + std::string(script) + " 'wasm-unsafe-eval'; style-src " +
         std::string(style) + "; connect-src 'self'; img-src data: blob:; base-uri 'none'; form-action 'none'";
}

namespace files {

std::string page_index(const std::string& title, const std::string& data, bool tiled) {
  return fill(page_bundle("index.html"), {{"policy", html_escape(page_policy("'self'", "'self'"))},
                                          {"title", html_escape(title)},
                                          {"style", "<link rel=\"stylesheet\" href=\"page.css\">"},
                                          {"data", "<meta name=\"starglow-data\" content=\"" + data + "\">" +
                                                       (tiled ? "<meta name=\"starglow-tiles\" content=\"1\">" : "")},
                                          {"script", "<script src=\"page.js\"></script>"}});
}

}  // namespace files

std::map<std::string, std::string> page_files(const PageContent& content, const Model& model) {
  files::PageData data = files::page_data(content, model);
  std::string half = page_model(model, true);
  const std::string folder =
      "data/" +
      sha256(sha256(data.galaxies) + sha256(half) + sha256(data.rows) + sha256(content.spectra.records)).substr(0, 16) +
      "/";
  std::map<std::string, std::string> out;
  out["index.html"] = files::page_index(content.title, folder);
  for (const char* name : {"page.js", "page.css", "kernel.wasm"}) out[name] = files::page_bundle(name);
  out[folder + "galaxies.safetensors"] = std::move(data.galaxies);
  if (!half.empty()) out[folder + "model.safetensors"] = std::move(half);
  if (!data.rows.empty()) out[folder + "rows.bin"] = std::move(data.rows);
  if (!content.spectra.records.empty()) out[folder + "spectra.bin"] = content.spectra.records;
  return out;
}

std::string page_single_file(const PageContent& content, const Model& model) {
  if (content.galaxies.n > k_page_single_max)
    throw Error(ErrorKind::usage, "too many galaxies for a page of one file",
                {std::to_string(content.galaxies.n), "at most " + std::to_string(k_page_single_max),
                 "-o site/ writes a folder, --serve shows it."});
  if (content.spectra.records.size() > k_page_single_spectra)
    throw Error(ErrorKind::usage, "too many spectra for a page of one file",
                {std::to_string(content.spectra.records.size()) + " bytes",
                 "at most " + std::to_string(k_page_single_spectra), "-o site/ writes a folder, --serve shows it."});
  const std::string_view script = files::page_bundle("page.js"), style = files::page_bundle("page.css");
  return fill(files::page_bundle("index.html"),
              {{"policy", html_escape(page_policy(hash_source(script), hash_source(style)))},
               {"title", html_escape(content.title)},
               {"style", "<style>" + std::string(style) + "</style>"},
               {"data", element("galaxies.safetensors", files::page_data(content, model).galaxies) +
                            element("model.safetensors", page_model(model, true)) +
                            element("kernel.wasm", files::page_bundle("kernel.wasm")) +
                            element("spectra.bin", content.spectra.records)},
               {"script", "<script>" + std::string(script) + "</script>"}});
}

}  // namespace starglow

#include "files/fits/fits_file.hpp"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

namespace starglow::files {
namespace fs = std::filesystem;

void check_fits(int status, ErrorKind kind, const std::string& what) {
  if (status == 0) return;
  std::array<char, FLEN_STATUS> text{};
  fits_get_errstatus(status, text.data());
  std::string message = what + ": " + text.data();
  std::array<char, FLEN_ERRMSG> more{};
  while (fits_read_errmsg(more.data()) != 0) message += "; " + std::string(more.data());
  fits_clear_errmsg();
  throw Error(kind, message);
}

FitsFile FitsFile::open(const fs::path& path) {
  FitsFile file;
  int status = 0;
  fits_open_diskfile(&file.file_, path.c_str(), READONLY, &status);
  check_fits(status, ErrorKind::input, "'" + path.string() + "' cannot be opened");
  return file;
}

FitsFile FitsFile::create(const fs::path& path) {
  FitsFile file;
  int status = 0;
  fits_create_diskfile(&file.file_, path.c_str(), &status);
  check_fits(status, ErrorKind::output, "'" + path.string() + "' cannot be created");
  return file;
}

void FitsFile::close() noexcept {
  if (file_ == nullptr) return;
  int status = 0;
  fits_close_file(file_, &status);
  fits_clear_errmsg();
  file_ = nullptr;
}

void FitsFile::close_checked(const std::string& what) {
  int status = 0;
  fits_close_file(file_, &status);
  file_ = nullptr;
  check_fits(status, ErrorKind::output, what);
}

std::string FitsFile::card(const std::string& key) const {
  std::array<char, FLEN_VALUE> raw{};
  int status = 0;
  fits_read_keyword(file_, key.c_str(), raw.data(), nullptr, &status);
  if (status == READ_ERROR || status == SEEK_ERROR || status == END_OF_FILE)
    check_fits(status, ErrorKind::input, "the header cannot be read");
  if (status != 0) {
    fits_clear_errmsg();
    return "";
  }
  std::string text(raw.data());
  if (text.size() >= 2 && text.front() == '\'') {
    text = text.substr(1, text.rfind('\'') - 1);
    for (auto at = text.find("''"); at != std::string::npos; at = text.find("''", at + 1)) text.erase(at, 1);
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

Sums sums_of(fitsfile* file, const std::string& what) {
  int data = 0, whole = 0, status = 0;
  fits_verify_chksum(file, &data, &whole, &status);
  check_fits(status, ErrorKind::input, what + ": its checksum cannot be computed");
  if (data < 0) return Sums::wrong_data;
  if (whole < 0) return Sums::wrong_header;
  return whole == 0 ? Sums::absent : Sums::right;
}

void verify_sums(fitsfile* file, const std::string& what) {
  const Sums sums = sums_of(file, what);
  if (sums == Sums::wrong_data || sums == Sums::wrong_header)
    throw Error(ErrorKind::input, what + " was changed after it was written",
                {sums == Sums::wrong_data ? "DATASUM does not match the data" : "CHECKSUM does not match the HDU",
                 "matching sums",
                 "Fetch the file again; or, where the change was meant, leave out the old sums as it is written "
                 "(astropy: table.meta.pop('CHECKSUM'), table.meta.pop('DATASUM'))."});
}

void verify_own(const FitsFile& file, const FitsSummary& summary, const std::string& name, std::size_t skip) {
  constexpr std::uint64_t k_large = 1'000'000;
  const auto& hdus = summary.hdus;
  const auto move = [&](std::size_t i) {
    int status = 0, type = 0;
    fits_movabs_hdu(file.get(), static_cast<int>(i) + 1, &type, &status);
    check_fits(status, ErrorKind::input, "'" + name + "': HDU " + std::to_string(i + 1) + " cannot be read");
  };
  move(0);
  if (file.card("CREATOR") != k_creator &&
      std::none_of(hdus.begin(), hdus.end(), [](const auto& h) { return h.extname == "PROVENANCE"; }))
    return;
  if (!summary.warnings.empty())  // the mark that a further HDU begins was hit
    throw Error(ErrorKind::input, "'" + name + "' was changed after it was written",
                {summary.warnings.front(), "a file of HDUs alone", "Fetch the file again."});
  for (std::size_t i = 0; i < hdus.size(); ++i) {
    move(i);
    const std::string what =
        "'" + name + "': HDU " + (hdus[i].extname.empty() ? std::to_string(i + 1) : hdus[i].extname);
    if (file.card("CHECKSUM").empty() != file.card("DATASUM").empty())
      throw Error(ErrorKind::input, what + " was changed after it was written",
                  {file.card("CHECKSUM").empty() ? "DATASUM without CHECKSUM" : "CHECKSUM without DATASUM",
                   "both or neither", "Fetch the file again; or leave out both cards."});
    if (i != skip && hdus[i].data_bytes <= k_large) verify_sums(file.get(), what);
  }
}

namespace {

constexpr std::uint64_t k_max_ratio = 200;         // real survey files shrink by less than 20
constexpr std::uint64_t k_free_bytes = 16u << 20;  // small files may be anything (blocks of zeros)

bool is_gzip(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::array<char, 2> magic{};
  in.read(magic.data(), 2);
  return in.gcount() == 2 && magic[0] == '\x1f' && magic[1] == '\x8b';
}

}  // namespace

PlainFile::PlainFile(const fs::path& path) : path_(path) {
  std::error_code failed;
  if (!fs::is_regular_file(path, failed) || !is_gzip(path)) return;  // the guard speaks about what is not a file
  const auto compressed = fs::file_size(path, failed);
  std::string name = (fs::temp_directory_path() / "starglow-XXXXXX").string();
  const int fd = mkstemp(name.data());
  if (fd < 0)
    throw Error(ErrorKind::output, "no temporary file can be made in '" + fs::temp_directory_path().string() + "'");
  path_ = name;
  temporary_ = true;
  const auto give_up = [&](ErrorKind kind, const std::string& what, Error::Detail detail) {
    ::close(fd);
    fs::remove(path_, failed);
    throw Error(kind, "'" + path.string() + "' " + what, std::move(detail));
  };
  gzFile in = gzopen(path.c_str(), "rb");
  if (in == nullptr) give_up(ErrorKind::input, "cannot be read", {});
  std::vector<char> buffer(1 << 18);
  std::uint64_t total = 0;
  for (;;) {
    const int got = gzread(in, buffer.data(), static_cast<unsigned>(buffer.size()));
    int code = Z_OK;
    const std::string reason = got <= 0 ? gzerror(in, &code) : "";
    if (got < 0 || (got == 0 && code != Z_OK && code != Z_STREAM_END)) {
      gzclose(in);
      give_up(ErrorKind::input, "is a broken gzip file: " + reason, {});
    }
    if (got == 0) break;
    total += static_cast<std::uint64_t>(got);
    if (total > k_free_bytes && total > compressed * k_max_ratio) {
      gzclose(in);
      give_up(ErrorKind::input, "grows too much when unpacked",
              {"more than " + std::to_string(total) + " bytes from " + std::to_string(compressed),
               "a ratio below " + std::to_string(k_max_ratio), "Unpack it yourself if you trust it."});
    }
    for (int done = 0; done < got;) {
      const auto n = ::write(fd, buffer.data() + done, static_cast<std::size_t>(got - done));
      if (n <= 0) {
        gzclose(in);
        give_up(ErrorKind::output, "cannot be unpacked to a temporary file: " + std::string(std::strerror(errno)), {});
      }
      done += static_cast<int>(n);
    }
  }
  gzclose(in);
  ::close(fd);
}

PlainFile::~PlainFile() {
  std::error_code ignored;
  if (temporary_) fs::remove(path_, ignored);
}

}  // namespace starglow::files

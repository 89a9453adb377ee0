#include "files/hdf5_file.hpp"

#include <hdf5.h>

#include <array>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <mutex>

#include "starglow/base/error.hpp"

namespace starglow::files {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t k_free_bytes = std::uint64_t{16} << 20, k_most_ratio = 200;

// The library keeps global state; Debian's build is not thread-safe.
std::mutex& library() {
  static std::mutex mutex;
  return mutex;
}

class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  hid_t get() const noexcept { return id_; }
  bool good() const noexcept { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

std::uint64_t little_endian(const unsigned char* bytes, unsigned width) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < width && i < 8; ++i) value |= std::uint64_t{bytes[i]} << (8 * i);
  return value;
}

// Where the file should end, by its superblock (HDF5 file format specification, section II.A); 0 for none found.
std::uint64_t end_by_superblock(std::ifstream& in, std::uint64_t size, std::string& what) {
  constexpr std::array<unsigned char, 8> signature{0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  for (std::uint64_t at = 0; at + 48 <= size; at = at == 0 ? 512 : 2 * at) {
    std::array<unsigned char, 96> block{};
    in.clear();
    in.seekg(static_cast<std::streamoff>(at));
    in.read(reinterpret_cast<char*>(block.data()), block.size());
    if (std::memcmp(block.data(), signature.data(), signature.size()) != 0) continue;
    const unsigned version = block[8];
    const unsigned width = version <= 1 ? block[13] : block[9];
    if (version > 3 || width != 8) {
      what = "superblock version " + std::to_string(version) + ", offsets of " + std::to_string(width) + " bytes";
      return 0;
    }
    const unsigned base_at = version == 0 ? 24 : version == 1 ? 28 : 12;
    // base, free space (or extension), end of file
    const std::uint64_t base = little_endian(&block[base_at], 8), end = little_endian(&block[base_at + 16], 8);
    if (base > size) {
      what = "a base address behind the file's end";
      return 0;
    }
    return end > std::numeric_limits<std::uint64_t>::max() - base ? std::numeric_limits<std::uint64_t>::max()
                                                                  : base + end;
  }
  what = "no HDF5 signature";
  return 0;
}

}  // namespace

void check_hdf5(const fs::path& path) {
  const auto refuse = [&](const char* problem, const std::string& seen, const std::string& wanted) {
    throw Error(ErrorKind::input, "'" + path.string() + "' " + problem, {seen, wanted, ""});
  };
  std::error_code failed;
  const auto status = fs::status(path, failed);
  if (!fs::exists(status)) refuse("cannot be opened", "no such file", "an HDF5 file");
  if (!fs::is_regular_file(status))
    refuse("cannot be opened", fs::is_directory(status) ? "a folder" : "a device, pipe or socket", "a regular file");
  const std::uint64_t size = fs::file_size(path, failed);
  std::ifstream in(path, std::ios::binary);
  if (failed || !in) refuse("cannot be opened", "no permission to read", "a readable file");
  std::string what;
  const std::uint64_t end = end_by_superblock(in, size, what);
  if (end == 0) refuse("is not an HDF5 file", what, "HDF5, superblock version 0 to 3");
  if (end > size) refuse("is cut short", std::to_string(size) + " bytes", std::to_string(end) + " bytes");
}

void Hdf5File::refuse(const std::string& what, const std::string& seen, const std::string& wanted) const {
  throw Error(ErrorKind::input, "'" + path_.string() + "' " + what, {seen, wanted, ""});
}

Hdf5File::Hdf5File(const fs::path& path) : path_(path) {
  check_hdf5(path);
  const std::lock_guard lock(library());
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // errors are told by exceptions, not printed
  file_ = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file_ < 0) refuse("cannot be read as HDF5", "damaged structure", "a whole HDF5 file");
}

Hdf5File::~Hdf5File() {
  const std::lock_guard lock(library());
  if (file_ >= 0) H5Fclose(file_);
}

bool Hdf5File::has(const std::string& name) const {
  const std::lock_guard lock(library());
  return H5Lexists(file_, name.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::uint64_t> Hdf5File::shape(const std::string& name) const {
  const std::lock_guard lock(library());
  H5L_info_t link{};
  if (H5Lexists(file_, name.c_str(), H5P_DEFAULT) <= 0 || H5Lget_info(file_, name.c_str(), &link, H5P_DEFAULT) < 0)
    refuse("has no dataset '" + name + "'", "absent",
           "the layout of DSPS: ssp_lgmet, ssp_lg_age_gyr, ssp_wave, ssp_flux");
  if (link.type != H5L_TYPE_HARD) refuse("links '" + name + "' to elsewhere", "a soft or external link", "a dataset");
  const Handle set(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!set.good()) refuse("'" + name + "' cannot be opened", "a group or damaged", "a dataset");
  const Handle packing(H5Dget_create_plist(set.get()), H5Pclose);
  if (!packing.good() || H5Pget_external_count(packing.get()) > 0)
    refuse("stores '" + name + "' elsewhere", "external storage", "a dataset inside the file");
  for (int i = 0; i < H5Pget_nfilters(packing.get()); ++i) {
    unsigned flags = 0, config = 0;
    std::size_t n = 0;
    const auto filter =
        H5Pget_filter2(packing.get(), static_cast<unsigned>(i), &flags, &n, nullptr, 0, nullptr, &config);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
      refuse("'" + name + "' has an unknown compression", "filter " + std::to_string(filter),
             "gzip, shuffle or fletcher32");
  }
  const Handle space(H5Dget_space(set.get()), H5Sclose);
  const int rank = space.good() ? H5Sget_simple_extent_ndims(space.get()) : -1;
  if (rank < 0 || rank > 8) refuse("'" + name + "' has a strange shape", std::to_string(rank) + " axes", "0 to 8");
  std::vector<hsize_t> sizes(static_cast<std::size_t>(rank) + 1);
  H5Sget_simple_extent_dims(space.get(), sizes.data(), nullptr);
  std::vector<std::uint64_t> out;
  std::uint64_t bytes = sizeof(double);
  for (int i = 0; i < rank; ++i) {
    const std::uint64_t axis = sizes[static_cast<std::size_t>(i)];
    if (axis != 0 && bytes > k_largest / axis) refuse("'" + name + "' is too large", "more than 8 GiB", "less");
    bytes *= axis;
    out.push_back(axis);
  }
  std::error_code failed;
  const std::uint64_t size = fs::file_size(path_, failed);
  if (bytes > k_free_bytes && (failed || bytes / k_most_ratio > size))
    refuse("'" + name + "' becomes too large when unpacked",
           std::to_string(bytes) + " bytes from " + std::to_string(size),
           "a ratio below " + std::to_string(k_most_ratio));
  return out;
}

bool Hdf5File::is_text(const std::string& name) const {
  const std::lock_guard lock(library());
  const Handle set(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
  const Handle type(H5Dget_type(set.get()), H5Tclose);
  return type.good() && H5Tget_class(type.get()) == H5T_STRING;
}

std::vector<double> Hdf5File::doubles(const std::string& name) const {
  std::size_t count = 1;
  for (const auto axis : shape(name)) count *= axis;
  const std::lock_guard lock(library());
  const Handle set(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
  const Handle type(H5Dget_type(set.get()), H5Tclose);
  const auto kind = H5Tget_class(type.get());
  if (kind != H5T_FLOAT && kind != H5T_INTEGER)
    refuse("'" + name + "' contains no numbers", "type class " + std::to_string(kind), "floating-point numbers");
  std::vector<double> out(count);
  if (count > 0 && H5Dread(set.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out.data()) < 0)
    refuse("'" + name + "' cannot be read", "damaged data", "a whole dataset");
  return out;
}

std::vector<std::string> Hdf5File::texts(const std::string& name) const {
  const auto axes = shape(name);
  std::size_t count = 1;
  for (const auto axis : axes) count *= axis;
  const std::lock_guard lock(library());
  const Handle set(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
  const Handle type(H5Dget_type(set.get()), H5Tclose);
  if (H5Tget_class(type.get()) != H5T_STRING) refuse("'" + name + "' contains no text", "another type", "strings");
  std::vector<std::string> out(count);
  if (count == 0) return out;
  if (H5Tis_variable_str(type.get()) > 0) {
    const Handle memory(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(memory.get(), H5T_VARIABLE);
    H5Tset_cset(memory.get(), H5Tget_cset(type.get()));
    const Handle space(H5Dget_space(set.get()), H5Sclose);
    std::vector<char*> pointers(count, nullptr);
    if (H5Dread(set.get(), memory.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()) < 0)
      refuse("'" + name + "' cannot be read", "damaged text", "a whole dataset");
    for (std::size_t i = 0; i < count; ++i)
      if (pointers[i] != nullptr) out[i] = pointers[i];
    H5Dvlen_reclaim(memory.get(), space.get(), H5P_DEFAULT, pointers.data());
    return out;
  }
  const std::size_t width = H5Tget_size(type.get());
  if (width == 0 || width > 4096)
    refuse("'" + name + "' holds strange text", std::to_string(width) + " bytes", "1 to 4096");
  std::vector<char> bytes(count * width);
  if (H5Dread(set.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) < 0)
    refuse("'" + name + "' cannot be read", "damaged text", "a whole dataset");
  for (std::size_t i = 0; i < count; ++i) {
    const char* start = bytes.data() + i * width;
    out[i].assign(start, ::strnlen(start, width));
    while (!out[i].empty() && out[i].back() == ' ') out[i].pop_back();
  }
  return out;
}

}  // namespace starglow::files

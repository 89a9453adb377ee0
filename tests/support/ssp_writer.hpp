#pragma once
// Small HDF5 files in the layout of DSPS, right or wrong in one respect.
#include <hdf5.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "starglow/stars/ssp.hpp"

namespace starglow::test {

/// 3 metallicities, 6 ages, 40 wavelengths around Halpha; smooth positive light that no formula of the library makes.
inline SspGrid small_grid(std::size_t n_met = 3, std::size_t n_age = 6, std::size_t n_wave = 40) {
  SspGrid grid;
  for (std::size_t m = 0; m < n_met; ++m) grid.lgmet.push_back(-3.0 + 0.6 * static_cast<double>(m));
  for (std::size_t a = 0; a < n_age; ++a)
    grid.lg_age_gyr.push_back(-3.0 + 4.1 * static_cast<double>(a) / static_cast<double>(n_age - 1));
  for (std::size_t i = 0; i < n_wave; ++i)
    grid.wave.push_back(3000 + 4500.0 * static_cast<double>(i) / static_cast<double>(n_wave - 1));
  grid.flux = Matrix<double>(n_met * n_age, n_wave);
  for (std::size_t m = 0; m < n_met; ++m)
    for (std::size_t a = 0; a < n_age; ++a)
      for (std::size_t i = 0; i < n_wave; ++i)
        grid.flux(m * n_age + a, i) = 1e-13 * std::pow(10.0, -0.8 * grid.lg_age_gyr[a] - 0.1 * grid.lgmet[m]) *
                                      (1 + 0.3 * std::sin(0.002 * grid.wave[i] + static_cast<double>(a + m)));
  return grid;
}

class Hdf5Writer {
 public:
  explicit Hdf5Writer(const std::filesystem::path& path)
      : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {}
  ~Hdf5Writer() { H5Fclose(file_); }
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  void numbers(const char* name, const std::vector<double>& values, std::vector<hsize_t> shape) {
    write(name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, shape, values.data());
  }
  void axis(const char* name, const std::vector<double>& values) { numbers(name, values, {values.size()}); }
  void texts(const char* name, const std::vector<std::string>& values, bool variable) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    if (variable) {
      H5Tset_size(type, H5T_VARIABLE);
      std::vector<const char*> pointers;
      for (const auto& value : values) pointers.push_back(value.c_str());
      write(name, type, type, {values.size()}, pointers.data());
    } else {
      constexpr std::size_t k_width = 24;
      H5Tset_size(type, k_width);
      std::vector<char> bytes(k_width * values.size(), '\0');
      for (std::size_t i = 0; i < values.size(); ++i) values[i].copy(bytes.data() + i * k_width, k_width - 1);
      write(name, type, type, {values.size()}, bytes.data());
    }
    H5Tclose(type);
  }
  void grid(const SspGrid& g, const std::string& without = "") {
    if (without != "ssp_lgmet") axis("ssp_lgmet", g.lgmet);
    if (without != "ssp_lg_age_gyr") axis("ssp_lg_age_gyr", g.lg_age_gyr);
    if (without != "ssp_wave") axis("ssp_wave", g.wave);
    if (without != "ssp_flux")
      numbers("ssp_flux", {g.flux.flat().begin(), g.flux.flat().end()}, {g.n_met(), g.n_age(), g.n_wave()});
  }

 private:
  void write(const char* name, hid_t file_type, hid_t memory_type, const std::vector<hsize_t>& shape,
             const void* data) {
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t set = H5Dcreate2(file_, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
    H5Dclose(set);
    H5Sclose(space);
  }
  hid_t file_;
};

}  // namespace starglow::test

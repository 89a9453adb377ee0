#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "files/models/safetensors.hpp"

namespace starglow::files {

/// Datasets of an HDF5 file, read whole. The HDF5 library can crash on a file made to harm it, so it runs in a process
/// of its own, with limits on memory and time, where a program for that was named (set_hdf5_program); elsewhere here.
class Hdf5Contents {
 public:
  /// Reads the datasets of these names that are there. Error(input): the file is no HDF5, or damaged, or the library
  /// crashed on it or took too long; a dataset that Hdf5File refuses. Error(output): the system gives no process.
  Hdf5Contents(const std::filesystem::path& path, std::span<const std::string_view> names);

  bool has(const std::string& name) const;
  /// As those of Hdf5File. Error(input): absent, or of another type.
  std::vector<std::uint64_t> shape(const std::string& name) const;
  std::vector<double> doubles(const std::string& name) const;
  std::vector<std::string> texts(const std::string& name) const;
  [[noreturn]] void refuse(const std::string& what, const std::string& seen, const std::string& wanted) const;

 private:
  std::filesystem::path path_;
  SafeTensors content_;
};

/// The program that reads in a process of its own: run as `PROGRAM hdf5-contents FILE NAME ...`. Empty: none.
void set_hdf5_program(const std::filesystem::path& program);

/// What that program does: sets its own limits, reads, and writes a safetensors file to standard output, in which an
/// Error is metadata. Returns its exit code. Words: FILE NAME ...
int serve_hdf5_contents(std::span<const std::string> words);

}  // namespace starglow::files

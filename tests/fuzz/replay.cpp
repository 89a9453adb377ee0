// Gives every file of the named folders to the target that this is linked with: what fuzzing has found stays found.
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <vector>

#include "fuzz/target.hpp"

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (int i = 1; i < argc; ++i)
    for (const auto& entry : fs::directory_iterator(argv[i])) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    std::printf("%s\n", file.filename().c_str());
    std::fflush(stdout);  // the last name is the culprit
    std::ifstream in(file, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    // Whole, and cut short in several places.
    for (const std::size_t part : {8U, 7U, 4U, 1U})
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size() * part / 8);
  }
  if (files.empty()) std::printf("no files\n");
  return files.empty() ? 1 : 0;
}

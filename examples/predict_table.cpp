// The lines of a table of galaxies: predict_table table.fits
#include <cstdio>

// README begins
#include <starglow/starglow.hpp>

starglow::Prediction lines_of(const char* table) {
  const auto model = starglow::Model::shipped();  // or Model::load("k24.safetensors")
  starglow::WorkerPool pool;
  return model.predict(starglow::read_table(table), pool);  // ew, p16, p84 (galaxies, 10); flags
}
// README ends

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: predict_table table.fits\n", stderr), 2;
  try {
    const auto lines = lines_of(argv[1]);
    for (std::size_t line = 0; line < starglow::k_n_lines; ++line)
      std::printf("%-12s %8.3f A in the first of %zu galaxies\n", starglow::k_lines[line].name.data(),
                  lines.ew.rows() > 0 ? lines.ew(0, line) : 0.0, lines.ew.rows());
  } catch (const starglow::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return starglow::exit_code(error.kind());
  }
}

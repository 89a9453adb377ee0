# The command line program by Homebrew, from a source distribution of this checkout:
#   tools/sdist -o dist
#   HOMEBREW_STARGLOW_SDIST=$PWD/dist/starglow-0.2.0.tar.gz brew install --formula recipe/starglow.rb
class Starglow < Formula
  desc "Emission lines of galaxies from their stellar continuum"
  url "file://#{ENV.fetch("HOMEBREW_STARGLOW_SDIST", "/dev/null")}"
  version "0.2.0"
  license "BSD-3-Clause"

  depends_on "cli11" => :build
  depends_on "cmake" => :build
  depends_on "eigen" => :build
  depends_on "nanoflann" => :build
  depends_on "ninja" => :build
  depends_on "nlohmann-json" => :build
  depends_on "pkgconf" => :build
  depends_on "tomlplusplus" => :build
  depends_on "cfitsio"
  depends_on "fmt"
  depends_on "hdf5"

  uses_from_macos "zlib"

  def install
    system "cmake", "-S", ".", "-B", "build", "-G", "Ninja", "-DSTARGLOW_BUILD_TESTS=OFF",
                    "-DSTARGLOW_WERROR=OFF", *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build"
  end

  test do
    system bin/"starglow", "mock", "--population", "bands", "-n", "100", "-o", "mock.fits"
    system bin/"starglow", "predict", "mock.fits", "-o", "lines.fits"
    assert_path_exists testpath/"lines.fits"
  end
end

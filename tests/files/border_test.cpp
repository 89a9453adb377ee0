// What the readers share: units, air, ids, text tables, formats by their first bytes.
#include <gtest/gtest.h>

#include <cmath>

#include <filesystem>
#include <fstream>

#include "files/fits/join.hpp"
#include "files/fits/medium.hpp"
#include "files/formats.hpp"
#include "files/surveys/ecsv.hpp"
#include "files/units.hpp"
#include "starglow/base/error.hpp"

namespace starglow::files {
namespace {

std::filesystem::path written(const std::string& name, const std::string& content) {
  const auto path = std::filesystem::path(testing::TempDir()) / name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

TEST(Units, OneDimensionIsConverted) {
  const auto is = [](const char* unit, Quantity quantity, double factor) {
    const auto seen = factor_of(unit, quantity);
    ASSERT_TRUE(seen.has_value()) << unit;
    EXPECT_NEAR(*seen / factor, 1, 1e-12) << unit;
  };
  is("10**-17 erg/(s cm2 Angstrom)", Quantity::flux_density, 1);
  is("1E-17 erg/cm^2/s/Ang", Quantity::flux_density, 1);
  is("erg s-1 cm-2 Angstrom-1", Quantity::flux_density, 1e17);
  is("W m-2 um-1", Quantity::flux_density, 1e16);
  is("1e-17 erg/s/cm2/nm", Quantity::flux_density, 0.1);
  is("10**+34 (s2 cm4 Angstrom2) / erg2", Quantity::flux_density_ivar, 1);
  is("nm", Quantity::length, 10);
  is("micron", Quantity::length, 1e4);
  is("nm-2", Quantity::length_ivar, 0.01);
  is("m/s", Quantity::velocity, 1e-3);
  is("W", Quantity::luminosity, 1e7);
  is("mmag", Quantity::magnitude, 1e-3);
  is("", Quantity::pure, 1);
}

TEST(Units, AnotherDimensionIsNone) {
  for (const auto& [unit, quantity] : {std::pair{"Jy", Quantity::flux_density},
                                       {"nanomaggy", Quantity::flux_density},
                                       {"", Quantity::flux_density},
                                       {"erg/s/cm2/Hz", Quantity::flux_density},
                                       {"erg/s/cm2", Quantity::flux_density},
                                       {"ct/s", Quantity::flux_density},
                                       {"km/s", Quantity::pure},
                                       {"km/s", Quantity::length},
                                       {"Hz", Quantity::length},
                                       {"Angstrom", Quantity::length_ivar},
                                       {"Angstrom", Quantity::magnitude}})
    EXPECT_FALSE(factor_of(unit, quantity).has_value()) << unit;
}

TEST(Units, ColumnsOfTheContractAreKnown) {
  EXPECT_EQ(quantity_of("band_flux"), Quantity::flux_density);
  EXPECT_EQ(quantity_of("HALPHA_EW_IVAR"), Quantity::length_ivar);
  EXPECT_EQ(quantity_of("HALPHA_NII_EW"), Quantity::length);        // a sum of lines
  EXPECT_EQ(quantity_of("hdelta_ew_ivar"), Quantity::length_ivar);  // beyond the ten
  EXPECT_EQ(quantity_of("OIII_5007_FLUX"), Quantity::line_flux);
  EXPECT_EQ(quantity_of("Z"), Quantity::pure);
  EXPECT_FALSE(quantity_of("FLUX_G").has_value());
  EXPECT_FALSE(quantity_of("HALPHA_EW_OTHER").has_value());
}

TEST(Medium, AirAndVacuumInAnyCase) {
  EXPECT_EQ(medium_of_card("AIRORVAC", "Air", ""), Medium::air);
  EXPECT_EQ(medium_of_card("AIRORVAC", "vacuum", ""), Medium::vacuum);
  EXPECT_EQ(medium_of_card("VACUUM", "F", ""), Medium::air);
  EXPECT_EQ(medium_of_card("CTYPE1", "AWAV-LOG", ""), Medium::air);
  EXPECT_EQ(medium_of_card("CTYPE1", "LINEAR", ""), Medium::unknown);
  EXPECT_EQ(medium_of_card("VACUUM", "", ""), Medium::unknown);
  EXPECT_THROW(medium_of_card("AIRORVAC", "water", "x"), Error);
}

TEST(Join, RowsBelongTogetherById) {
  const RowKeys a{{1, 2, 1, k_null_integer}, {"sv3", "sv3", "main", "main"}, {}};
  const RowKeys shuffled{{1, 2, 1}, {"main", "sv3", "sv3"}, {}};
  EXPECT_EQ(match_rows(a, shuffled, ""), (std::vector<std::size_t>{2, 1, 0, k_no_row}));
  EXPECT_EQ(match_rows(a, a, ""), (std::vector<std::size_t>{0, 1, 2, 3}));  // the same rows, whatever the ids
  const RowKeys half{{2, 1, 1}, {}, {}};
  EXPECT_THROW(match_rows(a, half, "half"), Error);  // 1 is there twice, and nothing tells which
  EXPECT_EQ(match_rows({{9}, {}, {}}, half, ""), (std::vector<std::size_t>{k_no_row}));
}

TEST(Ecsv, NumbersUnitsAndHeader) {
  const auto path = written("border_a.ecsv",
                            "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: wave, unit: nm, datatype: float64}\n"
                            "# - {name: flux, unit: 1e-17 erg / (Angstrom s cm2), datatype: float64}\n"
                            "# - {name: note, datatype: string}\n# meta: !!omap\n# - {redshift: 0.125}\n"
                            "# schema: astropy-2.0\nwave flux note\n360 1.5 \"a b\"\n361.5 \"\" c\n");
  const Ecsv table = read_ecsv(path);
  ASSERT_EQ(table.rows(), 2U);
  EXPECT_EQ(table.find("WAVE")->unit, "nm");
  EXPECT_EQ(table.find("flux")->unit, "1e-17 erg / (Angstrom s cm2)");
  EXPECT_EQ(table.meta.at("redshift"), "0.125");
  EXPECT_EQ(numbers_of(*table.find("wave"), "")[1], 361.5);
  EXPECT_TRUE(std::isnan(numbers_of(*table.find("flux"), "")[1]));
  EXPECT_EQ(table.find("note")->cells[0], "a b");
  EXPECT_THROW(numbers_of(*table.find("note"), ""), Error);
}

TEST(Ecsv, BrokenTablesAreRefused) {
  const std::string head = "# %ECSV 1.0\n# datatype:\n# - {name: a, datatype: float64}\n";
  const std::string arrays =
      "# %ECSV 1.0\n# datatype:\n# - {name: a, datatype: string, subtype: 'float64[3]'}\na\n[1]\n";
  for (const std::string& text : {std::string("a b\n"), head + "a\n1 2\n", head + "a b\n1\n", arrays})
    EXPECT_THROW(read_ecsv(written("border_b.ecsv", text)), Error) << text;
  EXPECT_THROW(read_ecsv("no-such-file.ecsv"), Error);
}

TEST(Formats, AreKnownByTheirFirstBytes) {
  EXPECT_EQ(format_of(written("border_format", "BZh91AY&SY")).name, "a bzip2 file");
  EXPECT_EQ(format_of(written("border_format", "\x89HDF\r\n\x1a\n")).name, "an HDF5 file");
  EXPECT_EQ(format_of(written("border_format", "PAR1")).name, "a Parquet file");
  EXPECT_EQ(format_of(written("border_format", "wave flux\n1 2\n")).name, "a text file");
  EXPECT_EQ(format_of(written("border_format", "SIMPLE  =                    T")).name, "");
  EXPECT_EQ(format_of(written("border_format", "")).name, "");
}

}  // namespace
}  // namespace starglow::files

// Spectra of anybody: a FITS table of pixels or of spectra, images with wavelengths beside them or in the header, ECSV.
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <limits>
#include <numeric>

#include "files/fits/medium.hpp"
#include "files/surveys/general_meaning.hpp"
#include "files/surveys/spectra_source.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/flags.hpp"

namespace starglow::files {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
constexpr double k_light_speed = 299792.458;  // km/s

// Where the parts of the spectra lie in a FITS file.
struct Place {
  std::string hdu, column;  // no column: an image
  bool there() const { return !hdu.empty(); }
};

class General final : public SpectraSource {
 public:
  General(const std::filesystem::path& path, const SpectraReaderOptions& options, bool check)
      : options_(options), name_(path.string()), file_(path) {
    find_parts();
    shapes();
    for (const auto& part : {wave_, flux_, noise_, mask_})
      if (check && part.there()) file_.verify(part.hdu);
    read_meaning();
    const auto card = [&](const char* key, const char* absent) {
      for (const std::string& hdu : {flux_.hdu, std::string("PRIMARY")})
        if (const auto value = file_.card(hdu, key); !value.empty()) return convention_word(key, value);
      return std::string(absent);
    };
    conventions = {card("APERTURE", "unknown"),
                   card("MWCORR", "unknown"),
                   "unknown",
                   card("CONTSRC", "masked data"),
                   "unknown",
                   relative_ ? "relative" : "absolute",
                   "T"};
    find_targets();
    meaning_.many = !one_grid && rows > 1;
    if (check) check_grids();
  }

  Spectra read(std::size_t first, std::size_t count) override {
    Spectra s = empty_batch(count, pixels_);
    if (!noise_.there()) s.ivar = {};
    if (!one_grid) s.wave_obs = Matrix<double>(count, pixels_);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = first + i;
      fill(meaning_, grid_of(row), numbers(flux_, row), numbers(noise_, row), numbers(mask_, row), s, i, !one_grid,
           "'" + name_ + "', spectrum " + std::to_string(row));
    }
    targets(first, count, s);
    return s;
  }

 private:
  std::vector<double> numbers(const Place& part, std::size_t row) const {
    std::vector<double> out(part.there() ? pixels_ : 0);
    if (!part.there()) return out;
    if (part.column.empty())
      file_.read_image(part.hdu, row * pixels_, std::span(out));
    else if (by_pixel_)
      out = file_.doubles(part.hdu, part.column, 0, pixels_);
    else
      file_.vectors(part.hdu, part.column, row, std::span(out));
    return out;
  }
  std::vector<double> grid_of(std::size_t row) const {
    return wave_.there() ? numbers(wave_, one_grid ? 0 : row) : wcs_;
  }

  [[noreturn]] void refuse(const std::string& what, const std::string& seen, const std::string& wanted,
                           const std::string& remedy = "") const {
    file_.fail(what, seen, wanted, remedy);
  }

  // A column among synonyms, of a table.
  Place column_of(const HduSummary& hdu, std::span<const std::string_view> names) const {
    for (const auto name : names)
      for (const auto& column : hdu.columns)
        if (same_name(column, name)) return {hdu.extname, column};
    return {};
  }
  Place image_of(std::span<const std::string_view> names) const {
    for (const auto name : names)
      for (const auto& hdu : file_.summary().hdus)
        if ((hdu.kind == "IMAGE" || hdu.kind == "PRIMARY") && !hdu.naxis.empty() && same_name(hdu.extname, name))
          return {hdu.extname, ""};
    return {};
  }

  void find_parts() {
    for (const auto& hdu : file_.summary().hdus) {
      if (hdu.kind != "BINTABLE") continue;
      const Place flux = column_of(hdu, k_flux_names), wave = column_of(hdu, k_wave_names);
      if (!flux.there() || (!wave.there() && !image_of(k_wave_names).there())) continue;
      flux_ = flux;
      wave_ = wave.there() ? wave : image_of(k_wave_names);
      mask_ = column_of(hdu, k_mask_names);
      for (const auto& [names, kind] : k_noise_names)
        if (!noise_.there() && (noise_ = column_of(hdu, names)).there()) meaning_.noise = kind;
      return;
    }
    flux_ = image_of(k_flux_names);
    const auto& first = file_.summary().hdus.front();
    if (!flux_.there() && !first.naxis.empty() && first.naxis.size() <= 2) flux_ = {"PRIMARY", ""};
    wave_ = image_of(k_wave_names);
    if (flux_.there() && !wave_.there()) wcs_ = wavelengths_of_axis(file_, flux_.hdu, meaning_);
    if (!flux_.there() || (!wave_.there() && wcs_.empty())) {
      if (file_.has("FASTPHOT"))
        refuse("no spectra, but FastSpecFit's fits of photometry", "FASTPHOT", "FASTSPEC: a fastspec file");
      std::string names;
      for (const auto& hdu : file_.summary().hdus)
        names += (names.empty() ? "" : ", ") + (hdu.extname.empty() ? hdu.kind : hdu.extname);
      refuse(
          "no spectra in a known layout", "HDUs " + names.substr(0, 200),
          "DESI (B_FLUX ..., FIBERMAP), redrock (REDSHIFTS), SDSS (COADD, SPECOBJ or SPALL), FastSpecFit (FASTSPEC), "
          "a spectra file (GALAXIES, WAVE), or a table or images with wavelength, flux and error or ivar",
          "docs/spectra.md lists the names that are known.");
    }
    mask_ = image_of(k_mask_names);
    for (const auto& [names, kind] : k_noise_names)
      if (!noise_.there() && (noise_ = image_of(names)).there()) meaning_.noise = kind;
  }

  void shapes() {
    if (flux_.column.empty()) {
      const auto shape = file_.shape(flux_.hdu);
      if (shape.empty() || shape.size() > 2)
        refuse("the image of fluxes is of no known shape", std::to_string(shape.size()) + " axes",
               "pixels, or spectra x pixels");
      pixels_ = shape.back();
      rows = shape.size() == 2 ? shape[0] : 1;
    } else {
      const auto width = file_.column_width(flux_.hdu, flux_.column);
      by_pixel_ = width == 1;
      pixels_ = by_pixel_ ? file_.table_rows(flux_.hdu) : width;
      rows = by_pixel_ ? 1 : file_.table_rows(flux_.hdu);
    }
    one_grid = !wave_.there() || rows == 1;
    const auto expect = [&](const Place& part, const char* what) {
      if (!part.there()) return;
      std::uint64_t n = 0, m = 1;
      if (part.column.empty()) {
        const auto shape = file_.shape(part.hdu);
        n = shape.empty() ? 0 : shape.back();
        m = shape.size() == 2 ? shape[0] : 1;
        if (&part == &wave_ && shape.size() == 1) one_grid = true;
      } else {
        n = by_pixel_ ? file_.table_rows(part.hdu) : file_.column_width(part.hdu, part.column);
        m = by_pixel_ ? 1 : file_.table_rows(part.hdu);
      }
      if (n != pixels_ || (m != rows && !(&part == &wave_ && one_grid)))
        refuse(std::string(what) + " and flux have different shapes", std::to_string(m) + " x " + std::to_string(n),
               std::to_string(rows) + " x " + std::to_string(pixels_));
    };
    expect(wave_, "wavelength");
    expect(noise_, "noise");
    expect(mask_, "mask");
    if (pixels_ < 2) refuse("too few pixels", std::to_string(pixels_), "2 at least");
  }

  std::string unit_of_part(const Place& part) {
    if (!part.there()) return "";
    return part.column.empty() ? file_.card(part.hdu, "BUNIT") : file_.column_unit(part.hdu, part.column);
  }

  void read_meaning() {
    std::string wave_unit = wave_.there() ? unit_of_part(wave_) : file_.card(flux_.hdu, "CUNIT1");
    meaning_.air = is_air(file_, {wave_.there() ? wave_.hdu : flux_.hdu, flux_.hdu}) || is_air_name(wave_.column) ||
                   is_air_name(wave_.hdu);
    if (meaning_.air) notes.push_back("'" + name_ + "': air wavelengths are converted to vacuum");
    meaning_.log_wave = meaning_.log_wave || is_log_name(wave_.column) || is_log_name(wave_.hdu);
    bool said = false;
    for (const std::string& hdu : {wave_.there() ? wave_.hdu : flux_.hdu, flux_.hdu, std::string("PRIMARY")})
      for (const char* key : {"AIRORVAC", "VACUUM", "CTYPE1"})
        said = said || medium_of_card(key, file_.card(hdu, key), name_) != Medium::unknown;
    if (!said && !meaning_.air)
      notes.push_back("'" + name_ +
                      "' does not say whether its wavelengths are in air or in vacuum: vacuum is assumed");
    interpret(wave_unit, unit_of_part(flux_).empty() ? file_.card("PRIMARY", "BUNIT") : unit_of_part(flux_),
              unit_of_part(noise_));
  }

  // A grid that is none is refused; of a table of many grids, its spectrum has no data.
  void check_grids() {
    const std::size_t grids = rows == 0 ? 0 : one_grid ? 1 : rows;
    std::size_t bad = 0;
    std::string first;
    for (std::size_t row = 0; row < grids; ++row) try {
        check_wavelengths(wavelengths(meaning_, grid_of(row)), "'" + name_ + "', spectrum " + std::to_string(row));
      } catch (const Error& e) {
        if (grids == 1) throw;
        if (bad++ == 0) first = e.what();
      }
    if (bad > 0 && bad == grids) throw Error(ErrorKind::input, first);
    if (bad > 0) notes.push_back(std::to_string(bad) + " spectra have no data (BAD_PIXELS): " + first);
  }

  void interpret(const std::string& wave_unit, const std::string& flux_unit, const std::string& noise_unit) {
    files::interpret(meaning_, options_, wave_unit, flux_unit, noise_unit, relative_, name_);
    if (relative_) notes.push_back("'" + name_ + "': fluxes of an arbitrary scale (FLUXSCAL = relative)");
  }

  // The table whose rows are the spectra: that of the fluxes, or one of as many rows with a redshift or an id.
  void find_targets() {
    if (!flux_.column.empty() && !by_pixel_) target_ = flux_.hdu;
    for (const auto& hdu : file_.summary().hdus)
      if (target_.empty() && hdu.kind == "BINTABLE" && hdu.naxis[1] == rows &&
          (column_of(hdu, k_z_names).there() || column_of(hdu, k_id_names).there()))
        target_ = hdu.extname;
    const auto* table = target_.empty() ? nullptr
                                        : &*std::find_if(file_.summary().hdus.begin(), file_.summary().hdus.end(),
                                                         [&](const auto& h) { return h.extname == target_; });
    if (table != nullptr) {
      z_ = column_of(*table, k_z_names).column;
      id_ = column_of(*table, k_id_names).column;
    }
    if (id_.empty() || by_pixel_) kept.emplace_back("ORIGINAL_ID");
    if (table != nullptr) {
      keep(file_, target_,
           {{"SURVEY", "SURVEY"},
            {"PROGRAM", "PROGRAM"},
            {"SPECTYPE", "SPECTYPE"},
            {"SPECTYPE", "CLASS"},
            {"OBJTYPE", "OBJTYPE"},
            {"ZWARN", "ZWARN"},
            {"RA", "RA"},
            {"RA", "TARGET_RA"},
            {"DEC", "DEC"},
            {"DEC", "TARGET_DEC"}});
      if (!id_.empty()) kept.emplace_back("ORIGINAL_ID");
    }
    for (const std::string& hdu : {flux_.hdu, std::string("PRIMARY")})
      for (const auto name : k_z_names)
        if (const auto value = file_.card(hdu, std::string(name).substr(0, 8)); !value.empty() && !header_z_) try {
            header_z_ = redshift_of_text(value, name_);
          } catch (const Error&) {
            if (z_.empty()) throw;  // else a column has it
          }
    if (flux_.column.empty() && rows > 1 && target_.empty()) check_rows_of_image();
    if (by_pixel_ && z_.empty()) find_z_of_pixels();
    if (z_.empty() && table != nullptr) find_cz(*table);
    if (!z_.empty() && !cz_) {
      const auto unit = file_.column_unit(target_, z_);
      if (!factor_of(unit, Quantity::pure)) refuse("the redshift has another unit", unit, "a pure number");
    } else if (z_.empty() && !header_z_ && !options_.z) {
      refuse("no redshift", "no column or card Z, REDSHIFT ...", "a redshift for each spectrum", "--z VALUE gives it.");
    }
    took_z = z_.empty() && !header_z_;
    if (!z_.empty() && header_z_ && rows == 1) {
      const double own = redshifts(0, 1).front();
      if (std::fabs(own - *header_z_) > 1e-3 * (1 + *header_z_))
        refuse("two redshifts",
               std::to_string(*header_z_) + " in the header and " + std::to_string(own) + " in column " + z_, "one",
               "Remove the wrong one.");
    }
  }

  // GAMA, LAMOST and others keep flux, error and wavelength of one galaxy in the rows of an image.
  void check_rows_of_image() {
    std::string said;
    for (const char* key : {"ROW1", "ROW2", "ARRAY1", "ARRAY2", "BANDID1", "BANDID2", "APNUM1"})
      if (const auto value = file_.card(flux_.hdu, key); !value.empty())
        said += (said.empty() ? "" : ", ") + (std::string(key) + " = " + value);
    const bool named = !wave_.there() && !noise_.there();
    if (said.empty() && !named) return;
    refuse("its image has " + std::to_string(rows) + " rows, and nothing says that each is a galaxy of its own",
           said.empty() ? "no table of as many rows, no noise and no wavelengths beside it" : said,
           "one spectrum, or a table with the redshift of each row",
           "Write flux, error and wavelength of the galaxy as columns of a table.");
  }

  // A table of pixels may repeat the redshift of its spectrum in each row.
  void find_z_of_pixels() {
    const auto& hdus = file_.summary().hdus;
    const auto table = std::find_if(hdus.begin(), hdus.end(), [&](const auto& h) { return h.extname == flux_.hdu; });
    const std::string column = column_of(*table, k_z_names).column;
    if (column.empty()) return;
    const auto all = file_.doubles(flux_.hdu, column, 0, pixels_);
    for (const double z : all)
      if (z != all.front())
        refuse("column " + column + " has more than one redshift",
               std::to_string(all.front()) + " and " + std::to_string(z), "one spectrum a table");
    if (header_z_ && std::fabs(all.front() - *header_z_) > 1e-3 * (1 + *header_z_))
      refuse("two redshifts",
             std::to_string(*header_z_) + " in the header and " + std::to_string(all.front()) + " in column " + column,
             "one", "Remove the wrong one.");
    header_z_ = all.front();
  }

  // Redshifts as velocities cz.
  void find_cz(const HduSummary& table) {
    const std::string column = column_of(table, k_cz_names).column;
    if (column.empty()) return;
    const auto unit = file_.column_unit(target_, column);
    const auto factor = factor_of(unit, Quantity::velocity);
    if (!factor || unit.empty()) {
      if (header_z_ || options_.z) return notes.push_back("'" + name_ + "': column " + column + " is not read");
      refuse("column " + column + " is no velocity", unit.empty() ? "no unit" : unit, "km/s");
    }
    z_ = column;
    cz_ = *factor / k_light_speed;
    notes.push_back("'" + name_ + "': redshifts are column " + column + " over the speed of light" +
                    (header_z_ && rows > 1 ? "; the redshift in the header is not used" : ""));
  }

  std::vector<double> redshifts(std::size_t first, std::size_t count) {
    std::vector<std::size_t> own(count);
    std::iota(own.begin(), own.end(), first);
    auto z = numbers_if(file_, target_, {z_.c_str()}, own, k_nan);
    if (cz_)
      for (double& x : z) x *= *cz_;
    return z;
  }

  void targets(std::size_t first, std::size_t count, Spectra& s) {
    std::vector<std::size_t> own(count);
    std::iota(own.begin(), own.end(), first);
    if (!z_.empty()) s.z = redshifts(first, count);
    if (s.z.empty()) s.z.assign(count, header_z_.value_or(options_.z.value_or(k_nan)));
    s.ebv =
        target_.empty() ? std::vector<double>{} : numbers_if(file_, target_, {"EBV", "SFD_EBV", "E_BV"}, own, k_nan);
    if (s.ebv.empty()) {
      std::string card = file_.card(flux_.hdu, "EBV");
      if (card.empty()) card = file_.card("PRIMARY", "EBV");
      s.ebv.assign(count, card.empty() ? k_nan : std::strtod(card.c_str(), nullptr));
    }
    if (!target_.empty()) {
      s.ra = numbers_if(file_, target_, {"RA", "TARGET_RA"}, own, k_nan);
      s.dec = numbers_if(file_, target_, {"DEC", "TARGET_DEC"}, own, k_nan);
      s.spectype = texts_if(file_, target_, {"SPECTYPE", "CLASS"}, own);
      s.objtype = texts_if(file_, target_, {"OBJTYPE"}, own);
      for (const auto& [key, into] : {std::pair{"SURVEY", &s.survey}, std::pair{"PROGRAM", &s.program}})
        *into = texts_if(file_, target_, {key}, own);
      if (file_.has_column(target_, "ZWARN")) s.zwarn = integers_if(file_, target_, {"ZWARN"}, own, 0);
    }
    if (s.spectype.empty()) s.spectype.assign(count, "");
    identify(first, count, s);
    flag_targets(s);
  }

  // Whole numbers are the ids; other ids are kept as text, and rows without any are known by their number.
  void identify(std::size_t first, std::size_t count, Spectra& s) {
    if (!id_.empty()) {
      try {
        s.targetid = file_.ids(target_, id_, first, count);
      } catch (const Error&) {
        s.original_id = file_.texts(target_, id_, first, count);
      }
    } else {
      for (const char* key : {"TARGETID", "OBJID", "SPECID", "OBJECT"})
        if (const auto value = file_.card("PRIMARY", key); !value.empty() && s.original_id.empty() && rows == 1)
          s.original_id = {value};
    }
    if (s.original_id.empty())
      s.original_id.assign(count, by_pixel_ ? std::filesystem::path(name_).filename().string() : "");
    if (s.targetid.empty()) s.targetid.assign(count, k_null_integer);
  }

  SpectraReaderOptions options_;
  std::string name_;
  mutable FitsInput file_;
  Place wave_, flux_, noise_, mask_;
  Meaning meaning_;
  std::vector<double> wcs_;
  std::uint64_t pixels_ = 0;
  bool by_pixel_ = false, relative_ = false;
  std::string target_, z_, id_;
  std::optional<double> header_z_, cz_;  // cz_: from the column's unit to a redshift
};

}  // namespace

std::unique_ptr<SpectraSource> open_general(const std::filesystem::path& path, const SpectraReaderOptions& options,
                                            bool check) {
  if (is_ecsv(path)) return open_text(path, options);
  return std::make_unique<General>(path, options, check);
}

}  // namespace starglow::files

// Spectra in ECSV, one a file.
#include <array>
#include <cmath>
#include <limits>

#include "files/fits/fits_values.hpp"
#include "files/fits/medium.hpp"
#include "files/surveys/ecsv.hpp"
#include "files/surveys/general_meaning.hpp"
#include "starglow/base/error.hpp"

namespace starglow::files {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

// One spectrum in an ECSV table.
class Text final : public SpectraSource {
 public:
  Text(const std::filesystem::path& path, const SpectraReaderOptions& options)
      : name_(path.string()), table_(read_ecsv(path)) {
    rows = 1;
    Meaning m;
    const auto column = [&](std::span<const std::string_view> names) -> const Ecsv::Column* {
      for (const auto name : names)
        if (const auto* found = table_.find(name)) return found;
      return nullptr;
    };
    const auto *wave = column(k_wave_names), *flux = column(k_flux_names), *noise = column({}),
               *mask = column(k_mask_names);
    for (const auto& [names, kind] : k_noise_names)
      if (noise == nullptr && (noise = column(names)) != nullptr) m.noise = kind;
    if (wave == nullptr || flux == nullptr)
      throw Error(ErrorKind::input, "'" + name_ + "' holds no spectrum",
                  {std::to_string(table_.columns.size()) + " columns of other names", "wavelength and flux",
                   "docs/spectra.md lists the names that are known."});
    m.log_wave = is_log_name(wave->name);
    const auto meta = [&](std::span<const std::string_view> names) {
      for (const auto& [key, value] : table_.meta)
        for (const auto name : names)
          if (same_name(key, name)) return value;
      return std::string();
    };
    constexpr std::array<std::string_view, 2> medium{"AIRORVAC", "VACUUM"};
    Medium seen = is_air_name(wave->name) ? Medium::air : Medium::unknown;
    for (const auto key : medium)
      if (seen == Medium::unknown) seen = medium_of_card(std::string(key), meta({&key, 1}), "'" + name_ + "'");
    m.air = seen == Medium::air;
    notes.push_back("'" + name_ + "': " +
                    (m.air ? "air wavelengths are converted to vacuum"
                           : "it is not said whether wavelengths are in air or in vacuum: vacuum is "
                             "assumed"));
    if (seen == Medium::vacuum) notes.clear();
    bool relative = false;
    interpret(m, options, wave->unit, flux->unit, noise == nullptr ? "" : noise->unit, relative, name_);
    std::vector<double> none;
    one_ = empty_batch(1, table_.rows());
    if (noise == nullptr) one_.ivar = {};
    if (table_.rows() < 2)
      throw Error(ErrorKind::input, "'" + name_ + "': too few pixels",
                  {std::to_string(table_.rows()), "2 at least", ""});
    fill(m, numbers_of(*wave, name_), numbers_of(*flux, name_), noise == nullptr ? none : numbers_of(*noise, name_),
         mask == nullptr ? none : numbers_of(*mask, name_), one_, 0, false, "'" + name_ + "'");
    const std::string z = meta(k_z_names);
    const auto* z_column = column(k_z_names);
    if (z.empty() && z_column == nullptr && !options.z)
      throw Error(ErrorKind::input, "'" + name_ + "': no redshift",
                  {"no Z or REDSHIFT in its header", "a redshift", "--z VALUE gives it."});
    if (!z.empty() && z_column != nullptr)
      if (const double a = redshift_of_text(z, name_), b = one_redshift(*z_column); std::fabs(a - b) > 1e-3 * (1 + a))
        throw Error(ErrorKind::input, "'" + name_ + "': two redshifts",
                    {z + " in the header and " + std::to_string(b) + " in column " + z_column->name, "one",
                     "Remove the wrong one."});
    took_z = z.empty() && z_column == nullptr;
    one_.z = {!z.empty() ? redshift_of_text(z, name_) : z_column != nullptr ? one_redshift(*z_column) : *options.z};
    constexpr std::array<std::string_view, 1> ebv{"EBV"};
    one_.ebv = {meta(ebv).empty() ? k_nan : std::strtod(meta(ebv).c_str(), nullptr)};
    one_.spectype = {""};
    one_.targetid = {k_null_integer};
    const std::string id = meta(k_id_names);
    kept = {"ORIGINAL_ID"};
    one_.original_id = {id.empty() ? path.filename().string() : id};
    constexpr std::array<std::string_view, 1> mwcorr{"MWCORR"}, aperture{"APERTURE"};
    conventions = {convention_word("APERTURE", meta(aperture)),
                   convention_word("MWCORR", meta(mwcorr)),
                   "unknown",
                   "masked data",
                   "unknown",
                   relative ? "relative" : "absolute",
                   "T"};
  }

  Spectra read(std::size_t, std::size_t) override { return one_; }

 private:
  // The redshift of a column, which is that of the spectrum in each of its rows.
  double one_redshift(const Ecsv::Column& column) const {
    if (!factor_of(column.unit, Quantity::pure))
      throw Error(ErrorKind::input, "'" + name_ + "': the redshift has another unit",
                  {column.unit, "a pure number", ""});
    const std::vector<double> all = numbers_of(column, name_);
    for (const double z : all)
      if (z != all.front() && !(std::isnan(z) && std::isnan(all.front())))
        throw Error(ErrorKind::input, "'" + name_ + "': column " + column.name + " has more than one redshift",
                    {std::to_string(all.front()) + " and " + std::to_string(z), "one spectrum a file", ""});
    return all.front();
  }

  std::string name_;
  Ecsv table_;
  Spectra one_;
};

}  // namespace

std::unique_ptr<SpectraSource> open_text(const std::filesystem::path& path, const SpectraReaderOptions& options) {
  return std::make_unique<Text>(path, options);
}

}  // namespace starglow::files

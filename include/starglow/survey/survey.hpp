#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "starglow/base/flags.hpp"
#include "starglow/base/parallel.hpp"
#include "starglow/files/provenance.hpp"
#include "starglow/model/model.hpp"
#include "starglow/spectra/measure.hpp"
#include "starglow/spectra/templates.hpp"

/// A survey run: a tree of spectra files in, one catalogue of bands, measured and predicted lines out.
///
/// The work is cut into parts: one coadd with its redrock file (DESI: healpix, tiles and other folders alike), or one
/// folder of SDSS `spec-*.fits`. A run folder holds the plan, and of each part its table and a note that says what
/// went in and out:
///
///     survey.json  parts/NAME.fits  parts/NAME.json   (a failed part: parts/NAME.failed.json)
///
/// A part counts as done when its note is there, names the same inputs and settings, and its table has the size that
/// the note says. Each file appears whole or not at all, so a run can be stopped at any moment and started again.
namespace starglow::survey {

/// One piece of work.
struct Part {
  std::string name;                           ///< unique in the run, safe as a file name: "main-bright-10016"
  std::string layout;                         ///< "desi" or "sdss"
  std::vector<std::filesystem::path> inputs;  ///< relative to the tree: coadd and redrock, or the spec files
  std::string survey, program;                ///< "" = the tree does not say
  std::uint64_t rows = 0, bytes = 0;
  std::string problem;  ///< "" = readable; else why not
  /// Of SDSS files: those among them that cannot be read, each with the reason. Their rows are rejects of the part.
  std::vector<std::string> broken;
};

/// Which spectra are wanted. A row that is not is listed with its reason, never dropped in silence.
struct Selection {
  std::vector<std::int64_t> targetids;  ///< empty = all
  std::string survey, program;          ///< "" = all
  std::string spectype;                 ///< "" = all; GALAXY, QSO or STAR of the redshift fit
  double min_deltachi2 = -std::numeric_limits<double>::infinity();
  double z_min = -std::numeric_limits<double>::infinity(), z_max = std::numeric_limits<double>::infinity();
};

struct Plan {
  std::filesystem::path tree;
  std::vector<Part> parts;
  /// Files that are of no part, because another one has their spectra ("coadd-1.fits.gz" beside "coadd-1.fits").
  std::vector<std::string> passed_over;
  std::uint64_t rows() const noexcept;
  std::uint64_t bytes() const noexcept;
  std::size_t unreadable() const noexcept;
  bool has_sdss() const noexcept;
};

/// Finds the parts below `tree` and looks at their headers, in an order that depends on names alone. Files that cannot
/// be read are parts with a `problem`. Folders that are symbolic links are not entered. `seen` is called with the
/// number of files looked at. Error(input): no such folder, or no spectra below it.
Plan make_plan(const std::filesystem::path& tree, const Selection& selection,
               const std::function<void(std::size_t)>& seen = {});

/// Writes and reads DIR/survey.json. Error(usage): another plan is there and `overwrite` is false.
void save_plan(const Plan& plan, const std::filesystem::path& dir, bool overwrite);
/// Error(input): no plan in this folder, or one that cannot be read.
Plan load_plan(const std::filesystem::path& dir);

/// What every part is worked with.
struct RunSettings {
  Selection selection;
  MeasureOptions measure;
  std::size_t chunk = 128;  ///< spectra in memory at a time
  /// One line of text a setting: parts made with other text are made again.
  std::string text() const;
};

struct Tools {
  const Model& model;
  const TemplateSet& templates;
  std::string templates_hash;  ///< SHA-256 of the templates' file; "" = the shipped ones
  WorkerPool& pool;
};

enum class State { missing, done, failed };
struct PartStatus {
  State state = State::missing;
  std::uint64_t rows_in = 0, rows_out = 0, rejects = 0;
  std::string reason;               ///< of a failure
  std::vector<std::string> broken;  ///< files of a part that is done that could not be read: why not
};

/// What the notes of a part say; looks at sizes, not at sums.
PartStatus status_of(const Plan& plan, std::size_t part, const std::filesystem::path& dir);

/// Works one part and writes its table and note; does nothing where it is done already. A failure of its input is
/// noted and returned, not thrown; Error(output) is thrown. `between` is called with the rows done so far and may
/// throw to stop.
PartStatus run_part(const Plan& plan, std::size_t part, const std::filesystem::path& dir, const RunSettings& settings,
                    const Tools& tools, const std::function<void(std::size_t)>& between = {});

/// Sums of tables, counts of rows and sizes of inputs of a part against its note: "" = right, else what is wrong.
std::string validate_part(const Plan& plan, std::size_t part, const std::filesystem::path& dir);

struct Merged {
  std::uint64_t rows = 0, rejects = 0, repeated = 0;
  std::size_t parts = 0, left_out = 0;
  FlagCounts flags;
};

/// Joins the parts, in the order of the plan, into one catalogue, and lists the rejects beside it (`rejects`, CSV:
/// part, file, row, TARGETID, reason; a part that is not there is one line of row -1). Rows whose (TARGETID, SURVEY,
/// PROGRAM) come more than once are kept and flagged REPEATED. Equal parts give equal bytes. Error(numeric): parts are
/// missing or failed and `allow_partial` is false; nothing is written then.
Merged merge(const Plan& plan, const std::filesystem::path& dir, const std::filesystem::path& catalogue,
             const std::filesystem::path& rejects, bool allow_partial, bool overwrite,
             const std::function<void(std::size_t)>& between = {});

/// The script of a Slurm array of `jobs` tasks.
std::string slurm_script(const std::filesystem::path& dir, std::size_t jobs, unsigned cpus, std::string_view options);

}  // namespace starglow::survey

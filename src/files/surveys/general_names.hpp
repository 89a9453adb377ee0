#pragma once
#include <array>
#include <span>
#include <string_view>
#include <utility>

namespace starglow::files {

/// Names by which other people's tables of spectra call their parts, compared without regard to case; docs/spectra.md.
enum class Noise { none, ivar, error, variance };

inline constexpr std::array<std::string_view, 24> k_wave_names{
    "WAVELENGTH",     "WAVE",          "WAVELENGTHS", "LAMBDA",   "LAM",        "WAVE_OBS", "OBS_WAVE",
    "WAVELENGTH_OBS", "SPECTRAL_AXIS", "WL",          "WAVE_VAC", "LAMBDA_VAC", "VAC_WAVE", "WAVELENGTH_VAC",
    "VAC_WAVELENGTH", "LOGLAM",        "LOGLAMBDA",   "LOG_WAVE", "LOGWAVE",    "AIR_WAVE", "AIR_WAVELENGTH",
    "WAVELENGTH_AIR", "WAVE_AIR",      "LAMBDA_AIR"};
inline constexpr std::array<std::string_view, 12> k_flux_names{
    "FLUX", "FLUX_DENSITY", "F_LAMBDA", "FLAM",  "FLUX_LAMBDA", "FLUXES",
    "SPEC", "SPECTRUM",     "SPECTRA",  "F_LAM", "FLUX_CAL",    "FLUXDENSITY"};
inline constexpr std::array<std::string_view, 7> k_ivar_names{
    "IVAR", "INVVAR", "FLUX_IVAR", "IVAR_FLUX", "INVERSE_VARIANCE", "INV_VAR", "FLUX_INVVAR"};
inline constexpr std::array<std::string_view, 20> k_error_names{"ERROR",
                                                                "ERR",
                                                                "FLUX_ERR",
                                                                "FLUX_ERROR",
                                                                "ERR_FLUX",
                                                                "ERROR_FLUX",
                                                                "E_FLUX",
                                                                "EFLUX",
                                                                "FLUXERR",
                                                                "SIGMA",
                                                                "SIG",
                                                                "NOISE",
                                                                "UNCERTAINTY",
                                                                "UNC",
                                                                "FLUX_UNC",
                                                                "FLUX_SIGMA",
                                                                "FLUX_UNCERTAINTY",
                                                                "STD",
                                                                "STDDEV",
                                                                "FLUXERROR"};
inline constexpr std::array<std::string_view, 4> k_variance_names{"VAR", "VARIANCE", "FLUX_VAR", "STAT"};
inline constexpr std::array<std::string_view, 7> k_mask_names{"MASK",     "BADPIX", "DQ",       "QUALITY",
                                                              "AND_MASK", "BAD",    "FLUX_MASK"};
inline constexpr std::array<std::string_view, 9> k_z_names{"Z",     "REDSHIFT", "Z_SPEC", "ZSPEC", "Z_BEST",
                                                           "ZBEST", "Z_OBS",    "ZHELIO", "SPECZ"};
inline constexpr std::array<std::string_view, 5> k_cz_names{"CZ", "CZ_HELIO", "CZHELIO", "VHELIO", "V_HELIO"};
inline constexpr std::array<std::string_view, 14> k_id_names{
    "TARGETID", "SPECOBJID", "OBJID",   "OBJECT_ID", "OBJECTID", "SOURCE_ID", "SOURCEID",
    "STACKID",  "SPECID",    "SDSS_ID", "CATALOGID", "ID",       "NAME",      "OBJECT"};
inline constexpr std::array<std::pair<std::span<const std::string_view>, Noise>, 3> k_noise_names{
    {{k_ivar_names, Noise::ivar}, {k_error_names, Noise::error}, {k_variance_names, Noise::variance}}};

/// Whether a name of wavelengths says that they are in air, or logarithms (base 10, of A).
bool is_air_name(std::string_view name);
bool is_log_name(std::string_view name);

}  // namespace starglow::files

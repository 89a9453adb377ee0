#include <charconv>
#include <cmath>
#include <sstream>
#include <type_traits>

#include "model/training_tables.hpp"
#include "starglow/base/error.hpp"
#include "starglow/model/evolution.hpp"
#include "starglow/model/train.hpp"

namespace starglow {
namespace {

[[noreturn]] void refuse(std::string_view key, const std::string& text, const std::string& wanted) {
  throw Error(ErrorKind::usage, "training setting '" + std::string(key) + "' cannot be used",
              {"'" + text + "'", wanted, ""});
}

template <class T>
T parse_number(std::string_view key, const std::string& text, T low, T high) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::ostringstream wanted;
  wanted << "a number from " << low << " to " << high;
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= low && value <= high))
    refuse(key, text, wanted.str());
  return value;
}

template <class T>
std::string number_text(T value) {
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);  // shortest text that reads back equal
  return {buffer, result.ptr};
}

template <auto member>
std::string get_number(const TrainConfig& c) {
  return number_text(c.*member);
}
template <auto member>
std::string get_switch(const TrainConfig& c) {
  return c.*member ? "true" : "false";
}
template <auto member>
void set_switch(TrainConfig& c, const std::string& text) {
  if (text != "true" && text != "false") refuse("switch", text, "true or false");
  c.*member = text == "true";
}

std::string get_hidden(const TrainConfig& c) {
  std::string text;
  for (const auto size : c.hidden) text += (text.empty() ? "" : ",") + std::to_string(size);
  return text;
}
void set_hidden(TrainConfig& c, const std::string& text) {
  c.hidden.clear();
  std::istringstream in(text);
  for (std::string item; std::getline(in, item, ',');)
    c.hidden.push_back(parse_number<std::int32_t>("hidden", item, 1, 1024));
  if (c.hidden.empty() || c.hidden.size() > 6) refuse("hidden", text, "one to six layer widths, e.g. 64,128,64");
}
std::string get_activation(const TrainConfig& c) { return std::string(to_string(c.activation)); }
void set_activation(TrainConfig& c, const std::string& text) {
  for (const auto a : {Activation::selu, Activation::polyswish, Activation::silu})
    if (to_string(a) == text) {
      c.activation = a;
      return;
    }
  refuse("activation", text, "selu, polyswish or silu");
}

void set_method(TrainConfig& c, const std::string& text) {
  if (text != "network" && text != "knn" && text != "llr") refuse("method", text, "network, knn or llr");
  c.method = text;
}

constexpr std::string_view k_none = "none";  // the ratios of the bands alone, as a setting

void set_inputs(TrainConfig& c, const std::string& text) {
  if (text.empty()) refuse("inputs", text, "none, or inputs");
  try {
    c.inputs = text == k_none ? InputSet() : InputSet::parse(text);
  } catch (const Error& e) {
    refuse("inputs", text, e.what());
  }
}

constexpr std::string_view k_ten = "ten";  // the lines of k_lines, as a setting

void set_lines(TrainConfig& c, const std::string& text) {
  c.lines = text == k_ten ? LineSet::standard() : LineSet::parse(text);
}

// A number with its allowed range; the range lives in the setter, which must be a plain function.
#define STARGLOW_NUMBER(name, help, low, high)                                                 \
  ConfigField {                                                                                \
    #name, help, get_number<&TrainConfig::name>, [](TrainConfig& c, const std::string& text) { \
      c.name = parse_number<decltype(c.name)>(#name, text, low, high);                         \
    }                                                                                          \
  }
#define STARGLOW_SWITCH(name, help) \
  ConfigField { #name, help, get_switch<&TrainConfig::name>, set_switch<&TrainConfig::name> }

#define STARGLOW_TEXT(name, help)                                                                           \
  ConfigField {                                                                                             \
    #name, help, [](const TrainConfig& c) { return c.name; }, [](TrainConfig& c, const std::string& text) { \
      if (std::string_view(#name) != "unmeasured") check_table_rule(#name, text);                           \
      c.name = text;                                                                                        \
    }                                                                                                       \
  }

void set_evolution(TrainConfig& c, const std::string& text) {
  if (!text.empty()) (void)Evolution::parse(text);
  c.evolution = text;
}

const ConfigField k_fields[]{
    {"method", "network, or a baseline: knn, llr", [](const TrainConfig& c) { return c.method; }, set_method},
    STARGLOW_NUMBER(neighbours, "knn, llr: number of neighbours; 0: by cross-validation", 0, 100000),
    STARGLOW_NUMBER(principal, "knn, llr: principal components; 0: by cross-validation", 0, 13),
    STARGLOW_SWITCH(joint, "the joint distribution of the lines; false: one value per line"),
    STARGLOW_SWITCH(per_line, "one network a line (K24) instead of one for all"),
    {"hidden", "widths of the hidden layers", get_hidden, set_hidden},
    {"activation", "selu, polyswish or silu", get_activation, set_activation},
    STARGLOW_NUMBER(members, "networks in the averaged ensemble (shared trunk)", 1, 64),
    {"lines", "lines to predict, comma-separated, of those that prep measures; ten: the first ten",
     [](const TrainConfig& c) { return c.lines.is_standard() ? std::string(k_ten) : c.lines.names(); }, set_lines},
    {"inputs", "inputs beside the band ratios, comma-separated: log_lum, z, columns of the table (d4000); or none",
     [](const TrainConfig& c) { return c.inputs.empty() ? std::string(k_none) : c.inputs.names(); }, set_inputs},
    STARGLOW_SWITCH(sibling, "also train networks for galaxies that lack luminosity, redshift or bands"),
    STARGLOW_SWITCH(masks, "the sibling can do without any input; false: it uses the band ratios alone"),
    STARGLOW_NUMBER(sibling_members, "networks of the sibling that are averaged", 1, 64),
    STARGLOW_NUMBER(sibling_epochs, "passes over the galaxies for the sibling", 1, 100000),
    STARGLOW_NUMBER(distil, "sibling: weight of the full networks' predictions relative to the measured lines", 0.0,
                    1.0),
    STARGLOW_NUMBER(mask_rate, "sibling: fraction of galaxies that lose bands at each step", 0.0, 1.0),
    STARGLOW_NUMBER(lum_mask_rate, "sibling: fraction that lose the luminosity, half of them the redshift", 0.0, 1.0),
    STARGLOW_NUMBER(epochs, "passes over the galaxies", 1, 100000),
    STARGLOW_NUMBER(batch, "galaxies a step", 1, 1 << 20),
    STARGLOW_NUMBER(learning_rate, "peak rate of AdamW", 0.0, 1.0),
    STARGLOW_NUMBER(final_rate, "rate at the end, as a fraction of the peak", 0.0, 1.0),
    STARGLOW_NUMBER(warmup, "fraction of the steps with a rising rate", 0.0, 1.0),
    STARGLOW_NUMBER(weight_decay, "decoupled decay of the weights", 0.0, 10.0),
    STARGLOW_NUMBER(init_sd, "sd of the initial parameters; 0: sqrt(1/n_in), biases 0", 0.0, 10.0),
    STARGLOW_NUMBER(huber, "residual, in units of the target's sd, above which the loss is linear; 0: never", 0.0, 1e6),
    STARGLOW_NUMBER(noise_floor, "error of asinh EW below which all measurements have the same weight; 0: always", 0.0,
                    1e6),
    STARGLOW_NUMBER(input_noise, "sd of noise on the standardised features", 0.0, 10.0),
    STARGLOW_NUMBER(gradient_clip, "largest gradient norm; 0: none", 0.0, 1e6),
    STARGLOW_NUMBER(components, "normal distributions of the joint mixture", 1, 4),
    STARGLOW_NUMBER(point_members, "networks of step 1 from which a joint model learns", 1, 64),
    STARGLOW_NUMBER(sibling_point_members, "the same for the sibling", 1, 64),
    STARGLOW_NUMBER(anchor, "how strongly the joint means are kept to those predictions; 0: not at all", 0.0, 1e6),
    STARGLOW_NUMBER(joint_epochs, "passes for the joint distribution, after those of step 1", 1, 100000),
    STARGLOW_NUMBER(sibling_joint_epochs, "passes for the sibling's joint distribution", 1, 100000),
    STARGLOW_NUMBER(joint_rate, "peak rate of AdamW for the joint distribution", 0.0, 1.0),
    STARGLOW_NUMBER(factor_rate, "rate of the correlations, in units of joint_rate", 0.0, 1000.0),
    STARGLOW_NUMBER(width_epochs, "passes for the widths, about means of models trained without the galaxy; 0: none", 0,
                    100000),
    STARGLOW_NUMBER(width_rate, "rate of widths and weights, in units of joint_rate", 0.0, 1000.0),
    STARGLOW_SWITCH(deconvolve, "remove the measurement noise from the distribution"),
    STARGLOW_NUMBER(site_passes, "further steps of expectation propagation for the measurement noise", 0, 20),
    STARGLOW_SWITCH(censor, "a line without a measurement was not found, instead of missing"),
    STARGLOW_SWITCH(correlate, "fit correlations of the lines"),
    STARGLOW_NUMBER(calibration_folds, "parts of the cross-validation that calibrates the quantiles; 0: none", 0, 20),
    STARGLOW_SWITCH(label_gates, "leave out impossible measurements"),
    STARGLOW_NUMBER(validation, "fraction of galaxies kept for early stopping; 0: none", 0.0, 0.9),
    STARGLOW_NUMBER(patience, "epochs without a better validation loss", 1, 100000),
    STARGLOW_TEXT(selection, "cut on measured lines by which the galaxies of a table were selected"),
    STARGLOW_TEXT(error_scale, "ratio of true to quoted errors of the EWs"),
    STARGLOW_TEXT(peaks, "lines whose EW is the highest of so many noise peaks"),
    STARGLOW_TEXT(dust, "highest E(B-V) of Galactic dust left in the bands"),
    STARGLOW_TEXT(unmeasured, "tables in which EW_IVAR = 0 means not measured, instead of not found"),
    STARGLOW_SWITCH(weak_component, "the last component starts as the distribution of galaxies without lines"),
    STARGLOW_SWITCH(negative, "measured EWs may be negative"),
    STARGLOW_NUMBER(site_refreshes, "how often the noise is removed again, with the distribution found so far", 0, 10),
    STARGLOW_SWITCH(gaps, "train on galaxies that lack bands too"),
    STARGLOW_NUMBER(z_low, "the networks see the redshift clipped to this", 0.0, 1e9),
    STARGLOW_NUMBER(z_high, "and to this", 0.0, 1e9),
    STARGLOW_NUMBER(band_scatter, "sd of a random change of each band at each step, in ln flux", 0.0, 1.0),
    STARGLOW_NUMBER(table_scatter, "the same, one change for all galaxies of a table", 0.0, 1.0),
    {"evolution", "growth of the lines of active galaxies with redshift: Z0: LINE POWER WIDTH, ...",
     [](const TrainConfig& c) { return c.evolution; }, set_evolution},
    STARGLOW_SWITCH(contrast,
                    "the domain is also told apart from young populations, post-starbursts, quasars and stars"),
    STARGLOW_NUMBER(widen, "widths grow by up to this fraction outside the domain", 0.0, 100.0),
    STARGLOW_SWITCH(calibrate_lines, "calibrate shift and slope of each line with galaxies not used for training"),
    STARGLOW_NUMBER(seed, "seed of start, batch order and noise", 0, UINT64_MAX),
};
#undef STARGLOW_NUMBER
#undef STARGLOW_SWITCH
#undef STARGLOW_TEXT

}  // namespace

std::span<const ConfigField> train_config_fields() { return k_fields; }

std::vector<std::string> train_preset_names() {
  return {"joint", "joint-bgs", "every-kind", "point", "k24", "knn", "llr"};
}

TrainConfig train_preset(std::string_view name) {
  TrainConfig c;
  if (name == "joint" || name == "joint-bgs") {
    c.preset = name;
    return c;
  }
  if (name == "every-kind") {
    c.preset = name;
    c.components = 3;
    c.weak_component = c.negative = c.gaps = true;
    c.width_rate = 3;
    c.epochs = c.sibling_epochs = 150;
    c.joint_epochs = c.sibling_joint_epochs = 300;
    c.point_members = 8;
    c.sibling_point_members = 4;
    c.calibration_folds = 0;
    c.calibrate_lines = false;
    c.site_refreshes = 2;
    c.gradient_clip = 5;
    c.mask_rate = 0.5;
    c.lum_mask_rate = 0.5;
    c.z_high = 0.31;
    c.band_scatter = 0.003;
    c.table_scatter = 0.005;
    c.selection = "FastSpecFit: HBETA,OIII_5007,HALPHA,NII_6584 > 0";
    c.error_scale =
        "MPA-JHU: OII_DOUBLET 2.2, HGAMMA 1.9, HBETA 1.9, OIII_5007 1.6, HALPHA 2.5, NII_6584 2, SII_6716 2, "
        "SII_6731 2";
    c.peaks = "FastSpecFit: OII_DOUBLET 4";
    c.dust = "FastSpecFit: 0.08";
    c.unmeasured = "MPA-JHU; NSA";
    c.evolution =
        "0.31: OII_DOUBLET 1.4 0.5, HGAMMA 1.4 0.3, HBETA 1.4 0.3, OIII_5007 2 0.5, HALPHA 1.4 0.3, NII_6584 1.4 0.5, "
        "SII_6716 1.4 0.5, SII_6731 1.4 0.5";
    c.contrast = true;
    c.widen = 0.5;
    return c;
  }
  if (name == "point" || name == "k24") {
    c.preset = "point";
    c.joint = false;
    c.members = c.sibling_members = 7;
    c.sibling_epochs = 350;
    c.distil = 0.5;
    c.mask_rate = 0.8;
  }
  if (name == "point") return c;
  if (name == "knn" || name == "llr") {
    c.preset = c.method = name;
    c.joint = c.sibling = false;
    return c;
  }
  if (name == "k24") {
    c.preset = "k24";
    c.per_line = true;
    c.hidden = {64, 128, 64};
    c.huber = 0.0;
    c.noise_floor = 0.0;
    c.activation = Activation::selu;
    c.masks = false;
    c.sibling_epochs = 100;
    c.members = 1;
    c.inputs = InputSet::of(k_input_log_lum);
    c.epochs = 100;
    c.weight_decay = 0.0;
    c.init_sd = 0.1;
    c.validation = 0.1;
    return c;
  }
  throw Error(ErrorKind::usage, "unknown training preset",
              {"'" + std::string(name) + "'", "joint, joint-bgs, every-kind, point, k24, knn or llr", ""});
}

}  // namespace starglow

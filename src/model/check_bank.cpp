#include "model/check_bank.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "starglow/base/error.hpp"

namespace starglow {

void check_bank(const NetworkBank& bank, const LineSet& lines, const std::string& name, bool distribution) {
  const auto& joint = bank.joint;
  if (joint.has_value() != distribution)
    throw Error(ErrorKind::model, "networks '" + name + "': a joint model has joint heads, and no other has");
  if (joint) joint->check();
  bank.shape.check();
  const auto refuse = [&](const std::string& what, std::size_t seen, std::size_t wanted) {
    throw Error(ErrorKind::model, "networks '" + name + "': " + what,
                {std::to_string(seen), std::to_string(wanted), ""});
  };
  if (bank.n_nets == 0 || bank.n_nets > 64) refuse("wrong number of networks", bank.n_nets, 10);
  if (bank.shape.n_in() != bank.features.size())
    refuse("inputs and features differ", bank.shape.n_in(), bank.features.size());
  if (bank.params.size() != bank.n_nets * bank.shape.n_params())
    refuse("wrong number of parameters", bank.params.size(), bank.n_nets * bank.shape.n_params());
  for (const auto* m : {&bank.x_mean, &bank.x_scale})
    if (m->rows() != bank.n_nets || m->cols() != bank.shape.n_in())
      refuse("scalers of wrong shape", m->rows() * m->cols(), bank.n_nets * bank.shape.n_in());
  const std::size_t wanted = bank.per_line() ? bank.n_nets : joint ? lines.independent().size() : bank.shape.n_out();
  if (bank.per_line() && bank.shape.n_out() != 1) refuse("outputs a network", bank.shape.n_out(), 1);
  if (bank.outputs.size() != wanted) refuse("wrong number of output lines", bank.outputs.size(), wanted);
  if (bank.y_mean.size() != wanted || bank.y_scale.size() != wanted)
    refuse("output scalers of wrong size", bank.y_mean.size(), wanted);
  if (joint && bank.shape.n_out() != joint->n_outputs())
    refuse("outputs do not fit the joint head", bank.shape.n_out(), joint->n_outputs());
  if (joint && (joint->slots != lines.slots() || !std::ranges::equal(bank.outputs, lines.independent())))
    throw Error(ErrorKind::model, "networks '" + name + "': a joint head gives the independent lines, in order");
  std::array<bool, k_n_all_lines> seen{};
  for (const auto line : bank.outputs) {
    if (line >= k_n_all_lines || !lines.has(line) || seen[line])
      refuse("output lines repeat or are not the model's", line, k_n_all_lines);
    seen[line] = true;
  }
  for (const auto& doublet : k_doublets)
    if (seen[static_cast<std::size_t>(doublet.strong)]) seen[static_cast<std::size_t>(doublet.weak)] = true;
  for (const std::size_t line : lines.lines())
    if (!seen[line])
      throw Error(ErrorKind::model, "networks '" + name + "' do not give " + std::string(k_all_lines[line].name));
  const auto finite = [](auto v) { return std::isfinite(v); };
  for (const auto p : bank.params)
    if (!finite(p)) throw Error(ErrorKind::model, "networks '" + name + "' hold a parameter that is not finite");
  for (const auto s : bank.x_scale.flat())
    if (!finite(s) || !(s > 0))
      throw Error(ErrorKind::model, "networks '" + name + "' hold a scale that is not positive");
  for (const auto m : bank.x_mean.flat())
    if (!finite(m)) throw Error(ErrorKind::model, "networks '" + name + "' hold a mean that is not finite");
  for (const auto m : bank.y_mean)
    if (!finite(m)) throw Error(ErrorKind::model, "networks '" + name + "' hold an answer's mean that is not finite");
  for (const auto s : bank.y_scale)
    if (!finite(s) || !(s > 0))
      throw Error(ErrorKind::model, "networks '" + name + "' hold an answer's scale that is not positive");
}

}  // namespace starglow

#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "kernels/table.hpp"

namespace starglow::kernels {

/// The table in use. Chosen at the first call: STARGLOW_ISA where set, else the widest that this processor runs.
/// Error(usage) when STARGLOW_ISA names none that it can run.
const KernelTable& active();
std::string_view active_isa();

/// Takes another table from now on. Error(usage) for a name that this processor cannot run. Call it before the threads
/// that use the kernels start; networks made earlier keep the table they were made with.
void select_isa(std::string_view name);

/// Tables that this processor can run, narrowest first.
std::vector<const KernelTable*> available();

template <class T>
const Ops<T>& ops(const KernelTable& table);
template <>
inline const Ops<float>& ops<float>(const KernelTable& table) {
  return table.f32;
}
template <>
inline const Ops<double>& ops<double>(const KernelTable& table) {
  return table.f64;
}

}  // namespace starglow::kernels

#pragma once
#include <gtest/gtest.h>

#include <string>

#include "kernels/dispatch.hpp"

namespace starglow::test {

/// Runs `body` under each instruction set that this machine has, and puts the first one back.
template <class F>
void for_each_isa(F body) {
  const std::string before(kernels::active_isa());
  for (const auto* table : kernels::available()) {
    SCOPED_TRACE(table->isa);
    kernels::select_isa(table->isa);
    body();
  }
  kernels::select_isa(before);
}

}  // namespace starglow::test

#include "kernels/dispatch.hpp"

#include <atomic>
#include <cstdlib>

#include "base/processor.hpp"
#include "starglow/base/error.hpp"
#include "starglow/base/lines.hpp"

namespace starglow::kernels {

static_assert(k_mixture_lines == k_n_independent_lines && k_independent_lines[k_sii_blue] == line_index("SII_6716") &&
              k_independent_lines[k_sii_blue + 1] == line_index("SII_6731"));
static_assert(k_mixture_wide == k_most_independent_lines);

#if defined(__x86_64__)
extern const KernelTable k_table_v2, k_table_v3, k_table_v4;
#else
extern const KernelTable k_table_portable;
#endif

std::vector<const KernelTable*> available() {
#if defined(__x86_64__)
  const X86Features& processor = x86_features();
  std::vector<const KernelTable*> tables;
  if (processor.v2) tables.push_back(&k_table_v2);
  if (processor.v3) tables.push_back(&k_table_v3);
  if (processor.v4) tables.push_back(&k_table_v4);
  if (tables.empty())
    throw Error(ErrorKind::usage, "this processor is too old for the kernels",
                {"no SSE4.2", "x86-64-v2 or newer", "Any x86-64 processor since about 2009 has it."});
  return tables;
#else
  return {&k_table_portable};
#endif
}

namespace {

const KernelTable* find(std::string_view name, std::string_view origin) {
  std::string list;
  for (const KernelTable* table : available()) {
    if (name == table->isa) return table;
    list += (list.empty() ? "" : ", ") + std::string(table->isa);
  }
  throw Error(ErrorKind::usage, "instruction set cannot be used (" + std::string(origin) + ")",
              {"'" + std::string(name) + "'", "one of " + list, ""});
}

std::atomic<const KernelTable*> g_active{nullptr};

}  // namespace

const KernelTable& active() {
  const KernelTable* table = g_active.load(std::memory_order_acquire);
  if (table == nullptr) {
    const char* forced = std::getenv("STARGLOW_ISA");
    table = forced != nullptr && *forced != '\0' ? find(forced, "environment STARGLOW_ISA") : available().back();
    g_active.store(table, std::memory_order_release);
  }
  return *table;
}

std::string_view active_isa() { return active().isa; }

void select_isa(std::string_view name) { g_active.store(find(name, "setting isa"), std::memory_order_release); }

}  // namespace starglow::kernels
